"""Kubernetes Events on policies: which, and how often. Decides over values and clocks handed in.

At most one Event for a policy, kind and breaker in 10 s, with the count of what happened meanwhile.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from app.operator.kube.resources import PolicyObject

__all__ = ["EventPost", "EventAggregator", "Notice"]

PERIOD_S = 10.0
MAX_KEYS = 4_096
_NAME_LENGTH = 253
_SUFFIX_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth an Event. `subject`: the breaker it speaks of, or empty."""

    reason: str
    message: str
    subject: str = ""

    @property
    def is_warning(self) -> bool:
        return self.reason in ("Rejected", "Conflicted", "BreakerOpened", "LimitStoreDown")


@dataclass(frozen=True, slots=True)
class EventPost:
    """An Event to create (`count` 1 of this name so far: `is_new`) or to bring up to date."""

    namespace: str
    name: str
    is_new: bool
    policy: PolicyObject
    notice: Notice
    count: int
    first_wall_s: float
    last_wall_s: float


@dataclass(slots=True)
class _Thread:
    """One Event object and what waits to be added to it."""

    name: str
    policy: PolicyObject
    notice: Notice
    first_wall_s: float
    last_wall_s: float
    posted_s: float
    count: int = 0
    waiting: int = 0


class EventAggregator:
    """What was posted lately."""

    def __init__(self) -> None:
        self._threads: OrderedDict[tuple[str, str, str], _Thread] = OrderedDict()

    def offer(self, policy: PolicyObject, notice: Notice, now_s: float, wall_s: float) -> EventPost | None:
        """What to post at once; None if it waits for `due`."""
        key = (policy.uid, notice.reason, notice.subject)
        thread = self._threads.get(key)
        if thread is None:
            name = _event_name(policy, key, wall_s)
            thread = _Thread(name, policy, notice, wall_s, wall_s, now_s - PERIOD_S)
            self._threads[key] = thread
            if len(self._threads) > MAX_KEYS:
                self._threads.popitem(last=False)
        self._threads.move_to_end(key)
        thread.policy, thread.notice, thread.last_wall_s = policy, notice, wall_s
        thread.waiting += 1
        return _post(thread, now_s) if now_s - thread.posted_s >= PERIOD_S else None

    def due(self, now_s: float) -> Iterator[EventPost]:
        """What waited long enough."""
        for thread in self._threads.values():
            if thread.waiting and now_s - thread.posted_s >= PERIOD_S:
                yield _post(thread, now_s)

    def lost(self, post: EventPost) -> None:
        """The API server no longer has the Event (they live an hour): a new one is made next time."""
        key = (post.policy.uid, post.notice.reason, post.notice.subject)
        self._threads.pop(key, None)


def _post(thread: _Thread, now_s: float) -> EventPost:
    is_new = thread.count == 0
    thread.count += thread.waiting
    thread.waiting, thread.posted_s = 0, now_s
    return EventPost(
        thread.policy.namespace,
        thread.name,
        is_new,
        thread.policy,
        thread.notice,
        thread.count,
        thread.first_wall_s,
        thread.last_wall_s,
    )


def _event_name(policy: PolicyObject, key: tuple[str, str, str], wall_s: float) -> str:
    digest = sha256(repr((key, wall_s)).encode()).hexdigest()[:_SUFFIX_LENGTH]
    return f"{policy.name[: _NAME_LENGTH - _SUFFIX_LENGTH - 1].rstrip('.-')}.{digest}"

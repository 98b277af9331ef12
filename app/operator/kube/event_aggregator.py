"""How often Kubernetes Events are written: at most one for a policy, reason and breaker in 10 s. Pure.

What happens meanwhile is added to the count of the same Event.
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
    """Something that deserves an Event. `subject`: the breaker that it is about, or empty."""

    reason: str
    message: str
    subject: str = ""

    @property
    def is_warning(self) -> bool:
        return self.reason in ("Rejected", "Conflicted", "BreakerOpened", "LimitStoreDown")


@dataclass(frozen=True, slots=True)
class EventPost:
    """An Event to create (`is_new`), or one whose count, message and time are to be updated."""

    namespace: str
    name: str
    is_new: bool
    policy: PolicyObject
    notice: Notice
    count: int
    first_wall_s: float
    last_wall_s: float


@dataclass(slots=True)
class _Series:
    """One Event object and what waits to be added to its count."""

    name: str
    policy: PolicyObject
    notice: Notice
    first_wall_s: float
    last_wall_s: float
    posted_s: float
    count: int = 0
    waiting: int = 0


class EventAggregator:
    """The Events that were written lately; at most 4,096."""

    def __init__(self) -> None:
        self._series: OrderedDict[tuple[str, str, str], _Series] = OrderedDict()

    def add(self, policy: PolicyObject, notice: Notice, now_s: float, wall_s: float) -> EventPost | None:
        """What to write at once; None if it waits for `due`."""
        key = (policy.uid, notice.reason, notice.subject)
        series = self._series.get(key)
        if series is None:
            name = _event_name(policy, key, wall_s)
            series = _Series(name, policy, notice, wall_s, wall_s, now_s - PERIOD_S)
            self._series[key] = series
            if len(self._series) > MAX_KEYS:
                self._series.popitem(last=False)
        self._series.move_to_end(key)
        series.policy, series.notice, series.last_wall_s = policy, notice, wall_s
        series.waiting += 1
        return _post(series, now_s) if now_s - series.posted_s >= PERIOD_S else None

    def due(self, now_s: float) -> Iterator[EventPost]:
        """What waited long enough."""
        for series in self._series.values():
            if series.waiting and now_s - series.posted_s >= PERIOD_S:
                yield _post(series, now_s)

    def forget(self, post: EventPost) -> None:
        """The API server no longer has the Event (they live an hour): the next notice creates a new one."""
        key = (post.policy.uid, post.notice.reason, post.notice.subject)
        self._series.pop(key, None)


def _post(series: _Series, now_s: float) -> EventPost:
    is_new = series.count == 0
    series.count += series.waiting
    series.waiting, series.posted_s = 0, now_s
    return EventPost(
        series.policy.namespace,
        series.name,
        is_new,
        series.policy,
        series.notice,
        series.count,
        series.first_wall_s,
        series.last_wall_s,
    )


def _event_name(policy: PolicyObject, key: tuple[str, str, str], wall_s: float) -> str:
    digest = sha256(repr((key, wall_s)).encode()).hexdigest()[:_SUFFIX_LENGTH]
    return f"{policy.name[: _NAME_LENGTH - _SUFFIX_LENGTH - 1].rstrip('.-')}.{digest}"

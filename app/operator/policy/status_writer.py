"""Keeps every policy's status true: judges all of them when something changed, writes what differs, in time.

After a start the old statuses stay until every gateway that takes traffic has called, or 30 s have passed.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from app.config.sync.messages import BreakerReport
from app.foundation.errors import ClusterError
from app.operator.clock import Clock
from app.operator.kube.event_recorder import EventRecorder
from app.operator.kube.resources import PolicyObject
from app.operator.metrics import OperatorCounts
from app.operator.policy.compile import Verdict
from app.operator.policy.fleet_breakers import fold_breakers
from app.operator.policy.notices import notices_of_status
from app.operator.policy.status import PolicyContext, condition_of, judge
from app.operator.policy.status_throttle import Pause, StatusThrottle, Write
from app.operator.snapshot.history import FirstPublished
from app.operator.sync.fleet import Fleet, KnownTargets, PodView

__all__ = ["StatusApi", "StatusWriter", "Turn"]

LOG = logging.getLogger("tidegate.operator")

HOLD_S = 30.0
LOOK_S = 5.0
"""So often at least, since time alone can make a gateway stale."""
WRITES_AT_ONCE = 8
WRITES_PER_ROUND = 50
ROUND_S = 0.5
"""50 writes in 0.5 s: 100 a second for the whole operator."""
REST_SHARE = 4
"""Judging takes at most a fifth of the time, however many policies and gateways there are."""


class StatusApi(Protocol):
    """Raises ClusterError; 409: somebody else wrote the policy since it was read, 404: it is gone."""

    async def write_status(self, policy: PolicyObject, status: Mapping[str, Any]) -> PolicyObject | None: ...


@dataclass(frozen=True, slots=True)
class Turn:
    """`wrote` statuses, `left` others that are due too; nothing else is before `next_s`."""

    wrote: int
    left: int
    next_s: float
    judged_in_s: float


class StatusWriter:
    """`on_conflict`: the policies should be listed anew."""

    def __init__(
        self,
        door: StatusApi,
        fleet: Fleet,
        firsts: FirstPublished,
        poster: EventRecorder,
        counts: OperatorCounts,
        on_conflict: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._door, self._fleet, self._firsts, self._clock = door, fleet, firsts, clock
        self._poster, self._counts, self._on_conflict = poster, counts, on_conflict
        self._pacer = StatusThrottle()
        self._verdicts: Mapping[str, Verdict] = {}
        self._edited_s: dict[str, tuple[int, float]] = {}
        self._lineage = ""
        self._hold_until_s: float | None = None
        self._wake = asyncio.Event()
        self.policies: dict[str, PolicyObject] = {}

    def take(
        self,
        policies: Iterable[PolicyObject],
        verdicts: Mapping[str, Verdict],
        lineage: str,
        edited_s: float,
    ) -> None:
        """The policies as listed just now; `edited_s`: when the first change since the last list came."""
        first = not self.policies and self._hold_until_s is None
        before = self.policies
        self.policies = {policy.uid: policy for policy in policies}
        for uid, policy in self.policies.items():
            known = before.get(uid)
            if not first and (known is None or known.generation != policy.generation):
                self._edited_s[uid] = (policy.generation, edited_s)
        self._edited_s = {uid: edited for uid, edited in self._edited_s.items() if uid in self.policies}
        if first:
            self._hold_until_s = self._clock.now_s() + HOLD_S
        self._verdicts, self._lineage = verdicts, lineage
        self._pacer.keep_only(self.policies)
        self.look()

    def look(self) -> None:
        """Something changed that may change a status."""
        self._wake.set()

    def judge_all(self) -> list[tuple[PolicyObject, dict[str, Any]]]:
        """Every policy with the status that it should have now."""
        now, wall = self._clock.now_s(), self._clock.wall_s()
        surroundings: dict[str, _Namespace] = {}
        judged = []
        for policy in self.policies.values():
            place = surroundings.get(policy.namespace)
            if place is None:
                place = surroundings[policy.namespace] = _Namespace(
                    self._fleet, policy.namespace, self._lineage, now
                )
            first = self._firsts.of(policy.uid, policy.generation)
            around = PolicyContext(place.pods, place.known, fold_breakers(place.breakers.get(policy.uid, ())))
            judged.append((policy, judge(policy, self._verdicts[policy.uid], first, around, wall)))
        return judged

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            began_s = self._clock.now_s()
            turn = await self.turn()
            await asyncio.sleep(ROUND_S if turn.wrote else turn.judged_in_s * REST_SHARE)
            if turn.left:
                continue
            try:
                async with asyncio.timeout(
                    max(0.0, min(turn.next_s, began_s + LOOK_S) - self._clock.now_s())
                ):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def turn(self) -> "Turn":
        """Judges every policy once and writes what is due, at most 50 of them, least lately written first."""
        began_s = self._clock.now_s()
        wanted, next_s = self._due(began_s)
        judged_in_s = self._clock.now_s() - began_s
        now = wanted[:WRITES_PER_ROUND]
        await self._write_all(now)
        return Turn(len(now), len(wanted) - len(now), next_s, judged_in_s)

    def _due(self, now: float) -> tuple[list[tuple[PolicyObject, dict[str, Any]]], float]:
        """What to write now, and when to look again though nothing happens."""
        self._fleet.forget_silent(now)
        due, next_s = [], float("inf")
        holding = self._is_holding(now)
        for policy, wanted in self.judge_all():
            self._count_lag(policy, wanted, now)
            if holding and _says_the_same_of(policy, wanted):
                continue
            match self._pacer.decide(policy, wanted, now):
                case Write():
                    due.append((policy, wanted))
                case Pause(until_s):
                    next_s = min(next_s, until_s)
                case None:
                    pass
        due.sort(key=lambda one: self._pacer.written_s(one[0]))
        return due, next_s

    def _is_holding(self, now: float) -> bool:
        if self._hold_until_s is not None and now < self._hold_until_s:
            if not self._fleet.has_heard_all():
                return True
            self._hold_until_s = 0.0
        return False

    def _count_lag(self, policy: PolicyObject, wanted: Mapping[str, Any], now: float) -> None:
        edited = self._edited_s.get(policy.uid)
        programmed = condition_of(wanted, "Programmed")
        if edited is None or edited[0] != policy.generation or programmed is None:
            return
        if programmed["status"] == "True":
            self._counts.count_lag(now - edited[1])
            del self._edited_s[policy.uid]

    async def _write_all(self, wanted: list[tuple[PolicyObject, dict[str, Any]]]) -> None:
        turns = asyncio.Semaphore(WRITES_AT_ONCE)

        async def write(policy: PolicyObject, status: dict[str, Any]) -> None:
            async with turns:
                await self._write(policy, status)

        await asyncio.gather(*(write(policy, status) for policy, status in wanted))

    async def _write(self, policy: PolicyObject, status: dict[str, Any]) -> None:
        self._pacer.written(policy, status, self._clock.now_s())
        try:
            stored = await self._door.write_status(policy, status)
        except ClusterError as error:
            self._note_failure(policy, error)
            return
        self._counts.status_writes["written"] += 1
        for notice in notices_of_status(policy.status, status):
            self._poster.tell(policy, notice)
        # a list that came meanwhile is left alone: it knows at least as much
        if stored is not None and self.policies.get(policy.uid) is policy:
            self.policies[policy.uid] = stored

    def _note_failure(self, policy: PolicyObject, error: ClusterError) -> None:
        result = {409: "conflict", 404: "gone"}.get(error.code, "failed")
        self._counts.status_writes[result] += 1
        if result == "failed":
            LOG.warning("status not written, tried again: %s", error)
        elif self.policies.get(policy.uid) is policy:
            self._on_conflict()


class _Namespace:
    """What all policies of a namespace share in one round."""

    __slots__ = ("breakers", "known", "pods")

    def __init__(self, fleet: Fleet, namespace: str, lineage: str, now: float) -> None:
        self.pods: tuple[PodView, ...] = fleet.pods(namespace, lineage, now)
        self.known: KnownTargets | None = fleet.known_targets(namespace)
        self.breakers: dict[str, list[BreakerReport]] = {}
        for pod in self.pods:
            for breaker in pod.breakers:
                for uid in breaker.policies:
                    self.breakers.setdefault(uid, []).append(breaker)


def _says_the_same_of(policy: PolicyObject, wanted: Mapping[str, Any]) -> bool:
    """Whether the stored status speaks of this generation, and of the same verdict."""
    stored, now = condition_of(policy.status, "Accepted"), condition_of(wanted, "Accepted")
    return (
        policy.status.get("observedGeneration") == policy.generation
        and stored is not None
        and now is not None
        and (stored.get("status"), stored.get("reason")) == (now["status"], now["reason"])
    )

"""Writes every policy's status when it should be another one, in time and at a bounded rate.

After a start the old statuses stay until every gateway that takes traffic has called, or 30 s have passed.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from app.config.sync.messages import SyncRequest
from app.foundation.errors import ClusterError
from app.operator.clock import Clock
from app.operator.kube.event_recorder import EventRecorder
from app.operator.kube.resources import PolicyObject
from app.operator.metrics import OperatorCounts
from app.operator.policy.compile import Verdict
from app.operator.policy.conditions import condition_of
from app.operator.policy.desired_statuses import DesiredStatuses
from app.operator.policy.edit_lag import EditLag
from app.operator.policy.notices import notices_of_status
from app.operator.policy.policy_cache import PolicyCache
from app.operator.policy.status_throttle import Pause, StatusThrottle, Write
from app.operator.sync.gateway_record import FleetChange
from app.operator.trigger import RoundTrigger

__all__ = ["StatusApi", "StatusPass", "StatusWriter"]

LOG = logging.getLogger("tidegate.operator")

LOOK_S = 5.0
"""So often at least, since time alone can make a gateway stale."""
WRITES_AT_ONCE = 8
WRITES_PER_PASS = 50
PASS_S = 0.5
"""50 writes in 0.5 s: 100 a second for the whole operator."""
REST_SHARE = 4
"""Evaluating takes at most a fifth of the time, however many policies and gateways there are."""


class StatusApi(Protocol):
    """Raises ClusterError; 409: somebody else wrote the policy since it was read, 404: it is gone."""

    async def write_status(self, policy: PolicyObject, status: Mapping[str, Any]) -> PolicyObject | None: ...


@dataclass(frozen=True, slots=True)
class StatusPass:
    """`wrote` statuses, `left` others that are due too; nothing else is before `next_s`."""

    wrote: int
    left: int
    next_s: float
    evaluated_in_s: float


class StatusWriter:
    """A `FleetObserver`: every change of the fleet may change a status."""

    def __init__(
        self,
        api: StatusApi,
        policies: PolicyCache,
        desired: DesiredStatuses,
        recorder: EventRecorder,
        counts: OperatorCounts,
        trigger: RoundTrigger,
        clock: Clock,
    ) -> None:
        self._api, self._policies, self._desired, self._clock = api, policies, desired, clock
        self._recorder, self._counts, self._trigger = recorder, counts, trigger
        self._throttle = StatusThrottle()
        self._lag = EditLag(counts)
        self._wake = asyncio.Event()

    def take(
        self,
        edited: Iterable[PolicyObject],
        verdicts: Mapping[str, Verdict],
        lineage: str,
        edited_s: float,
    ) -> None:
        """Takes over the outcome of a round; `edited` since `edited_s`, when the first change came."""
        uids = [policy.uid for policy in self._policies]
        self._lag.note_edits(edited, edited_s)
        self._lag.keep_only(uids)
        self._throttle.keep_only(uids)
        self._desired.take(verdicts, lineage, self._clock.now_s())
        self._wake.set()

    def on_fleet_change(self, request: SyncRequest, change: FleetChange) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            began_s = self._clock.now_s()
            done = await self.write_due()
            await asyncio.sleep(PASS_S if done.wrote else done.evaluated_in_s * REST_SHARE)
            if done.left:
                continue
            rest_s = min(done.next_s, began_s + LOOK_S) - self._clock.now_s()
            try:
                async with asyncio.timeout(max(0.0, rest_s)):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def write_due(self) -> StatusPass:
        """Evaluates every policy once and writes what is due, at most 50, least recently written first."""
        began_s = self._clock.now_s()
        due, next_s = self._due(began_s)
        evaluated_in_s = self._clock.now_s() - began_s
        now = due[:WRITES_PER_PASS]
        await self._write_all(now)
        return StatusPass(len(now), len(due) - len(now), next_s, evaluated_in_s)

    def _due(self, now_s: float) -> tuple[list[tuple[PolicyObject, dict[str, Any]]], float]:
        """What to write now, and when to look again though nothing happens."""
        due, next_s = [], float("inf")
        evaluated = self._desired.evaluate(now_s, self._clock.wall_s())
        is_provisional = self._desired.is_provisional(now_s)
        for policy, wanted in evaluated:
            self._lag.observe(policy, wanted, now_s)
            if is_provisional and _has_same_verdict(policy, wanted):
                continue
            match self._throttle.decide(policy, wanted, now_s):
                case Write():
                    due.append((policy, wanted))
                case Pause(until_s):
                    next_s = min(next_s, until_s)
                case None:
                    pass
        due.sort(key=lambda one: self._throttle.written_s(one[0]))
        return due, next_s

    async def _write_all(self, wanted: list[tuple[PolicyObject, dict[str, Any]]]) -> None:
        turns = asyncio.Semaphore(WRITES_AT_ONCE)

        async def write(policy: PolicyObject, status: dict[str, Any]) -> None:
            async with turns:
                await self._write(policy, status)

        await asyncio.gather(*(write(policy, status) for policy, status in wanted))

    async def _write(self, policy: PolicyObject, status: dict[str, Any]) -> None:
        self._throttle.written(policy, status, self._clock.now_s())
        try:
            stored = await self._api.write_status(policy, status)
        except ClusterError as error:
            self._note_failure(policy, error)
            return
        self._counts.status_writes["written"] += 1
        for notice in notices_of_status(policy.status, status):
            self._recorder.record(policy, notice)
        if stored is not None:
            self._policies.update(policy, stored)

    def _note_failure(self, policy: PolicyObject, error: ClusterError) -> None:
        result = {409: "conflict", 404: "gone"}.get(error.code, "failed")
        self._counts.status_writes[result] += 1
        if result == "failed":
            LOG.warning("status not written, tried again: %s", error)
        elif self._policies.is_latest(policy):
            self._trigger.request("somebody else wrote a policy")


def _has_same_verdict(policy: PolicyObject, wanted: Mapping[str, Any]) -> bool:
    """Whether the stored status is about this generation, and accepts or rejects it for the same reason."""
    stored, now = condition_of(policy.status, "Accepted"), condition_of(wanted, "Accepted")
    return (
        policy.status.get("observedGeneration") == policy.generation
        and stored is not None
        and now is not None
        and (stored.get("status"), stored.get("reason")) == (now["status"], now["reason"])
    )

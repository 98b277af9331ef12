"""The operator's loop: list everything, compile, write the ConfigMap, serve, then keep the statuses true.

A trigger starts a round 100 ms after the last trigger, at most 0.5 s after the first. Without any there is a
round every five minutes, since a watch may be silent without being told so.
"""

import asyncio
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from app.config.sync.messages import SyncRequest
from app.config.sync.snapshot import Snapshot
from app.foundation.errors import ClusterError, ConfigFaults
from app.operator.clock import REAL, Clock
from app.operator.kube.event_recorder import EventApi, EventRecorder
from app.operator.kube.resources import PolicyObject, read_pods
from app.operator.metrics import OperatorCounts
from app.operator.policy.compile import Verdict, compile_policies, read_spec
from app.operator.policy.notices import notices_of_transition, store_notice
from app.operator.policy.status_writer import StatusApi, StatusWriter
from app.operator.snapshot.history import FirstPublished, PackedSnapshots, is_newer_for
from app.operator.snapshot.publisher import ConfigMaps, Publisher
from app.operator.sync.fleet import Fleet, FleetChange, InstanceView, KnownTargets
from app.policy.model import Mode, Scope, Spec

__all__ = ["Reconciler", "Doors", "WatchScope"]

LOG = logging.getLogger("tidegate.operator")

QUIET_S = 0.1
AT_MOST_S = 0.5
FULL_LIST_S = 300.0
_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class ListApi(Protocol):
    """Full lists, no older than the call. Raise ClusterError."""

    async def policies(self, namespace: str) -> list[PolicyObject]: ...

    async def slices(self, namespace: str, selector: str) -> list[Mapping[str, Any]]: ...


class Doors(ListApi, ConfigMaps, StatusApi, EventApi, Protocol):
    """What the loop needs of the Kubernetes API."""


@dataclass(frozen=True, slots=True)
class WatchScope:
    """What is looked at. `namespace` may be `*`; `selector`: labels of the gateways' Services."""

    namespace: str
    selector: str
    configmap: str


class Reconciler:
    """Also the desk of the sync port (`sync_api.Desk`). All of it runs in one loop but `trigger`."""

    def __init__(
        self, doors: Doors, where: WatchScope, ca: str | None, counts: OperatorCounts, clock: Clock = REAL
    ) -> None:
        self._doors, self._where, self.counts, self._clock = doors, where, counts, clock
        self._loop = asyncio.get_running_loop()
        self._publisher = Publisher(doors, where.configmap, ca)
        self._fleet, self._firsts, self._shelf = Fleet(), FirstPublished(), PackedSnapshots()
        self.poster = EventRecorder(doors, counts, clock)
        self.statuses = StatusWriter(
            doors,
            self._fleet,
            self._firsts,
            self.poster,
            counts,
            lambda: self._triggered("conflict"),
            clock,
        )
        self._specs: dict[tuple[str, int], Spec | Verdict] = {}
        self._changed = asyncio.Event()
        self._first_s = self._last_s = 0.0
        self._news = asyncio.Event()
        self._ending = False
        self._stores_up: dict[str, bool] = {}
        self.has_listed = False

    # what starts a round

    def trigger(self, why: str) -> None:
        """Something changed; from any thread."""
        self._loop.call_soon_threadsafe(self._triggered, why)

    def _triggered(self, why: str) -> None:
        self._last_s = self._clock.now_s()
        if not self._changed.is_set():
            self._first_s = self._last_s
            LOG.debug("a round begins: %s", why)
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled. Serves what the ConfigMap holds before the first list is done."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._rounds())
            tasks.create_task(self.statuses.run())
            tasks.create_task(self.poster.run())

    async def _rounds(self) -> None:
        self._triggered("start")
        failures = 0
        while True:
            await self._wait_for_trigger()
            since_s = self._first_s
            try:
                await self.round()
                failures = 0
            except ClusterError as error:
                failures += 1
                self._note_failure(error, failures)
                await asyncio.sleep(_pause_s(failures) if error.code != 409 else QUIET_S)
                self._triggered("once more")
                self._first_s = since_s
            except ConfigFaults as faults:
                self.counts.reconciles["too_large"] += 1
                LOG.error("the last snapshot stays: %s", faults)

    async def _wait_for_trigger(self) -> None:
        try:
            async with asyncio.timeout(FULL_LIST_S):
                await self._changed.wait()
        except TimeoutError:
            self._triggered("five minutes are over")
        # the deadline moves while it is waited for, so an Event would be of no use
        while (left_s := min(self._last_s + QUIET_S, self._first_s + AT_MOST_S) - self._clock.now_s()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left_s)
        self._changed.clear()

    async def round(self) -> None:
        """Raises ClusterError (409: another operator wrote meanwhile) and ConfigFaults (too large)."""
        edited_s = self._first_s
        # The ConfigMap first: another operator's write after this read makes ours fail, so an older list
        # can never replace a newer one.
        held = await self._publisher.read()
        if not self.has_listed and held.snapshot is not None:
            self._serve(held.snapshot)
        where = self._where
        policies = await self._doors.policies(where.namespace)
        pods = read_pods(await self._doors.slices(where.namespace, where.selector))
        self._fleet.require(pods, self._clock.now_s())
        compiled = compile_policies(policies, self._read)
        self._specs = {
            key: self._specs[key]
            for policy in policies
            if (key := (policy.uid, policy.generation)) in self._specs
        }
        before = self._shelf.snapshot
        claims = self._fleet.claims(self._clock.now_s())
        snapshot = await self._publisher.publish(held, compiled.entries, claims)
        self._serve(snapshot)
        same = before is not None and before.hash == snapshot.hash
        self.counts.reconciles["unchanged" if same else "published"] += 1
        self.statuses.take(policies, compiled.verdicts, snapshot.lineage, edited_s)
        self.has_listed = True

    def _read(self, policy: PolicyObject) -> Spec | Verdict:
        """`read_spec`, once for each generation."""
        key = (policy.uid, policy.generation)
        spec = self._specs.get(key)
        if spec is None:
            spec = self._specs[key] = read_spec(policy)
        return spec

    def _serve(self, snapshot: Snapshot) -> None:
        before = self._shelf.snapshot
        if before is not None and before.hash == snapshot.hash:
            return
        self._shelf.put(snapshot)
        self._firsts.note(snapshot)
        LOG.info("snapshot %d serves %d policies", snapshot.sequence, len(snapshot.policies))
        self._wake_polls()

    def _wake_polls(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _note_failure(self, error: ClusterError, failures: int) -> None:
        if error.code == 409:
            self.counts.reconciles["raced"] += 1
            LOG.info("another operator wrote the snapshot: looking again")
            return
        self.counts.reconciles["failed"] += 1
        if failures in (1, 10) or failures % 100 == 0:
            LOG.error("gateways keep what they have: %s", error)

    # the desk of the sync port

    def hear(self, request: SyncRequest, now_s: float) -> bool:
        """Takes note of a call; False if it is a replayed one."""
        version = self._fleet.version
        heard = self._fleet.hear(request, now_s)
        if heard is None:
            return False
        self._tell(request, heard)
        if self._fleet.version != version:
            self.statuses.look()
        if self._is_behind(request, now_s):
            self._triggered("a gateway holds another snapshot")
        return True

    def _is_behind(self, request: SyncRequest, now_s: float) -> bool:
        """Whether a gateway that may be believed holds what this operator does not serve."""
        applied, snapshot = request.applied, self._shelf.snapshot
        if applied is None or snapshot is None:
            return False
        if applied.lineage == snapshot.lineage:
            return applied.sequence > snapshot.sequence
        if applied.lineage in snapshot.replaces:
            return False
        is_settled = self._fleet.is_settled(request.instance.pod_uid, now_s)
        return is_settled or self._publisher.was_published(applied.lineage)

    def news_for(self, request: SyncRequest) -> bytes | None:
        """The packed snapshot, if it is news to the caller."""
        snapshot = self._shelf.snapshot
        if snapshot is None or not is_newer_for(snapshot, request):
            return None
        return self._shelf.packed_for(request.instance.namespace)

    def has_snapshot(self) -> bool:
        return self._shelf.snapshot is not None

    def gateways_in(self, namespace: str) -> int:
        return self._fleet.count_in(namespace)

    def next_news(self) -> asyncio.Event:
        return self._news

    def is_ending(self) -> bool:
        return self._ending

    def count_answer(self, path: str, status: int, reason: str) -> None:
        self.counts.sync_answers[path, str(status), reason] += 1

    def end_polls(self) -> None:
        """Every parked poll is answered now, so that the port can close."""
        self._ending = True
        self._wake_polls()

    # what is shown

    def instances(self) -> tuple[InstanceView, ...]:
        snapshot = self._shelf.snapshot
        if snapshot is None:
            return self._fleet.instances("", 0, self._clock.now_s())
        return self._fleet.instances(snapshot.lineage, snapshot.sequence, self._clock.now_s())

    def targets(self) -> dict[str, KnownTargets]:
        """What policies may name, by namespace of gateways that called."""
        found = {name: self._fleet.known_targets(name) for name in self._fleet.namespaces()}
        return {name: known for name, known in found.items() if known is not None}

    @property
    def snapshot(self) -> Snapshot | None:
        return self._shelf.snapshot

    @property
    def policies(self) -> int:
        return len(self.statuses.policies)

    def packed_size(self) -> int:
        """Bytes of the largest part that was served; 0 before any was."""
        return self._shelf.packed_size()

    def _tell(self, request: SyncRequest, heard: FleetChange) -> None:
        """Counts refusals, and makes Events of what breakers and the limit store did."""
        if heard.refused:
            self.counts.nacks["policy"] += len(heard.refused)
        if heard.rejected:
            self.counts.nacks["snapshot"] += 1
        namespace = request.instance.namespace
        for moved in heard.transitions:
            for uid in moved.policies:
                policy = self.statuses.policies.get(uid)
                if policy is not None and policy.namespace == namespace:
                    for notice in notices_of_transition(moved, request.instance.pod_name):
                        self.poster.tell(policy, notice)
        if heard.store_moved:
            self._tell_store(namespace)

    def _tell_store(self, namespace: str) -> None:
        is_up = self._fleet.store_is_up(namespace)
        if self._stores_up.get(namespace, True) == is_up:
            return
        self._stores_up[namespace] = is_up
        for policy in self.statuses.policies.values():
            spec = self._specs.get((policy.uid, policy.generation))
            if policy.namespace == namespace and isinstance(spec, Spec) and _uses_store(spec):
                self.poster.tell(policy, store_notice(is_up=is_up))


def _uses_store(spec: Spec) -> bool:
    rules = () if spec.rate_limit is None else spec.rate_limit.rules
    return spec.mode is Mode.ENFORCE and any(rule.scope is Scope.GLOBAL for rule in rules)


def _pause_s(failures: int) -> float:
    """Full jitter, so that several operators do not come back together."""
    longest = _BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1]
    return random.uniform(longest / 4, longest)  # noqa: S311 - no secret hangs on it

"""Statuses with what the fleet has confirmed: `Programmed` is true once every gateway pod that takes traffic applied
the snapshot, bound the ports and holds the certificates, and not before."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from app.config.sync.messages import SyncRequest
from app.operator.clock import Clock
from app.operator.routes.compiled import Compiled, ObjectId, ObjectStatus, Requirement
from app.operator.routes.programmed import FleetFacts, PodFacts, programmed
from app.operator.snapshot.served import ServedSnapshots
from app.operator.sync.feeds import Feeds
from app.operator.sync.fleet import STALE_S, Fleet, PodView
from app.operator.sync.gateway_record import FleetChange

__all__ = ["ProgrammedStatuses", "StatusSink"]

NEW_POD_S = 10.0
"""For so long a pod that has just begun to take traffic does not take `Programmed` back."""
SETTLE_S = 0.3
"""A change is given this long to reach every gateway before a status says that it has not."""
LOOK_S = 5.0
"""So often at least, since time alone can make a gateway stale."""


class StatusSink(Protocol):
    """What a `RouteStatuses` does."""

    def want(self, statuses: Mapping[ObjectId, ObjectStatus]) -> None:
        """All that must be said from now on."""

    def amend(self, statuses: Mapping[ObjectId, ObjectStatus]) -> None:
        """Some of it that must be said otherwise."""


@dataclass(frozen=True, slots=True)
class _Awaited:
    """Since which snapshot a requirement is served."""

    requirement: Requirement
    lineage: str
    sequence: int
    since_s: float


class ProgrammedStatuses:
    """A `FleetObserver`. `namespace`: of the gateways that serve the cluster's Gateways."""

    def __init__(
        self,
        fleet: Fleet,
        served: ServedSnapshots,
        feeds: Feeds,
        sink: StatusSink,
        namespace: str,
        clock: Clock,
    ) -> None:
        self._fleet, self._served, self._feeds = fleet, served, feeds
        self._sink, self._namespace, self._clock = sink, namespace, clock
        self._compiled: Compiled | None = None
        self._awaited: dict[ObjectId, _Awaited] = {}
        self._confirmed: dict[ObjectId, Requirement] = {}
        self._certificates: dict[str, int] = {}
        self._said: dict[ObjectId, ObjectStatus] = {}
        self._wake = asyncio.Event()

    def take(self, compiled: Compiled) -> None:
        """Its tables are served now, its certificates and endpoints too, so what gateways report is judged by it.

        Call it before any gateway can report: one that has closed a port of the tables before would take back what is
        said of these.
        """
        self._compiled = compiled
        current, now_s = self._served.current, self._clock.now_s()
        lineage, sequence = ("", 0) if current is None else (current.lineage, current.sequence)
        awaited = {}
        for id_, requirement in compiled.requirements.items():
            before = self._awaited.get(id_)
            if before is None or (before.requirement, before.lineage) != (requirement, lineage):
                before = _Awaited(requirement, lineage, sequence, now_s)
            awaited[id_] = before
        self._awaited = awaited
        self._confirmed = {id_: one for id_, one in self._confirmed.items() if id_ in awaited}
        feed, known = self._feeds.certificates, self._certificates
        # a renewed one waits for nobody, since gateways serve on with the old one
        versions = {name: known.get(name, feed.version_of(name)) for name in compiled.certificates}
        self._certificates = {name: version for name, version in versions.items() if version is not None}

    def say(self) -> None:
        """Hands on all statuses of what was taken last."""
        compiled = self._compiled
        if compiled is None:
            return
        said, _ = self._decide(compiled)
        wanted = {**compiled.statuses, **said}
        for undecided in compiled.requirements.keys() - said.keys():
            del wanted[undecided]
        self._sink.want(wanted)

    def on_fleet_change(self, request: SyncRequest, change: FleetChange) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            again_s = self.fold()
            try:
                async with asyncio.timeout(again_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    def fold(self) -> float:
        """Hands on what the fleet has confirmed by now; when to look again though nothing happens, in seconds."""
        if self._compiled is None:
            return LOOK_S
        said, again_s = self._decide(self._compiled)
        self._sink.amend(said)
        return again_s

    def _decide(self, compiled: Compiled) -> tuple[dict[ObjectId, ObjectStatus], float]:
        """What the statuses that hang on the fleet must say; of some it is not known yet, and they say nothing new."""
        now_s, again_s = self._clock.now_s(), LOOK_S
        views = self._pods(now_s)
        by_all = programmed(compiled, self._facts(views))
        settled = [pod for pod in views if pod.ready_s >= NEW_POD_S]
        by_settled = by_all if len(settled) == len(views) else programmed(compiled, self._facts(settled))
        said: dict[ObjectId, ObjectStatus] = {}
        for id_, status in by_all.items():
            awaited = self._awaited[id_]
            was_confirmed = self._confirmed.get(id_) == awaited.requirement
            if was_confirmed and settled:
                status = by_settled[id_]
            settles_s = awaited.since_s + SETTLE_S - now_s
            if _is_programmed(status):
                self._confirmed[id_] = awaited.requirement
            elif settles_s > 0 and not was_confirmed:
                again_s = min(again_s, settles_s)
                if id_ in self._said:
                    said[id_] = self._said[id_]
                continue
            said[id_] = status
        self._said = said
        return said, max(again_s, 0.01)

    def _pods(self, now_s: float) -> tuple[PodView, ...]:
        current = self._served.current
        lineage = "" if current is None else current.lineage
        return self._fleet.pods(self._namespace, lineage, now_s)

    def _facts(self, pods: "list[PodView] | tuple[PodView, ...]") -> FleetFacts:
        sequences = {id_: one.sequence for id_, one in self._awaited.items()}
        return FleetFacts(tuple(self._pod_facts(pod) for pod in pods), sequences, self._certificates)

    def _pod_facts(self, pod: PodView) -> PodFacts:
        if pod.silent_s is None or pod.silent_s > STALE_S:
            return PodFacts(pod.name)
        held, boot = pod.certificates, self._feeds.certificates.held.boot
        version = held.version if held is not None and held.boot == boot else 0
        return PodFacts(pod.name, pod.sequence, pod.ports, pod.port_faults, version)


def _is_programmed(status: ObjectStatus) -> bool:
    """Of the object and of all its listeners."""
    conditions = [
        *(status.conditions or ()),
        *(one for each in status.listeners or () for one in each.conditions),
    ]
    return all(one.status == "True" for one in conditions if one.type == "Programmed")

"""Takes in what gateways report: into the fleet, and on to whoever acts on a change."""

from collections.abc import Sequence
from typing import Protocol

from app.config.sync.messages import SyncRequest
from app.operator.snapshot.served import ServedSnapshots
from app.operator.sync.fleet import Fleet
from app.operator.sync.gateway_record import FleetChange
from app.operator.trigger import RoundTrigger

__all__ = ["FleetObserver", "GatewayReports", "PublishedLineages"]


class FleetObserver(Protocol):
    """Acts on what is new in a call; must not wait."""

    def on_fleet_change(self, request: SyncRequest, change: FleetChange) -> None: ...


class PublishedLineages(Protocol):
    """Which lineages this operator, or one before it, has published."""

    def was_published(self, lineage: str) -> bool: ...


class GatewayReports:
    """The reports of all gateways, one after the other."""

    def __init__(
        self,
        fleet: Fleet,
        served: ServedSnapshots,
        published: PublishedLineages,
        trigger: RoundTrigger,
        observers: Sequence[FleetObserver],
    ) -> None:
        self._fleet, self._served, self._published = fleet, served, published
        self._trigger, self._observers = trigger, [*observers]

    def report_to(self, observer: FleetObserver) -> None:
        """Of every change from now on."""
        self._observers.append(observer)

    def take(self, request: SyncRequest, now_s: float) -> bool:
        """Records a call; False if it is a replay."""
        version = self._fleet.version
        change = self._fleet.record_call(request, now_s)
        if change is None:
            return False
        if self._fleet.version != version:
            for observer in self._observers:
                observer.on_fleet_change(request, change)
        if self._is_ahead(request, now_s):
            self._trigger.request("a gateway serves with another snapshot")
        return True

    def _is_ahead(self, request: SyncRequest, now_s: float) -> bool:
        """Whether a gateway that may be believed serves with what this operator did not publish."""
        applied, current = request.applied, self._served.current
        if applied is None or current is None:
            return False
        if applied.lineage == current.lineage:
            return applied.sequence > current.sequence
        if applied.lineage in current.replaces:
            return False
        is_settled = self._fleet.is_settled(request.instance.pod_uid, now_s)
        return is_settled or self._published.was_published(applied.lineage)

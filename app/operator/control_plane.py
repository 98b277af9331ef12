"""The parts of the operator that need no port, built from the top: what it knows, and what acts on it."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from app.operator.clock import REAL, Clock
from app.operator.kube.event_recorder import EventApi, EventRecorder
from app.operator.kube.lister import ListApi, Lister, WatchScope
from app.operator.metrics import OperatorCounts
from app.operator.policy.desired_statuses import DesiredStatuses
from app.operator.policy.fleet_events import FleetEvents
from app.operator.policy.known_attachments import KnownAttachments
from app.operator.policy.policy_cache import PolicyCache
from app.operator.policy.status_writer import StatusApi, StatusWriter
from app.operator.reconcile_loop import ReconcileLoop
from app.operator.reconciler import Reconciler
from app.operator.snapshot.publisher import ConfigMapApi, Publisher
from app.operator.snapshot.served import ServedSnapshots
from app.operator.snapshot.tables import CompiledTables
from app.operator.sync.feeds import Feeds, new_feeds
from app.operator.sync.fleet import Fleet
from app.operator.sync.reports import GatewayReports
from app.operator.trigger import RoundTrigger

__all__ = ["ControlPlane", "KubeApi", "OperatorState", "build_control_plane", "new_state"]


class KubeApi(ListApi, ConfigMapApi, StatusApi, EventApi, Protocol):
    """What the control plane needs of the Kubernetes API."""


@dataclass(frozen=True, slots=True)
class OperatorState:
    """What the operator knows while it runs; after a restart it learns all of it again.

    `tables` go into the next snapshot; `feeds` travel apart from snapshots. `attachments`: what of the cluster policies
    may name; put those of the same world as the tables. `fleet_namespace`: of the gateways that serve the cluster's
    Gateways.
    """

    policies: PolicyCache
    fleet: Fleet
    served: ServedSnapshots
    tables: CompiledTables
    attachments: KnownAttachments
    feeds: Feeds
    fleet_namespace: str
    counts: OperatorCounts
    clock: Clock


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """What acts on the state."""

    trigger: RoundTrigger
    lister: Lister
    reconciler: Reconciler
    loop: ReconcileLoop
    statuses: StatusWriter
    events: EventRecorder
    reports: GatewayReports

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.loop.run())
            tasks.create_task(self.statuses.run())
            tasks.create_task(self.events.run())


def new_state(
    clock: Clock = REAL, fleet_namespace: str = "", *, tables_awaited: bool = False
) -> OperatorState:
    """That of an operator which just started.

    `fleet_namespace`: of the gateways that serve the cluster's Gateways. `tables_awaited`: whether routes are
    compiled from the cluster, so that nothing may be said about them before the first time.
    """
    served, tables = ServedSnapshots(fleet_namespace), CompiledTables(are_awaited=tables_awaited)
    return OperatorState(
        policies=PolicyCache(),
        fleet=Fleet(),
        served=served,
        tables=tables,
        attachments=KnownAttachments(are_awaited=tables_awaited),
        feeds=new_feeds(),
        fleet_namespace=fleet_namespace,
        counts=OperatorCounts(),
        clock=clock,
    )


def build_control_plane(
    state: OperatorState, api: KubeApi, scope: WatchScope, ca: str | None
) -> ControlPlane:
    """`ca`: PEM of what gateways shall trust, None where they know. Call it in the loop that will run it."""
    policies, fleet, served = state.policies, state.fleet, state.served
    trigger = RoundTrigger(state.clock)
    events = EventRecorder(api, state.counts, state.clock)
    publisher = Publisher(api, scope.configmap, ca, state.tables)
    desired = DesiredStatuses(
        policies, fleet, served.first_published, state.attachments, state.fleet_namespace
    )
    statuses = StatusWriter(api, policies, desired, events, state.counts, trigger, state.clock)
    lister = Lister(api, scope)
    reconciler = Reconciler(lister, publisher, policies, fleet, served, statuses, state.clock)
    observers = (FleetEvents(policies, fleet, events, state.counts, state.fleet_namespace), statuses)
    return ControlPlane(
        trigger=trigger,
        lister=lister,
        reconciler=reconciler,
        loop=ReconcileLoop(reconciler, trigger, state.counts),
        statuses=statuses,
        events=events,
        reports=GatewayReports(fleet, served, publisher, trigger, observers),
    )

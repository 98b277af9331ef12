"""The parts that bring routes from the cluster, built from the top: watched objects, compiler, and who acts on them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.operator.cluster.bundle_versions import BundleVersions
from app.operator.cluster.endpoint_rounds import EndpointRounds
from app.operator.cluster.gateway_api import GatewayApi, Running
from app.operator.cluster.gateway_services import GatewayServices, ServiceApi
from app.operator.cluster.object_changes import ObjectChanges
from app.operator.cluster.programmed_statuses import ProgrammedStatuses
from app.operator.cluster.route_rounds import Publication, RouteOutputs, RouteRounds
from app.operator.cluster.route_statuses import ObjectStatusApi, RouteStatuses
from app.operator.cluster.world_view import WorldView
from app.operator.control_plane import ControlPlane, OperatorState
from app.operator.kube.kinds import WATCHED_KINDS
from app.operator.kube.object_store import ObjectStore
from app.operator.kube.object_watch import WatchApi
from app.operator.routes.compiled import Compiled
from app.operator.routes.world import World

__all__ = ["ObjectsApi", "RouteScope", "build_route_plane"]


class ObjectsApi(WatchApi, ServiceApi, ObjectStatusApi, Protocol):
    """What the route plane needs of the Kubernetes API."""


@dataclass(frozen=True, slots=True)
class RouteScope:
    """`controller`: of our classes. `namespace`: of the gateways, `selector`: labels of their Services."""

    controller: str
    namespace: str
    selector: str


def build_route_plane(
    state: OperatorState,
    plane: ControlPlane,
    api: ObjectsApi,
    scope: RouteScope,
    compiler: Callable[[World], Compiled],
) -> GatewayApi:
    """Call it in the loop that will run it."""
    counts, clock = state.counts, state.clock
    store = ObjectStore(WATCHED_KINDS)
    view = WorldView(store)
    endpoints = EndpointRounds(view, state.feeds.endpoints)
    services = GatewayServices(api, store, scope.namespace, scope.selector, counts)
    statuses = RouteStatuses(api, store, scope.controller, counts, clock)
    programmed = ProgrammedStatuses(state.fleet, state.served, state.feeds, statuses, scope.namespace, clock)
    outputs = RouteOutputs(state.tables, state.feeds, endpoints, services, programmed, state.attachments)
    publication = Publication(plane.reconciler, plane.trigger)
    rounds = RouteRounds(store, view, compiler, outputs, publication, counts, clock)
    store.report_to(
        ObjectChanges(
            view,
            endpoints,
            services,
            statuses,
            rounds.request,
            lambda: plane.trigger.request("a policy changed"),
        )
    )
    plane.reports.report_to(programmed)
    versions = BundleVersions(api, view, rounds.request)
    running = Running(store, versions, rounds, endpoints, services, programmed, statuses)
    return GatewayApi(api, running, outputs, plane.lister, plane.trigger, counts, clock)

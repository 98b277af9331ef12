"""Who hears of a change of the watched objects."""

from collections.abc import Callable

from app.operator.cluster.endpoint_rounds import EndpointRounds
from app.operator.cluster.gateway_services import GatewayServices
from app.operator.cluster.route_statuses import RouteStatuses
from app.operator.cluster.world_view import WorldView
from app.operator.kube.kinds import ENDPOINT_SLICE, RESILIENCE_POLICY, SERVICE, Kind
from app.operator.kube.object_client import ObjectKey
from app.operator.routes.objects.metadata import ObjectKey as NamedKey

__all__ = ["ObjectChanges"]


class ObjectChanges:
    """`on_routes`: something changed that is compiled; `on_policy`: a policy did."""

    def __init__(
        self,
        view: WorldView,
        endpoints: EndpointRounds,
        services: GatewayServices,
        statuses: RouteStatuses,
        on_routes: Callable[[], None],
        on_policy: Callable[[], None],
    ) -> None:
        self._view, self._endpoints = view, endpoints
        self._services, self._statuses = services, statuses
        self._on_routes, self._on_policy = on_routes, on_policy

    def content(self, kind: Kind, key: ObjectKey) -> None:
        """More than its status; `key` is empty where a kind was listed for the first time."""
        if kind is RESILIENCE_POLICY:
            self._on_policy()
            return
        service = self._view.changed(kind, key)
        if kind is SERVICE:
            service = NamedKey(*key)
        if service is not None:
            self._endpoints.changed(service)
        if kind in (SERVICE, ENDPOINT_SLICE):
            self._services.changed(kind, key)
        self._statuses.look_again(kind, key)
        if kind is not ENDPOINT_SLICE or not key[1]:
            self._on_routes()

    def status(self, kind: Kind, key: ObjectKey) -> None:
        """Its status alone, or nothing but its version."""
        self._statuses.look_again(kind, key)

"""The attached routes of one world after another; what did not change is kept. Pure but for what it keeps."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from app.operator.routes.attachment import AttachedRoute, Parent, attach
from app.operator.routes.compiled import ObjectId
from app.operator.routes.gateways import PlacedGateway, namespace_labels
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.routes import Route
from app.operator.routes.world import World

__all__ = ["RouteAttachments"]


class _Kept(NamedTuple):
    """What a route's attachment rests on, and the attachment."""

    route: Route
    parents: tuple[Parent | None, ...]
    labels: Mapping[str, str]
    attached: AttachedRoute | None


class RouteAttachments:
    """Attaches the routes of one world after another; keeps those that did not change."""

    def __init__(self) -> None:
        self._parents: dict[ObjectId, Parent] = {}
        self._labels: dict[str, Mapping[str, str]] = {}
        self._kept: dict[str, dict[ObjectKey, _Kept]] = {}

    def of(self, world: World, gateways: Iterable[PlacedGateway]) -> list[AttachedRoute]:
        """The routes that have a parent of ours."""
        parents = {parent.id: parent for one in gateways for parent in _parents(one)}
        routes = {"HTTPRoute": world.http_routes, "GRPCRoute": world.grpc_routes}
        namespaces = {key.namespace for found in routes.values() for key in found}
        labels = {namespace: namespace_labels(world, namespace) for namespace in namespaces}
        is_same = (parents, labels) == (self._parents, self._labels)
        self._parents, self._labels = parents, labels
        self._kept = {
            kind: self._attach_all(found, self._kept.get(kind, {}), is_same) for kind, found in routes.items()
        }
        return [
            one.attached for kept in self._kept.values() for one in kept.values() if one.attached is not None
        ]

    def _attach_all(
        self, routes: Mapping[ObjectKey, Route], before: Mapping[ObjectKey, _Kept], is_same: bool
    ) -> dict[ObjectKey, _Kept]:
        """`is_same`: whether no parent and no namespace changed, so that a route that did not is as it was."""
        found: dict[ObjectKey, _Kept] = {}
        for key, route in routes.items():
            kept = before.get(key)
            if kept is None or not is_same or kept.route is not route:
                kept = self._attached(route, kept)
            found[key] = kept
        return found

    def _attached(self, route: Route, before: _Kept | None) -> _Kept:
        namespace = route.meta.namespace
        parents = tuple(
            self._parents.get(ObjectId(ref.kind, ref.key_from(namespace))) for ref in route.parents
        )
        labels = self._labels[namespace]
        if before is not None and before[:3] == (route, parents, labels):
            return before
        return _Kept(route, parents, labels, attach(route, self._parents, labels))


def _parents(placed: PlacedGateway) -> list[Parent]:
    """A Gateway and its ListenerSets, as routes see them."""
    key = placed.gateway.meta.key
    upstream = placed.upstream_certificate
    certificate = None if upstream is None else upstream.name
    gateway = Parent(
        id=ObjectId("Gateway", key),
        gateway=key,
        listeners=placed.listeners,
        is_serving=placed.is_accepted,
        fault=placed.accepted.message,
        upstream_certificate=certificate,
    )
    return [
        gateway,
        *(
            Parent(
                id=ObjectId("ListenerSet", one.listener_set.meta.key),
                gateway=key,
                listeners=one.listeners,
                is_serving=placed.is_accepted,
                fault=one.accepted.message,
                upstream_certificate=certificate,
            )
            for one in placed.sets
        ),
    ]

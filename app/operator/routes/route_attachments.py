"""The attached routes of one world after another; what did not change is kept. Pure but for what it keeps."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from app.operator.routes.attachment import AttachedRoute, Parent, attach
from app.operator.routes.compiled import ObjectId
from app.operator.routes.gateways import PlacedGateway, namespace_labels
from app.operator.routes.objects.routes import Route
from app.operator.routes.world import World

__all__ = ["RouteAttachments"]


class _Kept(NamedTuple):
    """What a route's attachment rests on."""

    route: Route
    parents: tuple[Parent | None, ...]
    labels: Mapping[str, str]


class RouteAttachments:
    """Attaches the routes of one world after another; keeps those that did not change."""

    def __init__(self) -> None:
        self._kept: dict[ObjectId, tuple[_Kept, AttachedRoute | None]] = {}

    def of(self, world: World, gateways: Iterable[PlacedGateway]) -> list[AttachedRoute]:
        """The routes that have a parent of ours."""
        parents = {parent.id: parent for one in gateways for parent in _parents(one)}
        labels = {
            namespace: namespace_labels(world, namespace)
            for namespace in {one.namespace for one in (*world.http_routes, *world.grpc_routes)}
        }
        kept: dict[ObjectId, tuple[_Kept, AttachedRoute | None]] = {}
        for route in (*world.http_routes.values(), *world.grpc_routes.values()):
            namespace = route.meta.namespace
            rests_on = _Kept(
                route,
                tuple(parents.get(ObjectId(ref.kind, ref.key_from(namespace))) for ref in route.parents),
                labels[namespace],
            )
            id_ = ObjectId(route.kind, route.meta.key)
            before = self._kept.get(id_)
            if before is not None and before[0] == rests_on:
                kept[id_] = before
            else:
                kept[id_] = (rests_on, attach(route, parents, labels[namespace]))
        self._kept = kept
        return [attached for _, attached in kept.values() if attached is not None]


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

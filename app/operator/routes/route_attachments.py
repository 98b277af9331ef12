"""The attached routes of one world after another; what did not change is kept. Pure but for what it keeps."""

from collections.abc import Iterable, Mapping
from itertools import chain
from operator import attrgetter, itemgetter
from typing import NamedTuple

from app.operator.routes.attachment import AttachedRoute, Parent, attach
from app.operator.routes.compiled import ObjectId
from app.operator.routes.gateways import PlacedGateway, namespace_labels
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.routes import Route
from app.operator.routes.world import World

__all__ = ["RouteAttachments"]

Order = tuple[str, str, str, int, int]
"""By age, namespace and name; then by kind, and the routes of an Ingress by their number."""

_RANKS = {"HTTPRoute": 0, "GRPCRoute": 1, "Ingress": 2}


class _Kept(NamedTuple):
    """What a route's attachment rests on, its place in the order of precedence, and the attachment.

    The routes of an Ingress rest on nothing else than themselves.
    """

    route: Route
    parents: tuple[Parent | None, ...]
    labels: Mapping[str, str]
    order: Order
    attached: AttachedRoute | None


_order = attrgetter("order")


class RouteAttachments:
    """Attaches the routes of one world after another; keeps those that did not change.

    A route that is attached as before is the same object as before, so that others can keep results by it.
    """

    def __init__(self) -> None:
        self._parents: dict[ObjectId, Parent] = {}
        self._labels: dict[str, Mapping[str, str]] = {}
        self._kept: dict[str, dict[ObjectKey, _Kept]] = {}
        self._ingress: dict[tuple[ObjectKey, int], _Kept] = {}
        self._sorted: list[_Kept] = []

    def of(
        self, world: World, gateways: Iterable[PlacedGateway], of_ingresses: Iterable[AttachedRoute]
    ) -> list[AttachedRoute]:
        """The routes that have a parent of ours and those of Ingresses, in the order of precedence."""
        parents = {parent.id: parent for one in gateways for parent in _parents(one)}
        routes = {"HTTPRoute": world.http_routes, "GRPCRoute": world.grpc_routes}
        namespaces = set(map(itemgetter(0), chain.from_iterable(routes.values())))
        labels = {namespace: namespace_labels(world, namespace) for namespace in namespaces}
        is_same = (parents, labels) == (self._parents, self._labels)
        self._parents, self._labels = parents, labels
        # where this ends early nothing is kept, since whether all is the same is known only once
        before, self._kept = self._kept, {}
        self._kept = {
            kind: self._attach_all(found, before.get(kind, {}), is_same) for kind, found in routes.items()
        }
        self._ingress = self._keep_ingresses(of_ingresses)
        self._sort()
        return [one.attached for one in self._sorted if one.attached is not None]

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
        attached = attach(route, self._parents, labels)
        if before is not None and before.attached == attached:
            attached = before.attached
        return _Kept(route, parents, labels, (*route.meta.age_order, _RANKS[route.kind], 0), attached)

    def _keep_ingresses(self, of_ingresses: Iterable[AttachedRoute]) -> dict[tuple[ObjectKey, int], _Kept]:
        found: dict[tuple[ObjectKey, int], _Kept] = {}
        for attached in of_ingresses:
            route, number = attached.route, 0
            while (key := (route.meta.key, number)) in found:
                number += 1
            kept = self._ingress.get(key)
            if kept is None or kept.attached != attached:
                kept = _Kept(route, (), {}, (*route.meta.age_order, _RANKS[route.kind], number), attached)
            found[key] = kept
        return found

    def _sort(self) -> None:
        """From the last order, since it is quick to sort what is nearly sorted."""
        kept = list(chain(*(found.values() for found in self._kept.values()), self._ingress.values()))
        before, now = set(map(id, self._sorted)), set(map(id, kept))
        if before != now:
            stayed = [one for one in self._sorted if id(one) in now]
            self._sorted = sorted(stayed + [one for one in kept if id(one) not in before], key=_order)


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

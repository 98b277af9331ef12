"""The attached routes of one world after another; what did not change is kept. Pure but for what it keeps."""

from bisect import bisect_left, insort_left
from collections import Counter
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
        self._sorted = _Sorted()

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
        kept, ingress, ordered = self._kept, self._ingress, self._sorted
        self._kept, self._ingress, self._sorted = {}, {}, _Sorted()
        for kind, found in routes.items():
            self._attach_all(found, kept.setdefault(kind, {}), is_same, ordered)
        _keep_ingresses(of_ingresses, ingress, ordered)
        self._kept, self._ingress, self._sorted = kept, ingress, ordered
        return [one.attached for one in ordered.every if one.attached is not None]

    def _attach_all(
        self,
        routes: Mapping[ObjectKey, Route],
        kept: dict[ObjectKey, _Kept],
        is_same: bool,
        ordered: "_Sorted",
    ) -> None:
        """`is_same`: whether no parent and no namespace changed, so that a route that did not is as it was."""
        for key in kept.keys() - routes.keys():
            ordered.replace(kept.pop(key), None)
        changed = [
            (key, route, before)
            for key, route in routes.items()
            if (before := kept.get(key)) is None or not is_same or before.route is not route
        ]
        for key, route, before in changed:
            now = kept[key] = self._attached(route, before)
            ordered.replace(before, now)

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


class _Sorted:
    """`every`: what is kept, in the order of precedence, where no two have the same place."""

    def __init__(self) -> None:
        self.every: list[_Kept] = []

    def replace(self, before: _Kept | None, now: _Kept | None) -> None:
        """`now` comes, `before` goes. O(log n) comparisons."""
        if before is now:
            return
        if before is not None:
            del self.every[bisect_left(self.every, before.order, key=_order)]
        if now is not None:
            insort_left(self.every, now, key=_order)


def _keep_ingresses(
    of_ingresses: Iterable[AttachedRoute], kept: dict[tuple[ObjectKey, int], _Kept], ordered: _Sorted
) -> None:
    gone = set(kept)
    numbers: Counter[ObjectKey] = Counter()
    for attached in of_ingresses:
        route = attached.route
        number = numbers[route.meta.key]
        numbers[route.meta.key] += 1
        key = (route.meta.key, number)
        gone.discard(key)
        before = kept.get(key)
        if before is None or before.attached != attached:
            order = (*route.meta.age_order, _RANKS[route.kind], number)
            now = kept[key] = _Kept(route, (), {}, order, attached)
            ordered.replace(before, now)
    for key in gone:
        ordered.replace(kept.pop(key), None)


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

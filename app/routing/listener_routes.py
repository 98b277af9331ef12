"""The routes of each listener: of a request by a listener's port only those of the listener that takes its host.

A route that is attached to one listener is never looked at for another, however well it would match (Gateway API:
listener isolation).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from operator import attrgetter, is_not
from typing import Final, TypeVar

from app.config.model import Listener, Match, Route
from app.routing.index import RouteIndex
from app.routing.listener_choice import ListenerChoice

__all__ = ["NO_PORTS", "ListenerRoutes", "PortRoutes", "are_attached_alike", "listener_routes"]

T = TypeVar("T")

_match = attrgetter("match")


class ListenerRoutes:
    """One listener's. `index` finds places in `positions`, which are those of its routes among all.

    `public_port`: what clients connect to. `hides_methods`: no route for a method is no route at all, as for one of
    the cluster's (HTTPRoute: "if no matches are found, 404"); a file's gets 405.
    """

    __slots__ = ("_matches", "hides_methods", "index", "name", "positions", "public_port")

    def __init__(
        self,
        listener: Listener,
        routes: Sequence[Route],
        positions: Sequence[int],
        known: "ListenerRoutes | None" = None,
    ) -> None:
        """`known`: the last table's, whose index serves on where the routes take the same requests: most edits change
        what is done with them."""
        self.name: str = listener.name
        self.hides_methods = "/" in listener.name
        self.public_port = listener.port if listener.public_port is None else listener.public_port
        self.positions = tuple(positions)
        self._matches = tuple(map(_match, routes))
        is_known = known is not None and _take_the_same(known._matches, self._matches)
        self.index: RouteIndex = known.index if known is not None and is_known else RouteIndex(routes)


class PortRoutes:
    """The listeners of one port: `choice` finds places in `listeners`."""

    __slots__ = ("choice", "listeners")

    def __init__(self, listeners: Sequence[Listener], routes: Sequence[ListenerRoutes]) -> None:
        """`routes`: of each of `listeners`."""
        self.choice = ListenerChoice([listener.hosts for listener in listeners])
        self.listeners = tuple(routes)

    def named(self, name: str) -> ListenerRoutes | None:
        """None for none. O(listeners of the port)."""
        return next((each for each in self.listeners if each.name == name), None)


NO_PORTS: Final[Mapping[int, PortRoutes]] = {}


def listener_routes(
    listeners: Sequence[Listener], routes: Sequence[Route], known: Mapping[int, PortRoutes] = NO_PORTS
) -> dict[int, PortRoutes]:
    """By port. `routes`: all, by precedence; those without listeners are left out. `known`: the last table's."""
    positions: dict[str, list[int]] = {}
    for position, route in enumerate(routes):
        for name in route.listeners:
            positions.setdefault(name, []).append(position)
    of_port: dict[int, list[Listener]] = {}
    for listener in listeners:
        of_port.setdefault(listener.port, []).append(listener)
    found = {}
    for port, sharing in of_port.items():
        before = known.get(port)
        made = []
        for listener in sharing:
            own = positions.get(listener.name, [])
            was = None if before is None else before.named(listener.name)
            made.append(ListenerRoutes(listener, [routes[position] for position in own], own, was))
        found[port] = PortRoutes(sharing, made)
    return found


def are_attached_alike(some: Sequence[Route], others: Sequence[Route]) -> bool:
    """Whether each route matches and is attached as the one in its place, so that `listener_routes` would be alike."""
    return len(some) == len(others) and all(
        (one.match, one.listeners) == (other.match, other.listeners)
        for one, other in _differing(some, others)
    )


def _take_the_same(some: Sequence[Match], others: Sequence[Match]) -> bool:
    """Whether each is as the one in its place."""
    return len(some) == len(others) and all(one == other for one, other in _differing(some, others))


def _differing(some: Sequence[T], others: Sequence[T]) -> Iterator[tuple[T, T]]:
    """Of those in one place, the pairs that are not one object; without a loop of ours over the thousands that are."""
    return compress(zip(some, others, strict=True), map(is_not, some, others))

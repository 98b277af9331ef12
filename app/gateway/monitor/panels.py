"""What fills the panels of the page, each by one function that reads the running gateway."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from app.admin.feed.clients import clients_shape
from app.admin.feed.edits import edits_shape
from app.admin.feed.endpoints import endpoints_shape
from app.foundation.clock import now_s
from app.gateway.clients import limited_clients, rejected_clients
from app.gateway.monitor.lately import Lately
from app.gateway.monitor.watched import Watched

__all__ = ["prompt_panels", "suppliers_of_panels"]

A = TypeVar("A")
B = TypeVar("B")

CLIENTS_EVERY_S = 5.0
"""Their numbers move with every rejection: so often is often enough."""


def suppliers_of_panels(watched: Watched, lately: Lately) -> Mapping[str, Callable[[], object]]:
    """By the panel's name in the protocol; a new panel is a line here, and a type of its own on the page."""
    in_force, counts = watched.in_force, watched.counts

    def clients() -> object:
        return clients_shape(limited_clients(in_force, counts, now_s()), rejected_clients(counts))

    return {
        "edits": _Kept(lambda: (watched.history.edits, lately.edit_rates), edits_shape),
        "upstreams": lambda: endpoints_shape(watched.upstreams(), watched.unreachable()),
        "clients": _Seldom(clients, CLIENTS_EVERY_S, now_s),
        "shadows": lately.shadows_panel,
    }


def prompt_panels(lately: Lately) -> Mapping[str, Callable[[], object]]:
    """Those that follow breakers, too: what moved a tile is in the verdict beside it."""
    return {"problems": lately.problems_panel}


class _Kept(Generic[A, B]):
    """`shape` of what `read` gives, made again where that is another."""

    def __init__(self, read: Callable[[], tuple[A, B]], shape: Callable[[A, B], object]) -> None:
        self._read = read
        self._shape = shape
        self._of: tuple[A, B] | None = None
        self._made: object = None

    def __call__(self) -> object:
        now = self._read()
        if now != self._of:
            self._of = now
            self._made = self._shape(*now)
        return self._made


class _Seldom:
    """What `supply` gave, asked again after `every_s`."""

    def __init__(self, supply: Callable[[], object], every_s: float, clock: Callable[[], float]) -> None:
        self._supply = supply
        self._every_s = every_s
        self._clock = clock
        self._due_s = 0.0
        self._given: object = None

    def __call__(self) -> object:
        now = self._clock()
        if now >= self._due_s:
            self._due_s = now + self._every_s
            self._given = self._supply()
        return self._given

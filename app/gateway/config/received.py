"""The configuration in force in a worker: what the parent sent, compiled here and bound to what outlives a table."""

from collections.abc import Iterator

from app.gateway.config.bindings import Bindings
from app.gateway.config.preparation import Inputs, Prepared, prepare
from app.gateway.workers.change import Change
from app.settings import Settings

__all__ = ["ReceivedConfiguration"]


class ReceivedConfiguration:
    """One change at a time: prepared in any thread, bound in slices, put in force when the parent says so."""

    def __init__(self, bindings: Bindings) -> None:
        self._bindings = bindings
        self._last: Prepared | None = None
        self._waiting: tuple[Change, Prepared] | None = None

    def prepare(self, change: Change) -> None:
        """It replaces one that waits. Raises ConfigFaults."""
        self._waiting = None
        inputs = Inputs(change.contents, change.snapshot, self._last)
        upstreams_of = self._bindings.upstreams_of
        prepared = prepare(change.settings, inputs, change.sequence, change.wall_s, upstreams_of)
        self._waiting = (change, prepared)

    def bind(self) -> Iterator[None]:
        """What waits, in slices; nothing in force changes."""
        if self._waiting is not None:
            yield from self._bindings.bind(self._waiting[1])

    def put_in_force(self, sequence: int) -> tuple[Settings, Prepared] | None:
        """The settings and plans to serve by from now on; None where no such configuration waits."""
        waiting, self._waiting = self._waiting, None
        if waiting is None or waiting[0].sequence != sequence:
            return None
        change, prepared = waiting
        self._bindings.put_in_force(prepared)
        self._last = prepared
        return change.settings, prepared

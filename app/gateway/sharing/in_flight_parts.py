"""MAX_IN_FLIGHT over all workers, exactly: the parent's side of `dataplane.proxy.in_flight`. Pure.

Each worker has a part. One that needs more gets what is free; where that is too little the others give up half of
what they do not use, and the gateway is full only when nobody has anything left.
"""

from collections.abc import Callable

__all__ = ["InFlightParts"]

SHARE = 8  # of what is free a worker gets an eighth at a time, lest it asks for each request


class InFlightParts:
    """`total` ≥ 1 requests at a time over `workers`. `send` gives a worker its part: (worker, part, is_full);
    `ask_spare` asks one what it can spare, for `on_spare`."""

    def __init__(
        self,
        total: int,
        workers: int,
        send: Callable[[int, int, bool], None],
        ask_spare: Callable[[int], None],
    ) -> None:
        self._free = total
        self._first = total // workers
        self._send = send
        self._ask_spare = ask_spare
        self._parts: dict[int, int] = {}
        self._wanted: dict[int, int] = {}
        self._sparing: set[int] = set()

    def join(self, worker: int) -> None:
        """It begins with an equal part, as far as that is free."""
        part = min(self._first, self._free)
        self._free -= part
        self._parts[worker] = part
        self._send(worker, part, False)

    def leave(self, worker: int) -> None:
        """It has ended: nothing of it is in flight any more."""
        self._free += self._parts.pop(worker, 0)
        self._wanted.pop(worker, None)
        self._sparing.discard(worker)
        if not self._sparing:
            self._give()

    def on_ask(self, worker: int, needed: int) -> None:
        """It has `needed` requests, those that wait among them."""
        if worker not in self._parts:
            return
        self._wanted[worker] = needed
        if self._sparing:
            return  # what they spare is given to all who want
        if self._missing(worker) > self._free:
            self._sparing = self._parts.keys() - self._wanted.keys()
            for other in self._sparing:
                self._ask_spare(other)
        if not self._sparing:
            self._give()

    def on_spare(self, worker: int, places: int) -> None:
        """It gave up so many."""
        if worker not in self._parts:
            return
        self._parts[worker] -= places
        self._free += places
        self._sparing.discard(worker)
        if not self._sparing:
            self._give()

    def _missing(self, worker: int) -> int:
        return max(0, self._wanted[worker] - self._parts[worker])

    def _give(self) -> None:
        wanted = sorted(self._wanted)
        for worker in wanted:
            missing = self._missing(worker)
            given = min(self._free, max(missing, self._free // SHARE))
            self._free -= given
            self._parts[worker] += given
            del self._wanted[worker]
            self._send(worker, self._parts[worker], given < missing)

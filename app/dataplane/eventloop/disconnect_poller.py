"""Clients that hang up while the gateway does not read from them (their upload waits for the upstream).

A paused transport sees no end of its stream, so the sockets are asked, twice a second and only while there
are such clients.
"""

import asyncio
import select
from typing import Final, Protocol

__all__ = ["DisconnectPoller", "Paused"]

SWEEP_S: Final = 0.5
_HUNG_UP: Final = (
    getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR
)  # POLLRDHUP: Linux, poll(2)


class Paused(Protocol):
    """A client connection; `read_paused` False: it sees the end of its stream by itself."""

    transport: asyncio.Transport
    read_paused: bool

    def abort(self) -> None: ...


class DisconnectPoller:
    """Aborts each watched connection whose client is gone."""

    __slots__ = ("_handle", "_loop", "_watched")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: set[Paused] = set()
        self._handle: asyncio.TimerHandle | None = None

    def watch(self, client: Paused) -> None:
        """Until it is no longer paused; O(1)."""
        self._watched.add(client)
        if self._handle is None:
            self._handle = self._loop.call_later(SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        self._handle = None
        poll = select.poll()
        by_socket: dict[int, Paused] = {}
        for client in tuple(self._watched):
            if not client.read_paused or client.transport.is_closing():
                self._watched.discard(client)
                continue
            number = client.transport.get_extra_info("socket").fileno()
            by_socket[number] = client
            poll.register(number, _HUNG_UP)
        for number, _ in poll.poll(0):
            self._watched.discard(by_socket[number])
            by_socket[number].abort()
        if self._watched:
            self._handle = self._loop.call_later(SWEEP_S, self._sweep)

    def stop(self) -> None:
        """Watches nobody any more."""
        self._watched.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

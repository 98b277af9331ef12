"""Clients that hang up while the gateway does not read from them (their upload waits for the upstream).

A paused transport sees no end of its stream, so the sockets are asked, twice a second and only while there
are such clients.
"""

import asyncio
import select
from typing import Protocol

__all__ = ["HangUps", "Paused"]

SWEEP_S = 0.5
_HUNG_UP = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR  # POLLRDHUP: Linux, poll(2)


class Paused(Protocol):
    """`paused_client` False or `finished` True: it need not be watched any more."""

    paused_client: bool
    finished: bool

    def client_socket(self) -> int:
        """Its file number; −1 when it is closed."""
        ...

    def drop_client(self) -> None: ...


class HangUps:
    """Calls `drop_client` of each watched exchange whose client is gone."""

    __slots__ = ("_handle", "_loop", "_watched")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: set[Paused] = set()
        self._handle: asyncio.TimerHandle | None = None

    def watch(self, exchange: Paused) -> None:
        """Until it is no longer paused; O(1)."""
        self._watched.add(exchange)
        if self._handle is None:
            self._handle = self._loop.call_later(SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        self._handle = None
        poll = select.poll()
        by_socket: dict[int, Paused] = {}
        for exchange in tuple(self._watched):
            number = exchange.client_socket() if exchange.paused_client and not exchange.finished else -1
            if number < 0:
                self._watched.discard(exchange)
                continue
            by_socket[number] = exchange
            poll.register(number, _HUNG_UP)
        for number, _ in poll.poll(0) if by_socket else ():
            self._watched.discard(by_socket[number])
            by_socket[number].drop_client()
        if self._watched:
            self._handle = self._loop.call_later(SWEEP_S, self._sweep)

    def stop(self) -> None:
        """Watches nobody any more."""
        self._watched.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

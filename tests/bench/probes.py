"""Probes that cost next to nothing: how soon every gateway responds as it should after something changed.

    async with probing(places, "r7.example") as probes:
        began_s = time.monotonic()
        ...
        seen_s = await probes.until("X-Edition", "8", began_s)

Each has one connection, made before the change, and sends the same bytes again `PAUSE_S` after each response; no
coroutine wakes for that. A client that parses took half a core where two of them sent a request every 2 ms.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

__all__ = ["Probe", "Probes", "probing"]

PAUSE_S = 0.004
CHANGE_S = 30.0

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n")


class Probe(asyncio.Protocol):
    """One connection to one gateway. `head`: of the last response, in lower case."""

    def __init__(self, host: str) -> None:
        self.head = b""
        self._request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        self._taken = b""
        self._wanted = b""
        self._found: asyncio.Future[float] | None = None
        self._next: asyncio.TimerHandle | None = None

    async def until(self, wanted: bytes) -> float:
        """When the first response came that has the field line `wanted`, in lower case; b"": when any came.

        Raises ConnectionResetError where the connection ends before.
        """
        self._wanted, self._found = wanted, asyncio.get_running_loop().create_future()
        self._send()
        try:
            return await self._found
        finally:
            self._found = None
            if self._next is not None:
                self._next.cancel()

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._taken += data
        head, end, rest = self._taken.partition(b"\r\n\r\n")
        if not end:
            return
        head = head.lower() + b"\r\n"
        length = _LENGTH.search(head)
        if length is None or len(rest) < int(length[1]):
            return  # every response of a gateway to these requests has a length
        self.head, self._taken = head, b""
        if self._found is None or self._found.done():
            return
        if not self._wanted or b"\r\n" + self._wanted + b"\r\n" in head:
            self._found.set_result(time.monotonic())
        else:
            self._next = asyncio.get_running_loop().call_later(PAUSE_S, self._send)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._found is not None and not self._found.done():
            self._found.set_exception(ConnectionResetError("the gateway closed the connection of a probe"))

    def _send(self) -> None:
        if self._transport.is_closing():
            self.connection_lost(None)
        else:
            self._transport.write(self._request)


class Probes:
    """One for each gateway. `round_trip_s`: how long a response took, at most, when they had just connected."""

    def __init__(self, host: str, probes: Mapping[str, Probe], round_trip_s: float) -> None:
        self.round_trip_s = round_trip_s
        self._host, self._probes = host, probes

    async def until(self, name: str, value: str, began_s: float) -> Sequence[float]:
        """How long after `began_s` each gateway responded first with that field, soonest first.

        Raises TimeoutError, which says what was found, after `CHANGE_S`.
        """
        wanted = f"{name}: {value}".lower().encode()
        try:
            async with asyncio.timeout(CHANGE_S):
                found = await asyncio.gather(*(one.until(wanted) for one in self._probes.values()))
        except TimeoutError:
            last = {
                gateway: one.head.decode("latin-1").split("\r\n") for gateway, one in self._probes.items()
            }
            raise TimeoutError(f"{self._host}: no {wanted!r} after {CHANGE_S:g} s: {last}") from None
        return sorted(at_s - began_s for at_s in found)


@asynccontextmanager
async def probing(places: Mapping[str, tuple[str, int]], host: str) -> AsyncIterator[Probes]:
    """Probes that ask for `host`. `places`: address and port of each gateway by its name."""
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        probes: dict[str, Probe] = {}
        for name, (address, port) in places.items():
            _, probes[name] = await loop.create_connection(lambda: Probe(host), address, port)
            stack.callback(probes[name].close)
        async with asyncio.timeout(CHANGE_S):
            for one in probes.values():
                await one.until(b"")  # what a connection costs at first
            began_s = time.monotonic()
            ends_s = await asyncio.gather(*(one.until(b"") for one in probes.values()))
        yield Probes(host, probes, max(ends_s) - began_s)

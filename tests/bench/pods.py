"""Pods on this machine and clients that load gateways, in a process of their own, so that nothing else delays them.

async with running_pods() as pods:
    port = await pods.open()
    await pods.load({"edge-0": ("127.0.77.1", 20_000)}, ["r0.example"], clients=4)
    await pods.close(port, after_s=2.0)
    found = await pods.loaded()
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from tests.bench.side_process import Command, SideProcess, serve, side_process
from tests.fakes.client import RawClient

__all__ = ["Loaded", "Pods", "running_pods"]

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Loaded:
    """`kinds`: how many responses came of each status and reason.

    `seen_s`: by gateway and port of a pod, when the first response of that pod came.
    """

    kinds: Counter[str]
    seen_s: Mapping[str, Mapping[int, float]]


class Pods:
    """The process, from outside."""

    def __init__(self, process: SideProcess) -> None:
        self._side, self.process = process, process.process

    async def open(self) -> int:
        """A new pod, which says its port in `X-Pod`; that port."""
        return int((await self._side.do("open"))["port"])

    async def close(self, port: int, after_s: float = 0.0) -> None:
        """The pod goes `after_s` from now, at once as one that is killed; returns before."""
        await self._side.do("close", port=port, after_s=after_s)

    async def load(self, gateways: Mapping[str, tuple[str, int]], hosts: Sequence[str], clients: int) -> None:
        """So many clients send requests to each gateway, one after the other, each once, from now on.

        `gateways`: address and port by name. `hosts`: that they ask for, in turn.
        """
        await self._side.do("load", gateways=gateways, hosts=hosts, clients=clients)

    async def loaded(self) -> Loaded:
        """Once all pods that are to go are gone: the load ends; what it found."""
        found = await self._side.do("end_load")
        seen_s = {
            name: {int(port): at_s for port, at_s in seen.items()} for name, seen in found["seen_s"].items()
        }
        return Loaded(Counter(found["kinds"]), seen_s)


@asynccontextmanager
async def running_pods(address: str = "127.0.0.1") -> AsyncIterator[Pods]:
    """`address`: of this machine, where all pods listen."""
    async with side_process("tests.bench.pods", address) as process:
        yield Pods(process)


class _Requests(asyncio.Protocol):
    """One connection of a pod: each head without a body gets the pod's name."""

    def __init__(self, pod: "_Pod") -> None:
        self._pod, self._taken = pod, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._pod.connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._pod.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._taken += data
        while b"\r\n\r\n" in self._taken:
            self._taken = self._taken.partition(b"\r\n\r\n")[2]
            self._transport.write(self._pod.response)


class _Pod:
    def __init__(self) -> None:
        self.connections: set[asyncio.Transport] = set()
        self.port = 0
        self.response = b""

    async def open(self, address: str) -> "_Pod":
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Requests(self), address, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.response = f"HTTP/1.1 200 OK\r\nX-Pod: {self.port}\r\nContent-Length: 0\r\n\r\n".encode()
        return self

    def close(self) -> None:
        self._server.close()
        for transport in list(self.connections):
            transport.abort()


class _Load:
    """What clients of all gateways found."""

    def __init__(self, gateways: Mapping[str, tuple[str, int]], hosts: Sequence[str], clients: int) -> None:
        self.kinds: Counter[str] = Counter()
        self.seen_s: dict[str, dict[str, float]] = {name: {} for name in gateways}
        self._hosts: Iterator[str] = cycle(hosts)
        self._is_over = False
        self._tasks = [
            asyncio.ensure_future(self._send(name, *place))
            for name, place in gateways.items()
            for _ in range(clients)
        ]

    async def end(self) -> None:
        self._is_over = True
        await asyncio.gather(*self._tasks)

    async def _send(self, name: str, address: str, port: int) -> None:
        while not self._is_over:
            try:
                async with RawClient(port, address, timeout_s=PATIENCE_S) as client:
                    while not self._is_over:
                        await self._request(name, client)
            except (OSError, AssertionError, asyncio.IncompleteReadError) as error:
                self.kinds[type(error).__name__] += 1

    async def _request(self, name: str, client: RawClient) -> None:
        # nothing sends a POST a second time
        response = await client.request("POST", "/", [("Host", next(self._hosts))])
        self.kinds[f"{response.status} {response.get('Tidegate-Reason')}".strip()] += 1
        pod = response.get("X-Pod")
        if pod and pod not in self.seen_s[name]:
            self.seen_s[name][pod] = time.monotonic()


class _Process:
    """Inside of it."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._pods: dict[int, _Pod] = {}
        self._given: set[int] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._load: _Load | None = None

    def commands(self) -> Mapping[str, Command]:
        return {
            "open": self._open,
            "close": self._close,
            "load": self._begin_load,
            "end_load": self._end_load,
        }

    async def _open(self) -> dict[str, Any]:
        """Never at the port of an earlier one, though the kernel gives it again: it is a pod's name here."""
        pod, known = await _Pod().open(self._address), []
        while pod.port in self._given:
            known.append(pod)
            pod = await _Pod().open(self._address)
        for one in known:
            one.close()
        self._given.add(pod.port)
        self._pods[pod.port] = pod
        return {"port": pod.port}

    async def _close(self, port: int, after_s: float) -> dict[str, Any]:
        task = asyncio.ensure_future(self._go(self._pods.pop(port), after_s))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        return {}

    async def _go(self, pod: _Pod, after_s: float) -> None:
        await asyncio.sleep(after_s)
        pod.close()

    async def _begin_load(
        self, gateways: Mapping[str, tuple[str, int]], hosts: Sequence[str], clients: int
    ) -> dict[str, Any]:
        self._load = _Load(gateways, hosts, clients)
        return {}

    async def _end_load(self) -> dict[str, Any]:
        load = self._load
        assert load is not None
        await asyncio.gather(*self._closing)
        await load.end()
        return {"kinds": load.kinds, "seen_s": load.seen_s}


if __name__ == "__main__":
    serve(lambda: _Process(sys.argv[1]).commands())

"""Pods on loopback and clients that load gateways, in a process of their own, so that nothing else here delays them.

    async with running_pods() as pods:
        port = await pods.open()
        await pods.load({"edge-0": ("127.0.77.1", 20_000)}, "r0.example", clients=4)
        await pods.close(port, after_s=2.0)
        found = await pods.loaded()

The process takes one JSON object a line at stdin, `{"do": NAME, ...}`, and responds to each with one at stdout. It ends
with its stdin, so with whoever started it, however that ended. Times are those of the monotonic clock, which all
processes of a machine share.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.fakes.client import RawClient
from tests.fakes.process import ROOT

__all__ = ["Loaded", "Pods", "running_pods"]

PATIENCE_S = 30.0
END_S = 5.0


@dataclass(frozen=True)
class Loaded:
    """`kinds`: how many responses came of each status and reason.

    `seen_s`: by gateway and port of a pod, when the first response of that pod came.
    """

    kinds: Counter[str]
    seen_s: Mapping[str, Mapping[int, float]]


class Pods:
    """The process, from outside."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process, self._turn = process, asyncio.Lock()

    async def open(self) -> int:
        """A new pod, which says its port in `X-Pod`; that port."""
        return int((await self._do("open"))["port"])

    async def close(self, port: int, after_s: float = 0.0) -> None:
        """The pod goes `after_s` from now, at once as one that is killed; returns before."""
        await self._do("close", port=port, after_s=after_s)

    async def load(self, gateways: Mapping[str, tuple[str, int]], host: str, clients: int) -> None:
        """So many clients send requests for `host` to each gateway, one after the other, each once, from now on.

        `gateways`: address and port by name.
        """
        await self._do("load", gateways=gateways, host=host, clients=clients)

    async def loaded(self) -> Loaded:
        """Once all pods that are to go are gone: the load ends; what it found."""
        found = await self._do("end_load")
        seen_s = {
            name: {int(port): at_s for port, at_s in seen.items()} for name, seen in found["seen_s"].items()
        }
        return Loaded(Counter(found["kinds"]), seen_s)

    async def _do(self, what: str, **given: Any) -> dict[str, Any]:
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        async with self._turn:
            stdin.write(json.dumps({"do": what, **given}).encode() + b"\n")
            await stdin.drain()
            line = await stdout.readline()
        if not line:
            raise RuntimeError(f"the process of the pods ended at {what!r}")
        found: dict[str, Any] = json.loads(line)
        return found


@asynccontextmanager
async def running_pods() -> AsyncIterator[Pods]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench.pods",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    try:
        yield Pods(process)
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(END_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


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

    async def open(self) -> "_Pod":
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Requests(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.response = f"HTTP/1.1 200 OK\r\nX-Pod: {self.port}\r\nContent-Length: 0\r\n\r\n".encode()
        return self

    def close(self) -> None:
        self._server.close()
        for transport in list(self.connections):
            transport.abort()


class _Load:
    """What clients of all gateways found."""

    def __init__(self, gateways: Mapping[str, tuple[str, int]], host: str, clients: int) -> None:
        self.kinds: Counter[str] = Counter()
        self.seen_s: dict[str, dict[str, float]] = {name: {} for name in gateways}
        self._host, self._is_over = host, False
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
        response = await client.request(
            "POST", "/", [("Host", self._host)]
        )  # nothing sends a POST a second time
        self.kinds[f"{response.status} {response.get('Tidegate-Reason')}".strip()] += 1
        pod = response.get("X-Pod")
        if pod and pod not in self.seen_s[name]:
            self.seen_s[name][pod] = time.monotonic()


class _Process:
    """Inside of it."""

    def __init__(self) -> None:
        self._pods: dict[int, _Pod] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._load: _Load | None = None
        self._commands: Mapping[str, Callable[..., Awaitable[dict[str, Any]]]] = {
            "open": self._open,
            "close": self._close,
            "load": self._begin_load,
            "end_load": self._end_load,
        }

    async def run(self, commands: asyncio.StreamReader) -> None:
        while line := await commands.readline():
            given = json.loads(line)
            found = await self._commands[given.pop("do")](**given)
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()

    async def _open(self) -> dict[str, Any]:
        pod = await _Pod().open()
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
        self, gateways: Mapping[str, tuple[str, int]], host: str, clients: int
    ) -> dict[str, Any]:
        self._load = _Load(gateways, host, clients)
        return {}

    async def _end_load(self) -> dict[str, Any]:
        load = self._load
        assert load is not None
        await asyncio.gather(*self._closing)
        await load.end()
        return {"kinds": load.kinds, "seen_s": load.seen_s}


async def _run() -> None:
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    await _Process().run(commands)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run())

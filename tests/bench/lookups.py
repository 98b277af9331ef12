"""What a look-up costs among few and among many routes by host, in one run.

Two measures: the lines of Python that one look-up runs, which are the same on every machine however busy, and the CPU
of gateways that differ in nothing but the number of their routes. The gateways take turns of `TURN_S`, so that what
else runs on the machine meets all of them alike. Each of them is asked for `ASKED` of its routes, spread evenly, since
telemetry has its work with every route that was asked for within a second; and by as many different Host fields, more
than any memo of hosts holds, so that no memo stands in for a look-up. What a gateway does each second for all of its
routes is contained: it weighs where the machine is too busy for many requests a second.
"""

import asyncio
import statistics
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from app.config.model import Match, Route, RouteName, UpstreamName, WeightedUpstream
from app.routing.index import RouteIndex
from tests.bench.pods import Pods
from tests.fakes.process import START_S, Child, free_port

__all__ = ["SIZES", "Turns", "lines_run", "lookup_lines", "turns"]

SIZES = (30, 300, 3000)
"""How many routes, each by a host of its own."""

TURN_S = 0.5
CLIENTS = 4
ASKED = 30
FIELDS = 3000


def lookup_lines(count: int) -> tuple[int, int]:
    """How many lines of Python a look-up among `count` routes runs, in the middle of `ASKED`: for a Host field that was
    not seen lately, and for one that was. Garbage that is collected amid one runs lines of its own."""
    upstreams = (WeightedUpstream(UpstreamName("u")),)
    index = RouteIndex(
        [Route(RouteName(f"r{at}"), Match(hosts=(_host(at),)), upstreams) for at in range(count)]
    )
    first, again = [], []
    for at in range(0, count, max(1, count // ASKED)):
        field = (
            f"{_host(at)}:{10_000 + count}".encode()
        )  # of this size alone: other memos know the names without a port

        def look_up(field: bytes = field, wanted: int = at) -> None:
            assert index.find(field, b"GET", b"/", None, ()) == wanted

        first.append(lines_run(look_up))
        again.append(lines_run(look_up))
    return statistics.median_low(first), statistics.median_low(again)


def lines_run(call: Callable[[], object]) -> int:
    """How many lines of Python `call` runs, in all that it calls."""
    lines = 0

    def trace(_: FrameType, event: str, __: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return lines


@dataclass(frozen=True, slots=True)
class Turns:
    """Of the gateway with `size` routes: CPU seconds for a request in each turn."""

    size: int
    costs_s: Sequence[float]

    @property
    def cost_s(self) -> float:
        return statistics.median(self.costs_s)

    def ratio_to(self, other: "Turns") -> float:
        """Of turns that followed each other, the one in the middle."""
        return statistics.median(own / its for own, its in zip(self.costs_s, other.costs_s, strict=True))


async def turns(pods: Pods, folder: Path, rounds: int) -> list[Turns]:
    """Of gateways of all SIZES, once each has met every Host field. A round has a turn of each, some go backward."""
    async with AsyncExitStack() as stack:
        pod = await pods.open()
        asked = [
            _Asked(size, *await stack.enter_async_context(_gateway(size, pod, folder))) for size in SIZES
        ]
        for each in asked:
            while each.requests < FIELDS:
                await each.take_turn(pods)
            each.costs_s.clear()
        for number in range(rounds):
            for each in asked if number % 2 else reversed(asked):
                await each.take_turn(pods)
        await pods.close(pod)
    return [Turns(each.size, each.costs_s) for each in asked]


class _Asked:
    """A gateway with `size` routes, and what its turns found so far."""

    def __init__(self, size: int, gateway: Child, port: int) -> None:
        self.size, self.requests = size, 0
        self.costs_s: list[float] = []
        self._gateway, self._place = gateway, ("127.0.0.1", port)

    async def take_turn(self, pods: Pods) -> None:
        """It goes on with the Host fields where the last one ended; again where there was no time for any request.

        RuntimeError where one failed.
        """
        numbers = range(self.requests, self.requests + FIELDS)
        hosts = [_field(number % FIELDS, self.size) for number in numbers]
        before_s = _cpu_s(self._gateway.pid)
        kinds: Counter[str] = Counter()
        while not kinds:
            await pods.load({str(self.size): self._place}, hosts, CLIENTS)
            await asyncio.sleep(TURN_S)
            kinds = (await pods.loaded()).kinds
        used_s = _cpu_s(self._gateway.pid) - before_s
        if kinds.total() != kinds["200"]:
            raise RuntimeError(f"the gateway with {self.size} routes failed: {dict(kinds)}")
        self.costs_s.append(used_s / kinds.total())
        self.requests += kinds.total()


@asynccontextmanager
async def _gateway(size: int, pod: int, folder: Path) -> AsyncIterator[tuple[Child, int]]:
    file, port = folder / f"routes-{size}.yaml", free_port()
    routes = "".join(
        f"  - {{name: r{at}, match: {{hosts: [{_host(at)}]}}, upstream: pod, auth: none}}\n"
        for at in range(size)
    )
    file.write_text(f"upstreams: {{pod: {{endpoints: [http://127.0.0.1:{pod}]}}}}\nroutes:\n{routes}")
    env = {
        "PORT": str(port),
        "ADMIN_PORT": "0",
        "HOST": "127.0.0.1",
        "ACCESS_LOG": "off",
        "RATE_LIMIT": "off",
    }
    async with Child.app("gateway", "--config", str(file), env=env) as child:
        await child.wait_port(port, timeout_s=START_S)
        yield child, port


def _cpu_s(pid: int) -> float:
    """Of its main thread, which serves the requests, to the nanosecond (proc(5), schedstat)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _host(at: int) -> str:
    return f"r{at}.example"


def _field(number: int, size: int) -> str:
    """As many different ones for every size, since the port in a Host field says nothing to routes."""
    return f"{_host(number % ASKED * size // ASKED)}:{8000 + number // ASKED}"

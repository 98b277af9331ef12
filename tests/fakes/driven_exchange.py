"""An exchange driven by hand: the client's events and the upstream's bytes in, recorded calls out."""

from typing import Any

from app.dataplane.codec.request import Request
from app.dataplane.proxy.exchange import Exchange
from app.dataplane.upstream.pool import ConnectionPool
from tests.fakes.manual_loop import Clock, ManualLoop, settled
from tests.fakes.proxy import FakeDownstream, FakeWriter, context_of
from tests.fakes.requests import request_of
from tests.fakes.transport import FakeTransport

__all__ = [
    "BREAKER",
    "CHUNKED",
    "Driven",
    "LENGTH_10",
    "LIMIT",
    "OK_HEAD",
    "Proxy",
    "TIMEOUT",
    "TWO_ENDPOINTS",
    "again",
    "gateway_text",
    "half_open",
    "retries",
    "state_of",
]

TWO_ENDPOINTS = ("http://127.0.0.1:1", "http://127.0.0.1:2")
BREAKER = "circuitBreaker: {consecutiveFailures: 1, openDuration: 10s, halfOpenRequests: 1}"
TIMEOUT = "timeout: {request: 3s, idle: 7s}"
LIMIT = "rateLimit: {rules: [{name: a, key: Global, requests: 9, period: 1h}]}"
LENGTH_10: dict[str, Any] = {"method": "POST", "fields": ["content-length: 10"]}
CHUNKED: dict[str, Any] = {"method": "POST", "fields": ["transfer-encoding: chunked"]}
OK_HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


def gateway_text(
    *stanzas: str,
    endpoints: tuple[str, ...] = ("http://127.0.0.1:9",),
    route: str = "upstream: one",
    protocol: str = "auto",
) -> str:
    """One route to one upstream, with the stanzas of one policy."""
    quoted = ", ".join(f'"{endpoint}"' for endpoint in endpoints)
    text = f"upstreams: {{one: {{endpoints: [{quoted}], protocol: {protocol}}}}}\n"
    text += f"routes: [{{name: r, match: {{path: {{prefix: /}}}}, auth: none, {route}}}]\n"
    if stanzas:
        text += f"policies: [{{name: p, spec: {{targetRefs: [{{kind: Gateway}}], {', '.join(stanzas)}}}}}]\n"
    return text


class Proxy:
    """A context with what lives in it across exchanges."""

    def __init__(self, clock: Clock, text: str, **environment: str) -> None:
        self.clock = clock
        self.loop = ManualLoop()
        self.context = context_of(text, self.loop, **environment)
        self.faults: list[BaseException] = []
        self.route = self.context.plans.plans[0]

    def expect_faults(self) -> None:
        """Faults inside are collected instead of failing the test."""
        self.context.on_internal_error = self.faults.append

    @property
    def breaker(self) -> Any:
        return self.route.targets[0].breaker

    @property
    def pools(self) -> list[ConnectionPool]:
        return self.route.targets[0].upstream.addresses

    @property
    def counted(self) -> dict[tuple[bytes, int, str], int]:
        """All exchanges that are complete: (method, status, reason)."""
        return {
            key: count
            for cells in self.context.counts.routes.values()
            for key, count in cells.requests.items()
        }

    @property
    def is_at_rest(self) -> bool:
        """Nothing is held for any exchange."""
        return self.context.counts.in_flight == 0 and all(pool.state.in_flight == 0 for pool in self.pools)

    async def begin(
        self,
        target: str = "/",
        method: str = "GET",
        *,
        body: bytes = b"",
        websocket_key: bytes = b"",
        **of: Any,
    ) -> "Driven":
        """`body`: what came with the head. `websocket_key`: the gateway's own, as over HTTP/2."""
        request = request_of(target, method, **of)
        request.websocket_key = websocket_key
        driven = Driven(self, request, body)
        await settled()
        return driven


class Driven:
    """One exchange and its two sides."""

    def __init__(self, proxy: Proxy, request: Request, body: bytes) -> None:
        self.proxy = proxy
        self.downstream = FakeDownstream()
        self.writer = FakeWriter()
        now = proxy.clock()
        self.exchange = Exchange(self.downstream, self.writer, proxy.context, request, now)
        if body:
            self.exchange.body.add(body)
        if request.length_bytes > 0 and len(body) == request.length_bytes:
            self.exchange.body.end([])
        self.exchange.begin(now)

    @property
    def state(self) -> Any:
        return self.exchange.state

    @property
    def upstream(self) -> FakeTransport:
        """Of the connection made last."""
        return self.proxy.loop.transports[-1]

    def answer(self, data: bytes, transport: FakeTransport | None = None) -> None:
        """The upstream sends."""
        (transport or self.upstream).protocol.data_received(data)

    def answer_whole(self, status: int = 200, body: bytes = b"ok") -> None:
        self.answer(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body))

    async def send(self, *pieces: bytes, end: bool = False) -> None:
        """The client's body goes on."""
        for piece in pieces:
            self.exchange.on_request_body(piece)
        if end:
            self.exchange.on_request_end([])
        await settled()

    async def lose_upstream(self) -> None:
        self.upstream.lose(ConnectionResetError(104, "reset"))
        await settled()

    async def come_due(self) -> None:
        """The deadline that the exchange set passes."""
        self.proxy.clock.now_s = self.downstream.deadline_s
        self.exchange.on_deadline(self.proxy.clock.now_s)
        await settled()

    @property
    def left_s(self) -> float:
        """To the deadline."""
        return self.downstream.deadline_s - self.proxy.clock.now_s


def retries(known):
    return known.route.targets[0].counts.retries


async def again(known):
    """The pause before the next attempt is over."""
    known.loop.fire()
    await settled()


async def half_open(proxy, *stanzas):
    """A context whose breaker takes the next request for a probe."""
    known = proxy(BREAKER, *stanzas)
    driven = await known.begin()
    await driven.lose_upstream()
    known.clock.now_s += 11
    known.loop.transports.clear()
    return known


def state_of(known):
    """Of the breaker, with the number of its probes in flight."""
    view = known.breaker.view(known.clock(), 0.0)
    return view.state, view.probes_in_flight

"""Whatever bytes a client of HTTP/2 sends, nothing of ours fails, each request is over once, and nothing is left."""

import asyncio

import pytest
from h2.exceptions import ProtocolError
from hypothesis import given, settings
from hypothesis import strategies as st

from app.dataplane.downstream import http2_connection, http2_life, http2_stream
from app.dataplane.eventloop import timer_wheel
from app.dataplane.eventloop.timer_wheel import Timed
from app.dataplane.proxy import attempt, attempts, exchange, relay
from tests.fakes.connected_http2_client import GET, POST, ConnectedHttp2Client
from tests.fakes.driven_exchange import Proxy, gateway_text
from tests.fakes.manual_loop import Clock, settled

MODULES = (http2_connection, http2_life, http2_stream, attempt, attempts, exchange, relay, timer_wheel)
ANSWERS = [
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n" + b"x" * 120_000,
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"nonsense\r\n\r\n",
]
PLAIN = [None, b"", b"x" * 10, b"x" * 20_000]
KINDS = st.integers(0, 11)

frames = st.builds(
    lambda kind, flags, stream, payload: (
        len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload
    ),
    KINDS,
    st.integers(0, 255),
    st.integers(0, 12),
    st.binary(max_size=40),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.booleans(), st.sampled_from(["/", "/.%2e/", "/a"])),
        st.tuples(st.just("data"), st.integers(0, 5), st.sampled_from(PLAIN[1:]), st.booleans()),
        st.tuples(st.just("reset"), st.integers(0, 5)),
        st.tuples(st.just("answer"), st.integers(0, 5), st.sampled_from(ANSWERS)),
        st.tuples(st.just("lose"), st.integers(0, 5)),
        st.tuples(st.just("window"), st.integers(1, 100_000)),
        st.tuples(st.just("frame"), frames),
        st.tuples(st.just("bytes"), st.binary(max_size=30)),
        st.tuples(st.just("stall"), st.booleans()),
        st.tuples(st.just("due")),
        st.tuples(st.just("drain")),
    ),
    max_size=14,
)


class Fuzzed:
    """A client that goes on past what `h2` would not send."""

    def __init__(self, clock: Clock) -> None:
        self.client = ConnectedHttp2Client(Proxy(clock, gateway_text("timeout: {idle: 3s, request: 5s}")))
        self.numbers: list[int] = []

    async def feed(self, data: bytes) -> None:
        transport = self.client.transport
        if data and transport.reading and not transport.closing:
            self.client.connection.data_received(data)
        await settled()

    async def do(self, step):
        client, kind = self.client, step[0]
        h2, upstreams = client.h2, client.proxy.loop.transports
        match kind:
            case "open":
                self.numbers.append(h2.get_next_available_stream_id())
                pseudo = [*(GET if step[1] else POST)[:3], (":path", step[2])]
                h2.send_headers(self.numbers[-1], pseudo, end_stream=step[1])
            case "data" if self.numbers:
                h2.send_data(self.numbers[step[1] % len(self.numbers)], step[2], end_stream=step[3])
            case "reset" if self.numbers:
                h2.reset_stream(self.numbers[step[1] % len(self.numbers)])
            case "answer" if upstreams:
                upstream = upstreams[step[1] % len(upstreams)]
                if not upstream.closing and upstream.reading:
                    upstream.protocol.data_received(step[2])
            case "lose" if upstreams:
                upstreams[step[1] % len(upstreams)].lose()
            case "window":
                h2.increment_flow_control_window(step[1])
            case "frame" | "bytes":
                await self.feed(step[1])
            case "stall":
                (client.transport.stall if step[1] else client.transport.drain)()
            case "due":
                await self.come_due()
            case "drain":
                client.connection.prepare_to_end()
        await self.feed(h2.data_to_send())

    async def come_due(self) -> None:
        """Whatever has a deadline next."""
        connection = self.client.connection
        timed: list[Timed] = [connection.life, *connection.streams.values()]
        first = min(timed, key=lambda each: each.deadline_s)
        if first.deadline_s != float("inf"):
            self.client.proxy.clock.now_s = first.deadline_s
            first.on_deadline(first.deadline_s)
        await settled()


async def fuzz(script):
    clock = Clock()
    with pytest.MonkeyPatch.context() as patched:
        for module in MODULES:
            patched.setattr(module, "now_s", clock)
        fuzzed = Fuzzed(clock)
        fuzzed.client.h2.initiate_connection()
        await fuzzed.feed(fuzzed.client.h2.data_to_send())
        for step in script:
            try:
                await fuzzed.do(step)
            except (ProtocolError, KeyError):
                continue  # what h2 does not let out
        client = fuzzed.client
        for _ in range(3 * len(script) + 10):  # a client that does nothing more loses its connection
            await fuzzed.come_due()
        assert client.transport.closing
        client.transport.lose()
        for _ in range(3):
            await settled()
        assert client.proxy.is_at_rest
        assert client.connection.streams == {}
        assert client.proxy.context.open_clients == set()


@settings(max_examples=100, deadline=None)
@given(steps)
def test_whatever_a_client_sends_nothing_of_ours_fails_and_nothing_is_left(script):
    asyncio.run(fuzz(script))

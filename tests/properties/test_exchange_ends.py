"""Whatever happens to an exchange, in whatever order: it ends once, and holds nothing then."""

import asyncio
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.driven_exchange import Driven, Proxy, gateway_text
from tests.fakes.manual_loop import Clock, settled

TEXT = gateway_text(
    "circuitBreaker: {consecutiveFailures: 1, openDuration: 10s, halfOpenRequests: 1}",
    "retry: {attempts: 2, on: [503, Reset, ConnectError, Timeout]}",
    "timeout: {request: 30s, perTry: 4s, idle: 3s}",
    endpoints=("http://127.0.0.1:1", "http://127.0.0.1:2"),
)
OF_CLIENT = ("send", "send much", "end body", "malformed", "blocked", "writable", "gone", "deadline")
OF_UPSTREAM = ("head", "piece", "whole", "503", "garbage", "lost", "early hints", "stall", "drain")
EVENTS = st.sampled_from([*OF_CLIENT, *OF_UPSTREAM, "timers"])
KINDS: dict[str, dict[str, object]] = {
    "get": {},
    "put": {"method": "PUT", "fields": ["transfer-encoding: chunked"]},
    "post": {"method": "POST", "fields": ["transfer-encoding: chunked", "expect: 100-continue"]},
    "websocket": {"fields": ["connection: upgrade", "upgrade: websocket"]},
}


def of_client(driven: Driven, event: str) -> None:
    """What a connection tells its exchange; nothing any more once that is done."""
    exchange, owes_body = driven.exchange, not driven.exchange.body.complete
    if event == "gone":
        exchange.on_client_gone()
    elif event == "blocked":
        exchange.on_client_blocked()
    elif event == "writable":
        exchange.on_client_writable()
    elif event == "deadline":
        if driven.left_s < 1000:
            driven.proxy.clock.now_s = max(driven.proxy.clock.now_s, driven.downstream.deadline_s)
            exchange.on_deadline(driven.proxy.clock.now_s)
    elif owes_body and event in ("send", "send much"):
        if not driven.downstream.upload_paused:
            exchange.on_request_body(b"x" * (100_000 if event == "send much" else 3))
    elif owes_body and event == "end body":
        exchange.on_request_end([])
    elif owes_body and event == "malformed":
        exchange.on_request_malformed("invalid chunk size")


BYTES = {
    "head": b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",
    "piece": b"abc",
    "whole": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "503": b"HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nno",
    "garbage": b"\x00\r\n\r\n",
    "early hints": b"HTTP/1.1 103 Early Hints\r\n\r\n",
}


def of_upstream(driven: Driven, event: str) -> None:
    transports = [each for each in driven.proxy.loop.transports if not each.closing]
    if not transports:
        return
    transport = transports[-1]
    if event == "lost":
        transport.lose(ConnectionResetError())
    elif event == "stall":
        transport.stall()
    elif event == "drain":
        transport.drain()
    else:
        transport.protocol.data_received(BYTES[event])


async def live(kind: str, refuse: set[int], half_open: bool, events: list[str]) -> None:
    clock = Clock()
    with (
        patch("app.dataplane.proxy.attempts.now_s", clock),
        patch("app.dataplane.proxy.exchange.now_s", clock),
    ):
        proxy = Proxy(clock, TEXT)
        if half_open:
            breaker = proxy.breaker
            breaker.fail(breaker.admit(clock.now_s), clock.now_s)
            clock.now_s += 11
        proxy.loop.refuse = refuse
        driven = await proxy.begin(**KINDS[kind])  # type: ignore[arg-type]
        for event in [*events, "gone"]:
            if event in OF_UPSTREAM:
                of_upstream(driven, event)
            elif event == "timers":
                proxy.loop.fire()
            elif not {"done", "abort"} & set(driven.downstream.calls):
                of_client(driven, event)
            await settled()
        calls = driven.downstream.calls
        assert calls.count("done") + calls.count("abort") <= 1
        replies = driven.writer.named("reply") + driven.writer.named("head")
        assert len(replies) - len(driven.writer.named("reply")) <= 1
        assert len(driven.writer.named("reply")) + len(driven.writer.named("end")) <= 1
        assert sum(proxy.counted.values()) == 1
        assert proxy.is_at_rest
        assert proxy.breaker.view(clock.now_s, 0.0).probes_in_flight == 0
        assert [pool.active for pool in proxy.pools] == [0, 0]
        assert proxy.loop.waiting == []
        for pool in proxy.pools:
            pool.close()
        await settled()


@settings(max_examples=300)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    refuse=st.sets(st.sampled_from([1, 2])),
    half_open=st.booleans(),
    events=st.lists(EVENTS, max_size=14),
)
def test_an_exchange_ends_once_and_holds_nothing_then(kind, refuse, half_open, events):
    asyncio.run(live(kind, refuse, half_open, events))

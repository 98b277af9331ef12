"""What an admitted request and its response do on their way: passed on, held back, judged, cut off, upgraded."""

from typing import Any

import pytest

from app.breaker.registry import Breakers
from app.dataplane.codec.fields import REQUEST_LINES
from app.dataplane.codec.http2_request import HTTP2
from app.dataplane.codec.response import read_response
from app.dataplane.eventloop.timer_wheel import NEVER
from app.dataplane.proxy.shadow import ShadowBreaker
from app.foundation.reasons import Reason
from app.policy.model import CircuitBreaker
from tests.fakes.driven_exchange import Proxy, gateway_text
from tests.fakes.manual_loop import settled

BREAKER = "circuitBreaker: {consecutiveFailures: 1, openDuration: 10s, halfOpenRequests: 1}"
TIMEOUT = "timeout: {request: 3s, idle: 7s}"
LENGTH_10: dict[str, Any] = {"method": "POST", "fields": ["content-length: 10"]}
CHUNKED: dict[str, Any] = {"method": "POST", "fields": ["transfer-encoding: chunked"]}
OK_HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


@pytest.fixture
def proxy(clock):
    return lambda *stanzas, **environment: Proxy(clock, gateway_text(*stanzas), **environment)


# The request's body


async def test_a_body_goes_on_piece_by_piece(proxy):
    known = proxy(TIMEOUT)
    driven = await known.begin(**LENGTH_10, body=b"1234")
    assert driven.upstream.take().endswith(b"content-length: 10\r\n\r\n1234")
    assert driven.left_s == 7.0
    await driven.send(b"567", b"890", end=True)
    assert driven.upstream.take() == b"567890"
    assert driven.left_s == 3.0
    driven.answer_whole()
    assert (driven.state.bytes_in, driven.state.bytes_out, known.is_at_rest) == (10, 2, True)


async def test_a_chunked_body_is_framed_anew_with_its_trailers(proxy):
    driven = await proxy().begin(**CHUNKED)
    driven.upstream.take()
    await driven.send(b"abc")
    driven.exchange.on_request_end([REQUEST_LINES.read(b"X-Sum: 1"), REQUEST_LINES.read(b"Host: x")])
    assert driven.upstream.take() == b"3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n"
    driven.exchange.on_request_end([])
    assert driven.upstream.take() == b""


async def test_a_client_that_waits_for_continue_is_told_to_go_on(proxy):
    known = proxy()
    waits: dict[str, Any] = {"method": "POST", "fields": ["content-length: 10", "expect: 100-continue"]}
    assert (await known.begin(**waits)).writer.calls == [("continue",)]
    assert (await known.begin(**waits, body=b"0123456789")).writer.calls == []


async def test_a_body_that_stalls_ends_with_408(proxy):
    known = proxy(TIMEOUT, BREAKER)
    driven = await known.begin(**LENGTH_10, body=b"1")
    await driven.come_due()
    assert driven.writer.reasons == ["request_timeout"]
    assert known.breaker.view(known.clock(), 0.0).state == "closed"
    assert driven.upstream.aborted


async def test_the_upload_waits_while_the_upstream_takes_nothing(proxy):
    driven = await proxy(TIMEOUT).begin(**CHUNKED)
    driven.upstream.stall()
    await driven.send(b"x" * 300_000)
    assert driven.downstream.calls == ["pause_upload"]
    await driven.come_due()
    assert driven.writer.reasons == ["upstream_timeout"]  # it is not the client that stalls


async def test_the_upload_goes_on_when_the_upstream_takes_it(proxy):
    driven = await proxy().begin(**CHUNKED)
    driven.upstream.stall()
    await driven.send(b"x" * 300_000)
    driven.upstream.drain()
    assert driven.downstream.calls == ["pause_upload", "resume_upload"]
    assert not driven.downstream.upload_paused


async def test_an_upload_waits_for_its_connection(clock):
    known = Proxy(clock, gateway_text())
    known.loop.hang = {9}
    driven = await known.begin(**CHUNKED)
    await driven.send(b"x" * 40_000)
    assert driven.downstream.calls == []
    await driven.send(b"x" * 40_000)
    assert driven.downstream.calls == ["pause_upload"]


async def test_a_response_before_the_bodys_end_ends_the_upstreams_connection(proxy):
    known = proxy()
    driven = await known.begin(**LENGTH_10, body=b"1")
    driven.answer_whole(status=401)
    assert driven.writer.calls[-1] == ("end", [])
    await driven.send(b"234567890", end=True)
    assert driven.upstream.aborted
    assert [pool.idle for pool in known.pools] == [0]


# The response


async def test_a_response_to_head_has_no_body(proxy):
    known = proxy()
    driven = await known.begin(method="HEAD")
    driven.answer(OK_HEAD)
    assert driven.writer.calls == [("head", 200, 4), ("end", [])]
    assert [pool.idle for pool in known.pools] == [1]


async def test_interim_responses_pass_but_for_100(proxy):
    driven = await proxy().begin()
    driven.answer(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n")
    assert driven.writer.calls == [("interim", 103)]
    old = await proxy().begin(version="1.0")
    old.answer(b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n")
    assert old.writer.calls == []


async def test_trailers_of_the_response_go_on(proxy):
    driven = await proxy().begin()
    driven.answer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n")
    assert driven.writer.calls == [("head", 200, -1), ("body", b"a"), ("end", [b"x-sum"])]


async def test_the_upstream_is_not_read_while_the_client_takes_nothing(proxy):
    driven = await proxy(TIMEOUT).begin()
    driven.answer(OK_HEAD)
    driven.exchange.on_client_blocked()
    assert driven.upstream.reading is False
    driven.proxy.clock.now_s += 5
    driven.exchange.on_client_writable()
    assert (driven.upstream.reading, driven.left_s) == (True, 7.0)


async def test_nothing_is_paused_that_is_not_there(proxy):
    driven = await proxy().begin()
    driven.answer_whole()
    driven.exchange.on_client_blocked()
    driven.exchange.on_client_writable()
    assert driven.upstream.reading is True


async def test_a_client_that_takes_bytes_slowly_has_more_time(proxy):
    driven = await proxy(TIMEOUT).begin()
    driven.writer.unsent = 500
    driven.answer(OK_HEAD)
    driven.writer.unsent = 300
    await driven.come_due()
    assert (driven.downstream.calls, driven.left_s) == ([], 7.0)
    await driven.come_due()
    assert driven.downstream.calls == ["abort"]


@pytest.mark.parametrize(("unsent", "state"), [(300, "closed"), (0, "open")])
async def test_a_response_that_stops_is_cut_off_and_is_the_upstreams_failure_unless_the_client_takes_nothing(
    proxy, unsent, state
):
    known = proxy(TIMEOUT, BREAKER)
    driven = await known.begin()
    driven.writer.unsent = unsent
    driven.answer(OK_HEAD + b"a")
    await driven.come_due()
    assert driven.downstream.calls == ["abort"]
    assert known.breaker.view(known.clock(), 0.0).state == state
    assert known.counted == {(b"GET", 200, "upstream_timeout"): 1}


# Failures


async def test_no_response_in_time_is_504_and_the_breakers_failure(proxy):
    known = proxy(TIMEOUT, BREAKER)
    driven = await known.begin()
    assert driven.left_s == 3.0
    await driven.come_due()
    assert driven.writer.reasons == ["upstream_timeout"]
    assert driven.upstream.aborted
    assert known.breaker.view(known.clock(), 0.0).state == "open"
    assert (known.counted, known.is_at_rest) == ({(b"GET", 504, "upstream_timeout"): 1}, True)


async def test_a_failure_before_the_response_is_a_local_reply(proxy):
    known = proxy(BREAKER)
    driven = await known.begin()
    await driven.lose_upstream()
    assert driven.writer.reasons == ["upstream_reset"]
    assert driven.downstream.calls == ["done"]
    assert known.breaker.view(known.clock(), 0.0).state == "open"
    assert known.counted == {(b"GET", 502, "upstream_reset"): 1}


async def test_a_failure_amid_the_response_cuts_it_off(proxy):
    known = proxy(BREAKER)
    driven = await known.begin()
    driven.answer(OK_HEAD + b"a")
    await driven.lose_upstream()
    assert driven.writer.calls[-1] == ("flush",)
    assert driven.downstream.calls == ["abort"]
    assert known.breaker.view(known.clock(), 0.0).state == "open"
    assert (known.counted, known.is_at_rest) == ({(b"GET", 200, "upstream_reset"): 1}, True)


async def test_what_is_malformed_before_a_byte_was_sent_is_a_local_reply(proxy):
    known = proxy(BREAKER)
    driven = await known.begin()
    driven.answer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nno chunk")
    assert driven.writer.reasons == ["upstream_protocol"]
    assert driven.downstream.calls == ["done"]
    assert known.breaker.view(known.clock(), 0.0).state == "open"
    assert known.counted == {(b"GET", 502, "upstream_protocol"): 1}


async def test_statuses_of_the_stanza_are_the_breakers_failures_and_go_on(proxy):
    known = proxy(BREAKER)
    driven = await known.begin()
    driven.answer_whole(status=503)
    assert driven.writer.calls[0] == ("head", 503, 2)
    assert known.breaker.view(known.clock(), 0.0).state == "open"


async def test_a_slow_response_is_a_slow_call(proxy):
    known = proxy("circuitBreaker: {slowCalls: {percent: 100, threshold: 1s}, failureRate: {percent: 100}}")
    driven = await known.begin()
    known.clock.now_s += 2
    driven.answer_whole()
    assert tuple(known.breaker.view(known.clock(), 0.0).window) == (1, 0, 1)


# Upgrades


WEBSOCKET: dict[str, Any] = {"fields": ["connection: upgrade", "upgrade: websocket", "sec-websocket-key: x"]}


async def test_an_upgrade_hands_both_sides_to_a_tunnel(proxy):
    known = proxy(BREAKER)
    driven = await known.begin(**WEBSOCKET)
    driven.answer(b"HTTP/1.1 101 Go\r\nconnection: upgrade\r\nupgrade: websocket\r\nx-a: 1\r\n\r\nframes")
    owner, phrase, lines, connection, rest = driven.downstream.tunnel
    assert (phrase, rest) == (b"Go", b"frames")
    assert lines.startswith(b"x-a: 1\r\nx-request-id: ")
    assert connection.transport is driven.upstream
    assert known.context.counts.in_flight == 1
    assert known.breaker.view(known.clock(), 0.0).probes_in_flight == 0
    driven.upstream.set_protocol(None)  # as a tunnel does
    owner.on_tunnel_end(3, 5)
    assert (driven.state.bytes_in, driven.state.bytes_out) == (3, 5)
    assert (known.counted, known.is_at_rest) == ({(b"GET", 101, ""): 1}, True)
    assert [pool.open for pool in known.pools] == [0]


@pytest.mark.parametrize("accept", [b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", b"another"])
async def test_an_upgrade_is_believed_where_it_accepts_the_key_that_the_gateway_made(proxy, accept):
    key = b"dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 §1.3
    driven = await proxy().begin(**WEBSOCKET, websocket_key=key)
    driven.answer(b"HTTP/1.1 101 Go\r\nupgrade: websocket\r\nsec-websocket-accept: " + accept + b"\r\n\r\n")
    if accept == b"another":
        assert driven.writer.reasons == ["upstream_protocol"]
    else:
        assert driven.state.status == 101


async def test_an_upgrade_that_nobody_asked_for_is_malformed(proxy):
    driven = await proxy().begin()
    driven.answer(b"HTTP/1.1 101 Go\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    assert driven.writer.reasons == ["upstream_protocol"]


async def test_a_refused_upgrade_is_a_response_like_others(proxy):
    known = proxy()
    driven = await known.begin(**WEBSOCKET)
    driven.answer_whole(status=403)
    assert known.counted == {(b"GET", 403, ""): 1}


# Probes of a half-open breaker


async def half_open(proxy, *stanzas):
    known = proxy(BREAKER, *stanzas)
    driven = await known.begin()
    await driven.lose_upstream()
    known.clock.now_s += 11
    known.loop.transports.clear()
    return known


def state_of(known):
    view = known.breaker.view(known.clock(), 0.0)
    return view.state, view.probes_in_flight


async def test_a_probe_is_judged_at_the_responses_head(proxy):
    known = await half_open(proxy)
    driven = await known.begin()
    assert state_of(known) == ("half_open", 1)
    assert (await known.begin()).writer.reasons == ["breaker_probing"]
    driven.answer(OK_HEAD)
    assert state_of(known) == ("closed", 0)
    await driven.lose_upstream()
    assert state_of(known) == ("closed", 0)
    assert driven.downstream.calls == ["abort"]


async def test_a_probe_that_fails_by_its_status_opens_again_at_the_head(proxy):
    known = await half_open(proxy)
    driven = await known.begin()
    driven.answer(b"HTTP/1.1 503 No\r\ncontent-length: 4\r\n\r\n")
    assert state_of(known) == ("open", 0)


async def test_a_probes_upload_has_the_requests_time_from_its_start(proxy):
    known = await half_open(proxy, "timeout: {request: 5s, idle: 2s}")
    driven = await known.begin(**LENGTH_10, body=b"0")
    for _ in range(3):
        known.clock.now_s += 1.5
        await driven.send(b"1")
    assert driven.left_s == 0.5
    await driven.come_due()
    assert driven.writer.reasons == ["request_timeout"]
    assert state_of(known) == ("half_open", 0)
    assert known.is_at_rest


async def test_an_upload_that_is_no_probe_has_idle_time_only(proxy):
    known = proxy("timeout: {request: 5s, idle: 2s}")
    driven = await known.begin(**LENGTH_10, body=b"0")
    for _ in range(8):
        known.clock.now_s += 1.5
        await driven.send(b"1")
    assert driven.left_s == 2.0


async def test_an_event_stream_is_judged_at_its_head_whether_probe_or_not(proxy):
    known = proxy(BREAKER)
    driven = await known.begin()
    driven.answer(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n")
    assert driven.state.permit is None
    await driven.lose_upstream()
    assert state_of(known) == ("closed", 0)


# Deadlines


async def test_without_timeouts_nothing_comes_due(proxy):
    known = proxy("timeout: {request: 0s, idle: 0s}")
    driven = await known.begin()
    assert driven.downstream.deadline_s == NEVER
    driven.answer(OK_HEAD)
    assert driven.downstream.deadline_s == NEVER


async def test_what_comes_after_the_end_does_nothing(proxy):
    known = proxy()
    driven = await known.begin()
    relay = driven.exchange._relay
    driven.answer_whole()
    calls, deadline_s = list(driven.writer.calls), driven.downstream.deadline_s
    relay.on_deadline(known.clock() + 99)
    relay.on_upstream_failed(Reason.UPSTREAM_RESET, "late")
    relay.on_client_blocked()
    relay.on_client_writable()
    relay.send_body(b"late")
    relay.set_deadline(known.clock())
    relay.on_upgraded(read_response(b"HTTP/1.1 101 Go"), b"")
    relay.stop(known.clock())
    assert not relay.on_response_head(read_response(b"HTTP/1.1 200 OK"))
    assert (driven.writer.calls, driven.downstream.calls) == (calls, ["done"])
    assert driven.downstream.deadline_s == deadline_s
    assert known.counted == {(b"GET", 200, ""): 1}


# gRPC

CALL: dict[str, Any] = {
    "method": "POST",
    "fields": ["content-type: application/grpc", "te: trailers", "content-length: 5"],
    "body": b"12345",
}
RETRY = "retry: {attempts: 1, on: [503]}"
FAILED_CALL = b"HTTP/1.1 200 OK\r\ngrpc-status: %d\r\ncontent-length: 0\r\n\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def stream_end(grpc_status: int) -> bytes:
    return b"0\r\ngrpc-status: %d\r\n\r\n" % grpc_status


def within(timeout: str, **of: Any) -> dict[str, Any]:
    """A call with `grpc-timeout`."""
    return {**CALL, "fields": [*CALL["fields"], f"grpc-timeout: {timeout}"], **of}


async def test_a_call_fails_by_the_status_in_its_head_though_http_says_200(proxy):
    known = proxy(BREAKER)
    driven = await known.begin(**CALL)
    driven.answer(FAILED_CALL % 14)
    assert driven.writer.named("head") == [("head", 200, 0)]
    assert (driven.state.status, driven.state.grpc_status, known.counted) == (
        503,
        14,
        {(b"POST", 503, ""): 1},
    )
    assert known.breaker.view(known.clock(), 0.0).state == "open"


async def test_a_call_fails_by_the_status_in_its_trailers(proxy):
    known = proxy(BREAKER)
    driven = await known.begin(**CALL)
    driven.answer(STREAM_HEAD + b"1\r\nx\r\n")
    assert known.breaker.view(known.clock(), 0.0).state == "closed"
    driven.answer(stream_end(13))
    assert driven.writer.named("end") == [("end", [b"grpc-status"])]
    assert (driven.state.status, driven.state.grpc_status) == (500, 13)
    assert known.breaker.view(known.clock(), 0.0).state == "open"
    assert known.pools[0].state.consecutive_failures == 1


@pytest.mark.parametrize(("grpc_status", "status"), [(0, 200), (5, 404), (12, 404), (1, 499)])
async def test_what_the_caller_got_wrong_is_no_failure(proxy, grpc_status, status):
    known = proxy(BREAKER)
    for end in (FAILED_CALL % grpc_status, STREAM_HEAD + stream_end(grpc_status)):
        driven = await known.begin(**CALL)
        driven.answer(end)
        assert driven.state.status == status
    assert known.breaker.view(known.clock(), 0.0).state == "closed"
    assert known.pools[0].state.responded_well


async def test_a_response_without_a_status_of_grpc_is_what_its_status_of_http_says(proxy):
    known = proxy(BREAKER)
    driven = await known.begin(**CALL)
    driven.answer_whole()
    assert (driven.state.status, driven.state.grpc_status) == (200, -1)
    driven = await known.begin(**CALL)
    driven.answer_whole(503)
    assert (driven.state.status, known.breaker.view(known.clock(), 0.0).state) == (503, "open")


async def test_a_call_that_failed_in_its_head_is_tried_again(proxy):
    known = proxy(RETRY)
    driven = await known.begin(**CALL)
    driven.answer(FAILED_CALL % 14)
    assert driven.writer.calls == []
    known.loop.fire()
    await settled()
    driven.answer(FAILED_CALL % 0)
    assert (driven.state.attempts, driven.state.grpc_status, driven.state.status) == (2, 0, 200)


async def test_a_call_that_began_to_respond_is_not_tried_again(proxy):
    driven = await proxy(RETRY).begin(**CALL)
    driven.answer(STREAM_HEAD)
    driven.answer(stream_end(14))
    assert (driven.state.attempts, driven.state.status) == (1, 503)


async def test_a_calls_own_deadline_is_before_the_routes(proxy, clock):
    known = proxy(TIMEOUT, BREAKER)
    driven = await known.begin(**within("2S"))
    assert b"grpc-timeout: 2000000u\r\n" in driven.upstream.take()
    assert driven.left_s == 2.0
    await driven.come_due()
    assert (driven.state.status, driven.state.grpc_status, driven.state.reason) == (
        504,
        4,
        Reason.UPSTREAM_TIMEOUT,
    )
    assert known.breaker.view(known.clock(), 0.0).state == "open"


async def test_a_route_may_give_a_call_less_time_than_it_asks_for(proxy):
    driven = await proxy(TIMEOUT).begin(**within("1H"))
    assert driven.left_s == 3.0
    await driven.come_due()
    assert driven.state.grpc_status == 4


async def test_a_stream_is_cut_at_its_deadline_and_nobody_is_at_fault(proxy):
    known = proxy(TIMEOUT, BREAKER)
    driven = await known.begin(**within("9S"))
    driven.answer(STREAM_HEAD + b"1\r\nx\r\n")
    assert driven.left_s == 7.0
    known.clock.now_s += 4.0
    driven.answer(b"1\r\ny\r\n")
    assert driven.left_s == 5.0
    await driven.come_due()
    assert driven.downstream.calls[-1] == "abort"
    assert known.breaker.view(known.clock(), 0.0).state == "closed"
    assert known.is_at_rest


async def test_an_upload_at_the_calls_deadline_is_no_failure_of_the_upstream(proxy):
    known = proxy(TIMEOUT, BREAKER)
    driven = await known.begin(**within("2S", body=b"1"))
    await driven.come_due()
    assert driven.state.grpc_status == 4
    assert known.breaker.view(known.clock(), 0.0).state == "closed"


@pytest.mark.parametrize(("early_s", "status", "state"), [(0.01, 504, "open"), (1.0, 0, "closed")])
async def test_a_caller_that_gives_up_at_its_deadline_found_the_upstream_too_slow(
    proxy, early_s, status, state
):
    known = proxy(TIMEOUT, BREAKER)
    driven = await known.begin(**within("2S"))
    known.clock.now_s += 2.0 - early_s
    driven.exchange.on_client_gone()
    assert driven.state.status == status
    assert known.breaker.view(known.clock(), 0.0).state == state


@pytest.mark.parametrize("of", [CALL, within("2S", body=b"1")])
async def test_any_other_caller_that_leaves_is_counted_for_nobody(proxy, of):
    known = proxy(BREAKER)
    driven = await known.begin(**of)
    known.clock.now_s += 2.0
    driven.exchange.on_client_gone()
    assert (driven.state.status, driven.state.reason) == (0, "")
    assert known.breaker.view(known.clock(), 0.0).state == "closed"


async def due(driven: Any) -> None:
    await driven.come_due()


async def left(driven: Any) -> None:
    driven.exchange.on_client_gone()


async def said(driven: Any) -> None:
    driven.answer(stream_end(4) if driven.state.status else FAILED_CALL % 4)


async def said_in_two(driven: Any) -> None:
    driven.answer((b"" if driven.state.status else STREAM_HEAD) + stream_end(4))


async def reset(driven: Any) -> None:
    await driven.lose_upstream()


ENDS = [(due, 0.0), (left, -0.01), (said, -0.01), (said, 0.01), (said_in_two, -0.01), (reset, 0.0)]
"""Who ends a call at its deadline, and how much later he is than our clock."""


@pytest.mark.parametrize(("end", "late_s"), ENDS)
async def test_a_stream_that_ends_at_its_deadline_is_nobodys_failure_whoever_ends_it(proxy, end, late_s):
    known = proxy("timeout: {request: 30s}", BREAKER)
    driven = await known.begin(**within("2S"))
    known.clock.now_s += 1.0
    driven.answer(STREAM_HEAD + b"1\r\nx\r\n")
    known.clock.now_s += 1.0 + late_s
    await end(driven)
    assert known.breaker.view(known.clock(), 0.0).state == "closed"
    assert known.pools[0].state.consecutive_failures == 0
    assert known.is_at_rest


@pytest.mark.parametrize(("end", "late_s"), ENDS)
async def test_a_call_that_had_not_begun_at_its_deadline_failed_whoever_ends_it(proxy, end, late_s):
    known = proxy("timeout: {request: 30s}", BREAKER, "retry: {attempts: 1, on: [504]}")
    driven = await known.begin(**within("2S"))
    known.clock.now_s += 2.0 + late_s
    await end(driven)
    assert (driven.state.status, driven.state.attempts) == (504, 1)
    assert known.breaker.view(known.clock(), 0.0).state == "open"
    assert known.is_at_rest


@pytest.mark.parametrize(("end", "late_s"), ENDS)
async def test_a_hasty_call_is_nobodys_failure_whoever_ends_it(proxy, end, late_s):
    known = proxy("timeout: {request: 30s}", BREAKER)
    driven = await known.begin(**within("99m"))
    known.clock.now_s += 0.099 + late_s
    await end(driven)
    assert known.breaker.view(known.clock(), 0.0).state == "closed"
    assert known.is_at_rest


@pytest.mark.parametrize("of", [CALL, within("2S")])
@pytest.mark.parametrize("begun", [False, True])
async def test_an_upstream_that_gives_up_before_the_callers_deadline_failed(proxy, of, begun):
    known = proxy(BREAKER)
    driven = await known.begin(**of)
    if begun:
        driven.answer(STREAM_HEAD)
    known.clock.now_s += 1.9
    await said(driven)
    assert driven.state.status == 504
    assert known.breaker.view(known.clock(), 0.0).state == "open"


async def probing_call(known: Proxy, **of: Any) -> Any:
    """The call that a half-open breaker lets pass."""
    failed = await known.begin(**CALL)
    failed.answer(FAILED_CALL % 14)
    known.clock.now_s += 10.0
    return await known.begin(**{**CALL, **of})


async def test_a_probing_call_is_judged_by_its_trailers(proxy):
    known = proxy(BREAKER, TIMEOUT)
    driven = await probing_call(known)
    driven.answer(STREAM_HEAD)
    assert state_of(known) == ("half_open", 1)
    driven.answer(stream_end(14))
    assert state_of(known) == ("open", 0)


async def test_a_probing_call_that_goes_on_streaming_is_good(proxy):
    known = proxy(BREAKER, TIMEOUT)
    driven = await probing_call(known)
    driven.answer(STREAM_HEAD)
    await driven.come_due()
    assert state_of(known)[0] == "closed"
    assert driven.left_s == 7.0
    driven.answer(stream_end(14))
    assert (driven.state.status, known.breaker.view(known.clock(), 0.0).state) == (503, "closed")


async def test_without_a_time_for_responses_a_probing_call_is_judged_at_its_head(proxy):
    known = proxy(BREAKER, "timeout: {request: 0s}")
    (await probing_call(known)).answer(STREAM_HEAD)
    assert state_of(known)[0] == "closed"


async def test_a_rejected_call_has_a_status_of_grpc(proxy):
    known = proxy()
    driven = await known.begin(method="POST", fields=["content-type: application/grpc", "content-length: x"])
    assert (driven.state.status, driven.state.grpc_status, driven.writer.reasons) == (
        400,
        13,
        ["request_malformed"],
    )


async def test_a_shadow_judges_a_call_by_its_trailers(proxy):
    known = proxy()
    breaker = Breakers().get("trial one", CircuitBreaker(consecutive_failures=1))
    known.route.targets[0].shadow = ShadowBreaker(breaker, "trial", "Gateway", known.context.counts)
    driven = await known.begin(**CALL)
    driven.answer(STREAM_HEAD + stream_end(14))
    assert breaker.view(known.clock(), 0.0).state == "open"


async def test_over_http_2_a_call_that_is_cut_off_says_why_in_its_trailers(proxy):
    known = proxy(TIMEOUT, BREAKER)
    driven = await known.begin(**CALL)
    driven.state.request.protocol = HTTP2
    driven.answer(STREAM_HEAD + b"1\r\nx\r\n")
    await driven.lose_upstream()
    assert driven.writer.named("end") == [("end", [b"grpc-status", b"grpc-message"])]
    assert driven.downstream.calls[-1] == "done"
    assert (driven.state.status, driven.state.grpc_status, driven.state.reason) == (
        502,
        14,
        Reason.UPSTREAM_RESET,
    )
    assert known.is_at_rest


@pytest.mark.parametrize("leaves", [False, True])
async def test_a_hasty_caller_takes_the_upstream_from_nobody(proxy, leaves):
    known = proxy(TIMEOUT, BREAKER)
    driven = await known.begin(**within("99m"))
    if leaves:
        driven.exchange.on_client_gone()
    else:
        await driven.come_due()
        assert driven.state.grpc_status == 4
    assert known.breaker.view(known.clock(), 0.0).state == "closed"

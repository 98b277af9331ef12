"""What an admitted request and its response do on their way: passed on, held back, judged, cut off, upgraded."""

from typing import Any

import pytest

from app.dataplane.codec.fields import REQUEST_LINES
from app.dataplane.codec.response import read_response
from app.dataplane.eventloop.timer_wheel import NEVER
from app.foundation.reasons import Reason
from tests.fakes.driven_exchange import (
    BREAKER,
    CHUNKED,
    LENGTH_10,
    OK_HEAD,
    TIMEOUT,
    Proxy,
    gateway_text,
    half_open,
    state_of,
)

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

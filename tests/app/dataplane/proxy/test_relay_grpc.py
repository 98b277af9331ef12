"""Calls of gRPC on their way: judged by their statuses, ended at their deadlines."""

from typing import Any

import pytest

from app.breaker.registry import Breakers
from app.dataplane.codec.http2_request import HTTP2
from app.dataplane.proxy.shadow import ShadowBreaker
from app.foundation.reasons import Reason
from app.policy.model import CircuitBreaker
from tests.fakes.driven_exchange import (
    BREAKER,
    TIMEOUT,
    Proxy,
    state_of,
)
from tests.fakes.manual_loop import settled

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

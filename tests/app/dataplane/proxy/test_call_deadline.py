"""Whose failure a missed deadline is; what follows of it is in test_relay."""

import pytest

from app.dataplane.codec.body import RequestBody
from app.dataplane.eventloop.timer_wheel import NEVER
from app.dataplane.proxy.call_deadline import call_deadline_s, has_passed, is_streaming_probe, is_too_slow
from app.dataplane.proxy.state import ExchangeState
from tests.fakes.requests import request_of


def call(timeout: str | None = None) -> ExchangeState:
    fields = ["content-type: application/grpc", *([f"grpc-timeout: {timeout}"] if timeout else [])]
    return ExchangeState(request_of("/a.B/C", "POST", fields=fields), b"id-1", 100.0)


@pytest.mark.parametrize(
    ("timeout", "deadline_s", "expected_s"),
    [(None, NEVER, NEVER), (None, 130.0, 130.0), ("2S", NEVER, 102.0), ("2S", 101.0, 101.0)],
)
def test_the_earlier_deadline_holds(timeout, deadline_s, expected_s):
    assert call_deadline_s(call(timeout), deadline_s, 30.0) == expected_s


def test_only_what_the_caller_set_can_pass():
    assert not has_passed(call(), 1e9)
    assert not has_passed(call("2S"), 101.9)
    assert has_passed(call("2S"), 102.0)


@pytest.mark.parametrize(
    ("timeout", "length_bytes", "status", "expected"),
    [
        ("100m", 0, 0, True),
        ("99m", 0, 0, False),  # too hasty
        ("100m", 5, 0, False),  # its messages are still coming
        ("100m", 0, 200, False),  # it streams
        (None, 0, 0, False),
    ],
)
def test_a_deadline_is_the_upstreams_failure_where_it_had_all_and_said_nothing(
    timeout, length_bytes, status, expected
):
    state = call(timeout)
    state.status = status
    assert is_too_slow(state, RequestBody(length_bytes)) is expected


def test_without_a_breakers_leave_there_is_no_probe():
    state = call()
    state.status = 200
    assert not is_streaming_probe(state)

"""Whose failure a missed deadline is; what follows of it is in test_relay."""

import pytest

from app.dataplane.codec.body import RequestBody
from app.dataplane.eventloop.timer_wheel import NEVER
from app.dataplane.proxy.call_deadline import (
    CALLER_EARLY_S,
    call_deadline_s,
    ended_at_deadline,
    has_passed,
    is_streaming_probe,
    is_too_slow,
)
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
    ("timeout", "grpc_status", "after_s", "expected"),
    [
        ("2S", 4, 2.0 - CALLER_EARLY_S, True),
        ("2S", 4, 9.0, True),
        ("2S", 4, 1.9, False),  # before the caller's deadline: of its own accord
        ("2S", 1, 2.0, False),
        (None, 4, 9.0, False),
    ],
)
def test_an_upstream_ends_a_call_at_its_deadline_by_saying_so_then(timeout, grpc_status, after_s, expected):
    state = call(timeout)
    state.grpc_status = grpc_status
    assert ended_at_deadline(state, state.started_s + after_s) is expected


@pytest.mark.parametrize(
    ("timeout", "length_bytes", "head_s", "expected"),
    [
        ("100m", 0, None, True),
        ("99m", 0, None, False),  # too hasty
        ("100m", 5, None, False),  # its messages are still coming
        ("100m", 0, 0.04, False),  # it streams
        ("2S", 0, 1.94, False),
        ("2S", 0, 1.95, True),  # it began at the deadline only
        (None, 0, None, False),
    ],
)
def test_a_deadline_is_the_upstreams_failure_where_it_had_all_and_said_nothing(
    timeout, length_bytes, head_s, expected
):
    state = call(timeout)
    state.head_s = head_s
    assert is_too_slow(state, RequestBody(length_bytes)) is expected


def test_without_a_breakers_leave_there_is_no_probe():
    state = call()
    state.status = 200
    assert not is_streaming_probe(state)

import pytest

from app.foundation.serving.bounds import LINGER_S, Bounds, Growth, HttpState, ReadMeter, limit_s

BOUNDS = Bounds(head_bytes=100, header_timeout_s=10.0, idle_timeout_s=75.0, connections=2)


@pytest.mark.parametrize(
    ("state", "first_s", "later_s"),
    [
        (HttpState.IDLE, 10.0, 75.0),
        (HttpState.HEAD, 10.0, 10.0),
        (HttpState.BODY, 10.0, 10.0),
        (HttpState.RESPONSE, None, None),
        (HttpState.STALLED, 75.0, 75.0),
        (HttpState.LINGERING, LINGER_S, LINGER_S),
        (HttpState.CLOSING, 10.0, 10.0),
    ],
)
def test_each_state_has_its_time(state, first_s, later_s):
    assert limit_s(state, BOUNDS, had_request=False) == first_s
    assert limit_s(state, BOUNDS, had_request=True) == later_s


def test_a_head_in_pieces_is_bounded():
    meter = ReadMeter(100)
    meter.begin_read(at_rest=True)
    meter.on_message()
    assert meter.end_read(100, in_head=True, in_body=False) is None
    meter.begin_read(at_rest=False)
    assert meter.end_read(1, in_head=True, in_body=False) is Growth.HEAD


def test_a_head_that_shares_its_read_with_another_message_is_not_counted_yet():
    meter = ReadMeter(100)
    meter.begin_read(at_rest=False)
    meter.on_message()
    assert meter.end_read(1000, in_head=True, in_body=False) is None
    meter.begin_read(at_rest=False)
    assert meter.end_read(101, in_head=True, in_body=False) is Growth.HEAD


def test_what_lies_between_a_bodys_data_is_bounded_and_data_is_not():
    meter = ReadMeter(100)
    meter.on_body()
    meter.begin_read(at_rest=False)
    meter.on_data()
    assert meter.end_read(10_000, in_head=False, in_body=True) is None
    for _ in range(2):
        meter.begin_read(at_rest=False)
        grown = meter.end_read(60, in_head=False, in_body=True)
    assert grown is Growth.BODY


def test_at_rest_nothing_grows():
    assert ReadMeter(0).end_read(10_000, in_head=False, in_body=False) is None

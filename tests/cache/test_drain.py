"""When a connection may be closed during a drain."""

from math import inf

import pytest

from cache.drain import LINGER_S, QUIET_S, Drain, closes_at_s


@pytest.mark.parametrize(
    ("response_is_due", "ended_at_s", "expected_s"),
    [
        (True, None, inf),  # a response is due: only the drain's own end cuts it
        (True, 5.0, inf),
        (False, None, 10.0 + QUIET_S),  # its next request may be on the way
        (False, 5.0, 5.0 + LINGER_S),  # it knows; what it sent before it knew is passed over
    ],
)
def test_a_connection_is_closed_when_it_knows_or_was_quiet(response_is_due, ended_at_s, expected_s):
    assert closes_at_s(response_is_due=response_is_due, ended_at_s=ended_at_s, heard_s=10.0) == expected_s


def test_a_drain_is_announced_before_it_begins():
    drain = Drain()
    assert (drain.unready, drain.began) == (False, False)
    drain.announce()
    assert (drain.unready, drain.began) == (True, False)
    drain.begin()
    assert (drain.unready, drain.began) == (True, True)


def test_a_drain_that_begins_at_once_is_announced_too():
    drain = Drain()
    drain.begin()
    assert drain.unready

"""When a connection may be closed during a drain."""

from math import inf

import pytest

from cache.drain import LINGER_S, QUIET_S, ConnectionLife, Drain


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
    life = ConnectionLife()
    life.heard(10.0)
    if ended_at_s is not None:
        life.end(ended_at_s)
    assert life.closes_at_s(response_is_due=response_is_due) == expected_s


def test_a_connection_closes_by_its_own_end_or_by_the_drain():
    life, drained = ConnectionLife(), ConnectionLife()
    assert not life.is_closing
    life.end(5.0)
    assert (life.is_closing, life.has_ended) == (True, True)
    drained.drain(7.0)
    assert (drained.is_closing, drained.has_ended) == (True, False)
    assert drained.closes_at_s(response_is_due=False) == 7.0 + QUIET_S


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

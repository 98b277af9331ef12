"""What holds of HTTP/1.1's states alone; `test_state_table` has what holds of any."""

from app.dataplane.downstream.connection_state import BUSY, NEXT, Event, State


def test_the_first_state_is_idle():
    assert next(iter(State)) is State.IDLE


def test_nothing_but_its_loss_happens_to_a_tunnel():
    assert [event for event in Event if NEXT[State.TUNNEL][event] is not None] == [Event.LOST]


def test_a_connection_is_busy_between_a_requests_first_byte_and_its_responses_last():
    assert set(State) - BUSY == {State.IDLE, State.CLOSED, State.TUNNEL}

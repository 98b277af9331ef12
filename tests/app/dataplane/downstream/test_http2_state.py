"""What holds of HTTP/2's states alone; `test_state_table` has what holds of any."""

from app.dataplane.downstream.http2_state import NEXT, Event, State


def test_the_first_state_is_the_preface():
    assert next(iter(State)) is State.PREFACE


def test_once_the_last_stream_is_named_no_other_comes_and_its_end_closes_the_connection():
    steps = {event: NEXT[State.LAST_STREAMS][event] for event in Event}
    assert steps[Event.LAST_STREAM_CLOSED] is State.CLOSING
    assert steps[Event.STREAM_OPENED] is None
    assert State.IDLE not in steps.values()

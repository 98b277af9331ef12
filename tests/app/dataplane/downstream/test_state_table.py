"""What holds of each table of states: every step is one or a fault, and the docs name them all."""

import pytest

from app.dataplane.downstream import connection_state, http2_state

TABLES = [
    pytest.param(connection_state, "a connection", id="http1"),
    pytest.param(http2_state, "an HTTP/2 connection", id="http2"),
]
STEPS = [
    pytest.param(states, whose, state, event, id=f"{name}-{state.name}-{event.name}")
    for name, states, whose in (
        ("http1", connection_state, "a connection"),
        ("http2", http2_state, "an HTTP/2 connection"),
    )
    for state in states.State
    for event in states.Event
]


def after(states, state, event):
    try:
        return states.TABLE.step(state, event)
    except ValueError:
        return None


@pytest.mark.parametrize(("states", "whose", "state", "event"), STEPS)
def test_every_event_in_every_state_steps_or_is_a_fault_that_names_both(states, whose, state, event):
    try:
        assert isinstance(states.TABLE.step(state, event), states.State)
    except ValueError as error:
        assert str(error) == f"{event.name} cannot happen to {whose} in {state.name}"  # noqa: PT017
    assert states.NEXT[state][event] is after(states, state, event)


@pytest.mark.parametrize(("states", "_whose"), TABLES)
def test_a_connection_may_be_lost_at_any_time_and_nothing_else_happens_to_what_is_closed(states, _whose):
    closed, lost = states.State.CLOSED, states.Event.LOST
    assert {after(states, state, lost) for state in states.State} == {closed}
    assert [event for event in states.Event if after(states, closed, event) is not None] == [lost]


@pytest.mark.parametrize(("states", "_whose"), TABLES)
def test_every_state_can_be_reached_from_the_first(states, _whose):
    reached = fresh = {next(iter(states.State))}
    while fresh:
        fresh = {
            found for state in fresh for event in states.Event if (found := after(states, state, event))
        } - reached
        reached = reached | fresh
    assert reached == set(states.State)


@pytest.mark.parametrize(("states", "_whose"), TABLES)
def test_the_table_names_every_state_and_every_step_once(states, _whose):
    lines = states.TABLE.markdown().splitlines()
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines[2:]] == [
        state.name for state in states.State
    ]
    for state, line in zip(states.State, lines[2:], strict=True):
        for event in set(states.Event) - {states.Event.LOST}:
            found = after(states, state, event)
            assert line.count(f"`{event.name}` → ") == (found is not None)
            assert found is None or f"`{event.name}` → {found.name}" in line

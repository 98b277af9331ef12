import pytest

from app.dataplane.downstream.http2_state import Event, State, state_table_markdown, step

STEPS = [(state, event) for state in State for event in Event]


def after(state, event):
    try:
        return step(state, event)
    except ValueError:
        return None


@pytest.mark.parametrize(("state", "event"), STEPS, ids=lambda each: each.name)
def test_every_event_in_every_state_steps_or_is_a_fault_that_names_both(state, event):
    try:
        assert isinstance(step(state, event), State)
    except ValueError as error:
        assert str(error) == f"{event.name} cannot happen to an HTTP/2 connection in {state.name}"  # noqa: PT017


@pytest.mark.parametrize("state", State, ids=lambda each: each.name)
def test_a_connection_may_be_lost_at_any_time(state):
    assert step(state, Event.LOST) is State.CLOSED


def test_nothing_but_its_loss_happens_to_what_is_closed():
    assert [event for event in Event if after(State.CLOSED, event) is not None] == [Event.LOST]


def test_every_state_can_be_reached_from_the_preface():
    reached, fresh = {State.PREFACE}, {State.PREFACE}
    while fresh:
        fresh = {found for state in fresh for event in Event if (found := after(state, event))} - reached
        reached |= fresh
    assert reached == set(State)


def test_the_table_names_every_state_and_every_step_once():
    lines = state_table_markdown().splitlines()
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines[2:]] == [state.name for state in State]
    for state, line in zip(State, lines[2:], strict=True):
        for event in set(Event) - {Event.LOST}:
            found = after(state, event)
            assert line.count(f"`{event.name}` → ") == (found is not None)
            assert found is None or f"`{event.name}` → {found.name}" in line

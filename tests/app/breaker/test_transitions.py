from app.breaker.transitions import BreakerTransition, TransitionLog
from app.breaker.values import BreakerState, Cause


def moved(number: int, name: str = "orders") -> BreakerTransition:
    return BreakerTransition(
        name, BreakerState.CLOSED, BreakerState.OPEN, Cause.FAILURE_RATE, 1_000.0 + number, float(number)
    )


def recorded(journal: TransitionLog, count: int, name: str = "orders") -> list[BreakerTransition]:
    events = [moved(number, name) for number in range(count)]
    for event in events:
        journal.publish(event)
    return events


def test_a_breakers_transitions_are_told_newest_first():
    journal = TransitionLog()
    events = recorded(journal, 3)
    assert journal.of("orders") == tuple(reversed(events))


def test_a_breaker_that_never_moved_has_none():
    assert TransitionLog().of("orders") == ()


def test_a_breaker_keeps_its_last_hundred():
    journal = TransitionLog()
    events = recorded(journal, 130)
    assert journal.of("orders") == tuple(reversed(events[30:]))


def test_the_process_keeps_its_last_ten_thousand():
    journal = TransitionLog()
    recorded(journal, 10_050)
    assert len(journal.latest(20_000)) == 10_000


def test_what_leaves_the_process_wide_list_leaves_the_breakers_own():
    journal = TransitionLog(in_all=3)
    recorded(journal, 2, "old")
    recorded(journal, 2, "new")
    assert [len(journal.of(name)) for name in ("old", "new")] == [1, 2]


def test_a_breaker_whose_last_transition_left_leaves_no_trace():
    journal = TransitionLog(in_all=2)
    recorded(journal, 1, "old")
    recorded(journal, 2, "new")
    assert journal._by_name.keys() == {"new"}


def test_latest_tells_of_all_breakers_newest_first():
    journal = TransitionLog()
    recorded(journal, 1, "a")
    recorded(journal, 1, "b")
    assert [event.name for event in journal.latest(5)] == ["b", "a"]


def test_a_forgotten_breakers_list_is_empty():
    journal = TransitionLog(in_all=1)
    recorded(journal, 1)
    journal.forget("orders")
    journal.publish(moved(2, "new"))
    assert journal.of("orders") == ()


def test_listeners_hear_each_transition():
    journal = TransitionLog()
    heard: list[BreakerTransition] = []
    journal.subscribe(heard.append)
    assert recorded(journal, 2) == heard


def broken(event: BreakerTransition) -> None:
    raise ValueError("boom")


def test_a_listener_that_raises_harms_no_other(caplog):
    journal = TransitionLog()
    heard: list[BreakerTransition] = []
    journal.subscribe(broken)
    journal.subscribe(heard.append)
    recorded(journal, 1)
    assert len(heard) == 1


def test_a_listener_that_raises_is_logged(caplog):
    journal = TransitionLog()
    journal.subscribe(broken)
    recorded(journal, 1)
    assert "a listener failed" in caplog.text

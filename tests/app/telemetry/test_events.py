from app.telemetry.events import CAPACITY, Event, Events, StoreState


def event(number: int) -> Event:
    return Event(float(number), "breaker_opened", "orders", "3 failures in a row")


def test_events_come_back_oldest_first():
    events = Events()
    for number in range(3):
        events.add(event(number))
    assert [found.at_wall_s for found in events.recent()] == [0, 1, 2]
    assert [found.at_wall_s for found in events.recent(2)] == [1, 2]
    assert events.recent(0) == ()


def test_the_oldest_event_goes_first_when_the_ring_is_full():
    events = Events()
    for number in range(CAPACITY + 5):
        events.add(event(number))
    assert len(events.recent()) == CAPACITY
    assert events.recent()[0].at_wall_s == 5


def test_a_breaker_that_flaps_pushes_no_edit_out():
    events = Events()
    edit = Event(0.5, "config_applied", "gateway.yaml", "configuration 2")
    events.add(event(0))
    events.add(edit)
    for number in range(1, 2 * CAPACITY):
        events.add(event(number))
    events.publish("store_down", "limit store", "refused")
    numbered = events.numbered()
    assert numbered[0] == (2, edit)
    assert [number for number, _ in numbered[1:]] == list(range(CAPACITY + 2, 2 * CAPACITY + 3))
    assert [found.kind for found in (events.recent()[0], *events.recent(1))] == [
        "config_applied",
        "store_down",
    ]


def test_subscribers_hear_of_new_events_until_they_leave():
    events = Events()
    heard: list[Event] = []
    events.add(event(0))
    leave = events.subscribe(heard.append)
    events.add(event(1))
    leave()
    leave()
    events.add(event(2))
    assert [found.at_wall_s for found in heard] == [1]


def test_a_subscriber_may_leave_while_it_hears():
    events = Events()
    heard: list[Event] = []

    def once(found: Event) -> None:
        heard.append(found)
        leave()

    leave = events.subscribe(once)
    events.subscribe(heard.append)
    events.add(event(1))
    events.add(event(2))
    assert [found.at_wall_s for found in heard] == [1, 1, 2]


def test_events_are_numbered_by_how_many_there_were():
    events = Events(capacity=2)
    for number in range(3):
        events.add(event(number))
    assert events.total == 3
    assert len(events.recent()) == 2


def test_a_store_that_goes_and_comes_back_is_told_once_each():
    events = Events()
    store = StoreState(events, "limit store")
    for is_up in (True, False, False, True, True):
        store.report(is_up=is_up, detail="said so", wall_s=5.0)
    assert [(event.kind, event.subject) for event in events.recent()] == [
        ("store_down", "limit store"),
        ("store_up", "limit store"),
    ]
    assert store.is_up

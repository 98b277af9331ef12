from typing import Any

import pytest

from app.operator.kube import event_aggregator as module
from app.operator.kube.event_aggregator import EventAggregator, Notice
from app.operator.kube.resources import PolicyObject
from tests.app.operator.samples import policy

OPENED = Notice("BreakerOpened", "it opened", "orders")


def offer(events: EventAggregator, found: PolicyObject, notice: Notice, now_s: float, wall_s: float) -> Any:
    return events.add(found, notice, now_s, wall_s)


def test_the_first_of_a_kind_is_posted_at_once():
    post = offer(EventAggregator(), policy(), OPENED, 10.0, 1_000.0)
    assert (post.is_new, post.count, post.first_wall_s) == (True, 1, 1_000.0)


def test_what_follows_within_ten_seconds_waits_and_is_counted():
    events = EventAggregator()
    first = offer(events, policy(), OPENED, 10.0, 1_000.0)
    assert [offer(events, policy(), OPENED, 11.0 + n, 1_001.0 + n) for n in range(3)] == [None] * 3
    assert list(events.due(19.9)) == []
    (post,) = events.due(20.0)
    assert (post.is_new, post.count, post.name, post.last_wall_s) == (False, 4, first.name, 1_003.0)


def test_what_comes_after_ten_seconds_is_posted_at_once_again():
    events = EventAggregator()
    offer(events, policy(), OPENED, 10.0, 1_000.0)
    assert offer(events, policy(), OPENED, 20.0, 1_010.0).count == 2


@pytest.mark.parametrize(
    "other",
    [
        (policy("b"), OPENED),
        (policy(), Notice("BreakerClosed", "m", "orders")),
        (policy(), Notice("BreakerOpened", "m", "x")),
    ],
)
def test_another_policy_kind_or_breaker_is_an_event_of_its_own(other):
    events = EventAggregator()
    first = offer(events, policy(), OPENED, 10.0, 1_000.0)
    second = offer(events, other[0], other[1], 10.0, 1_000.0)
    assert (second.is_new, second.name != first.name) == (True, True)


def test_an_event_that_is_gone_is_created_again():
    events = EventAggregator()
    first = offer(events, policy(), OPENED, 10.0, 1_000.0)
    events.forget(first)
    again = offer(events, policy(), OPENED, 11.0, 1_001.0)
    assert (again.is_new, again.name != first.name) == (True, True)


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_KEYS", 2)
    events = EventAggregator()
    for name in ("a", "b", "c"):
        offer(events, policy(name), OPENED, 10.0, 1_000.0)
    assert offer(events, policy("a"), OPENED, 11.0, 1_001.0).is_new


def test_an_events_name_fits_whatever_the_policys_is():
    post = offer(EventAggregator(), policy("a" * 253), OPENED, 10.0, 1_000.0)
    assert len(post.name) == 253


def test_trouble_is_a_warning():
    kinds = ("BreakerOpened", "Rejected", "Applied", "BreakerClosed")
    assert [Notice(kind, "m").is_warning for kind in kinds] == [True, True, False, False]

import pytest

from app.dataplane.proxy.in_flight import FULL_S, WAIT_S, InFlightLimit


class Limited:
    """A limit with what it asked for and what requests were given."""

    def __init__(self, most: int) -> None:
        self.asked = 0
        self.limit = InFlightLimit(most, self._ask)
        self.given: list[bool] = []

    def _ask(self) -> None:
        self.asked += 1

    def wait(self, now_s: float = 0.0):
        awaited = self.limit.wait(now_s)
        assert awaited is not None
        awaited.on_place = lambda has_place, _: self.given.append(has_place)
        return awaited


@pytest.fixture
def limited():
    return Limited(2)


def test_a_process_alone_has_no_more_to_get():
    assert InFlightLimit(2).wait(0.0) is None


def test_who_waits_is_given_a_place_when_more_are_there(limited):
    limited.wait()
    limited.wait()
    assert (limited.asked, limited.limit.waiting) == (1, 2)
    limited.limit.take(4, False, 4, 0.1)
    assert (limited.given, limited.limit.most, limited.limit.waiting) == ([True, True], 4, 0)


def test_too_few_places_are_asked_about_again_unless_the_gateway_is_full(limited):
    for _ in range(3):
        limited.wait()
    limited.limit.take(3, False, 5, 0.1)
    assert (limited.given, limited.asked) == ([True], 2)
    limited.limit.take(4, True, 5, 0.2)
    assert limited.given == [True, True, False]
    assert limited.limit.wait(0.2) is None
    assert limited.limit.wait(0.2 + FULL_S) is not None


def test_who_left_needs_no_place(limited):
    limited.wait().cancel()
    limited.wait()
    limited.limit.take(3, False, 3, 0.1)
    assert limited.given == [True]


def test_nobody_waits_longer_than_that(limited):
    limited.wait(0.0).cancel()
    limited.wait(0.1)
    limited.limit.lapse(WAIT_S)
    assert limited.given == []
    limited.limit.lapse(0.1 + WAIT_S)
    assert limited.given == [False]


@pytest.mark.parametrize(("most", "in_flight", "spared"), [(10, 4, 3), (5, 4, 1), (4, 4, 0), (4, 6, 0)])
def test_half_of_what_is_not_used_is_spared(most, in_flight, spared):
    limit = InFlightLimit(most, lambda: None)
    assert limit.spare(in_flight) == spared
    assert limit.most == most - spared


def test_who_waits_itself_spares_nothing(limited):
    limited.wait()
    assert limited.limit.spare(1) == 0

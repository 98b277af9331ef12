import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.admin.feed.instants import ms
from app.breaker.dates import Dates
from app.breaker.registry import Breakers
from app.policy.model import BreakerOverride, OverrideState
from tests.fakes.breaker_calls import SETTINGS, WALL_S, fail, view


def test_an_instant_before_or_after_the_reading_has_the_date_that_far_from_it():
    dates = Dates(100.0, 1_000_000.0)
    assert [dates.at(at_s) for at_s in (97.5, 100.0, 110.0)] == [999_997.5, 1_000_000.0, 1_000_010.0]


@given(
    now_s=st.floats(0.0, 1e8),
    wall_s=st.floats(1e9, 4e9),
    for_ms=st.integers(0, 86_400_000),
)
def test_dates_in_milliseconds_lie_as_far_apart_as_their_instants(now_s, wall_s, for_ms):
    dates = Dates(now_s, wall_s)
    assert ms(dates.at(now_s + for_ms / 1000)) - ms(dates.at(now_s)) == for_ms


class TestBreaker:
    """Each look at the wall clock takes a while, as on a busy machine; what follows from one look is exact."""

    @pytest.fixture
    def breakers(self):
        looks = iter(range(1, 100))
        return Breakers(wall_s=lambda: WALL_S + next(looks) * 0.0117)

    @pytest.fixture
    def breaker(self, breakers):
        return breakers.get("orders", SETTINGS)

    def test_an_open_one_ends_exactly_its_duration_after_it_opened(self, breaker):
        fail(breaker, 3)
        seen = view(breaker, 4.0)
        assert seen.open_until_wall_s == seen.since_wall_s + 10.0

    def test_a_step_that_time_brings_has_the_date_that_was_shown_for_it(self, breakers, breaker):
        fail(breaker, 3)
        until_wall_s, due = view(breaker, 4.0).open_until_wall_s, view(breaker, 10.5)
        breakers.pass_time(11.0)
        moved = breakers.transitions("orders")[0]
        assert moved.to_state == "half_open"
        assert moved.at_wall_s == view(breaker, 12.0).since_wall_s == due.since_wall_s == until_wall_s
        assert moved.held_s == 10.0

    @pytest.mark.parametrize("state", [OverrideState.OPEN, OverrideState.CLOSED])
    def test_an_override_changes_the_state_when_it_begins_and_ends(self, breakers, breaker, state):
        fail(breaker, 3)
        breaker.override(state, 60.0, "ada", 1.0, WALL_S + 1.25)
        override = view(breaker, 2.0).override
        assert override is not None
        assert (override.since_wall_s, override.until_wall_s) == (WALL_S + 1.25, WALL_S + 61.25)
        breakers.pass_time(62.0)
        assert view(breaker, 62.0).since_wall_s == override.until_wall_s

    def test_forced_open_it_shows_the_end_that_the_override_has(self, breaker):
        breaker.override(OverrideState.OPEN, 60.0, "ada", 0.0, WALL_S + 0.5)
        seen = view(breaker, 2.0)
        assert (seen.since_wall_s, seen.open_until_wall_s) == (WALL_S + 0.5, WALL_S + 60.5)

    def test_a_policys_override_ends_when_the_policy_says(self, breakers, breaker):
        override = BreakerOverride(OverrideState.OPEN, WALL_S + 60.0)
        breaker.set_policy_override(override, "shop/p", 3.0, WALL_S + 3.7)
        assert view(breaker, 4.0).open_until_wall_s == WALL_S + 60.0
        breakers.pass_time(70.0)
        assert breakers.transitions("orders")[0].at_wall_s == WALL_S + 60.0

    def test_the_end_of_an_override_that_changes_nothing_moves_no_date(self, breaker):
        fail(breaker, 3)
        until_wall_s = view(breaker).open_until_wall_s
        breaker.override(OverrideState.AUTO, 0.0, "ada", 5.0, WALL_S + 7.0)
        assert view(breaker, 6.0).open_until_wall_s == until_wall_s

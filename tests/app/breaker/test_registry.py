"""Breakers as the data path, views and metrics have them."""

import sys
import tracemalloc
from collections import deque
from dataclasses import replace

import pytest

from app.breaker.registry import Breakers
from app.breaker.transitions import BreakerTransition
from app.breaker.values import NO_GENERATION, BreakerRejection, BreakerState, Override, Permit
from app.breaker.view import FailureView
from app.foundation.reasons import Reason
from app.policy.model import CircuitBreaker, FailureRate, OverrideState, SlowCalls
from tests.fakes.breaker_calls import SETTINGS, WALL_S, Clock, admitted, fail, view


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breakers(clock):
    return Breakers(wall_s=clock)


@pytest.fixture
def breaker(breakers):
    return breakers.get("orders", SETTINGS)


class TestBreaker:
    def test_failures_in_a_row_open_it(self, breaker):
        fail(breaker, 3)
        assert breaker.admit(0.0) == BreakerRejection(Reason.BREAKER_OPEN, 10)

    def test_a_success_ends_the_row(self, breaker):
        fail(breaker, 2)
        breaker.succeed(admitted(breaker), 0.0)
        fail(breaker, 2)
        assert view(breaker).state == "closed"

    def test_ten_ignored_requests_leave_it_closed(self, breaker):
        for _ in range(10):
            breaker.ignore(admitted(breaker), 0.0)
        assert view(breaker).state == "closed"

    def test_slow_answers_open_it(self, breakers):
        breaker = breakers.get("slow", CircuitBreaker(slow_calls=SlowCalls(percent=50, threshold_s=1.0)))
        for _ in range(20):
            breaker.slow(admitted(breaker), 0.0)
        assert view(breaker).reason == "slow_calls"

    def test_a_success_that_fills_the_minimum_can_open_it(self, breakers):
        rate = FailureRate(percent=50, minimum_requests=2)
        breaker = breakers.get("rate", CircuitBreaker(failure_rate=rate))
        fail(breaker, 1)
        breaker.succeed(admitted(breaker), 0.0)
        assert view(breaker).reason == "failure_rate"

    @pytest.mark.parametrize("permits", [1, 4])
    def test_twenty_concurrent_half_open_requests_get_exactly_the_permits(self, breaker, permits):
        breaker.settings = replace(SETTINGS, half_open_requests=permits)
        fail(breaker, 3)
        answers = [breaker.admit(10.0) for _ in range(20)]
        assert sum(isinstance(answer, Permit) for answer in answers) == permits

    def test_a_probe_that_succeeds_closes_it(self, breaker):
        fail(breaker, 3)
        breaker.succeed(admitted(breaker, 10.0), 11.0)
        assert view(breaker, 11.0).state == "closed"

    def test_a_closed_era_after_an_outage_admits_and_counts_anew(self, breaker):
        fail(breaker, 3)
        breaker.succeed(admitted(breaker, 10.0), 11.0)
        fail(breaker, 3, 12.0)
        assert view(breaker, 12.0).state == "open"

    def test_a_late_success_does_not_close_it(self, breaker):
        late = admitted(breaker)
        fail(breaker, 3)
        admitted(breaker, 10.0)
        breaker.succeed(late, 10.0)
        assert view(breaker, 10.0).state == "half_open"

    def test_a_result_without_admission_counts_nothing(self, breaker):
        breaker.fail(NO_GENERATION, 0.0)
        assert view(breaker).consecutive_failures == 0

    @pytest.mark.timeout(60)  # half a second, but a dozen under coverage's tracer
    def test_a_million_refusals_leave_no_object_behind(self, breaker):
        fail(breaker, 3)
        breaker.admit(0.0)
        before = sys.getallocatedblocks()
        deque(map(breaker.admit, [0.0] * 1_000_000), maxlen=0)
        assert sys.getallocatedblocks() - before < 200
        assert breaker.machine.rejected_open == 1_000_001

    def test_refusals_do_not_grow_memory(self, breaker):
        fail(breaker, 3)
        breaker.admit(0.0)
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for number in range(100_000):
                breaker.admit(number % 10)
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        assert grown < 4_096

    def test_a_hundred_outages_leave_no_transition_unpublished(self, breaker):
        for outage in range(100):
            fail(breaker, 3, outage * 20.0)
            breaker.succeed(admitted(breaker, outage * 20.0 + 10), outage * 20.0 + 10)
        assert breaker.machine.transitions == []


class TestView:
    def test_a_new_breaker_is_closed_since_it_was_made(self, breaker):
        seen = view(breaker)
        assert (seen.state, seen.since_wall_s, seen.reason) == ("closed", WALL_S, None)

    def test_an_open_one_tells_since_when_and_why(self, breaker, clock):
        clock.now_s = 5.0
        fail(breaker, 3, 5.0)
        seen = view(breaker, 7.0)
        assert (seen.state, seen.since_wall_s, seen.reason) == ("open", WALL_S + 5, "consecutive_failures")

    def test_an_open_one_tells_how_long_it_will_refuse(self, breaker):
        fail(breaker, 3)
        seen = view(breaker, 2.5)
        assert (seen.next_probe_in_s, seen.retry_after_s) == (7.5, 8)

    def test_one_that_would_probe_is_half_open_since_open_duration_was_over(self, breaker):
        fail(breaker, 3)
        seen = view(breaker, 25.0)
        assert (seen.state, seen.since_wall_s, seen.reason) == (
            "half_open",
            WALL_S + 10,
            "open_duration_over",
        )

    def test_looking_does_not_move_it(self, breaker, breakers):
        fail(breaker, 3)
        view(breaker, 25.0)
        assert [moved.to_state for moved in breakers.transitions("orders")] == ["open"]

    def test_one_with_every_probe_under_way_tells_one_second(self, breaker):
        fail(breaker, 3)
        admitted(breaker, 10.0)
        seen = view(breaker, 10.0)
        assert (seen.probes_in_flight, seen.next_probe_in_s, seen.retry_after_s) == (1, None, 1)

    def test_counts_of_the_window_and_the_row_are_told(self, breaker):
        breaker.succeed(admitted(breaker), 0.0)
        fail(breaker, 2)
        seen = view(breaker)
        assert (seen.window, seen.window_s, seen.consecutive_failures, seen.threshold) == (
            (3, 2, 0),
            10.0,
            2,
            3,
        )

    def test_rejections_are_told_by_state(self, breaker):
        fail(breaker, 3)
        breaker.admit(1.0)
        admitted(breaker, 10.0)
        breaker.admit(10.0)
        breaker.admit(10.0)
        assert view(breaker, 10.0).rejections == {"open": 1, "half_open": 2}

    def test_transitions_are_totalled_by_their_ends(self, breaker):
        fail(breaker, 3)
        breaker.fail(admitted(breaker, 10.0), 10.0)
        breaker.succeed(admitted(breaker, 20.0), 20.0)
        assert view(breaker, 20.0).transitions_total == {
            ("closed", "open"): 1,
            ("open", "half_open"): 2,
            ("half_open", "open"): 1,
            ("half_open", "closed"): 1,
        }

    def test_the_state_alone_is_that_of_the_view_at_any_moment(self, breaker):
        fail(breaker, 3)
        breaker.override(OverrideState.CLOSED, 15.0, "ada", 1.0, WALL_S + 1)
        moments_s = (1.0, 9.0, 11.0, 17.0)
        assert [breaker.state_at(now_s) for now_s in moments_s] == [
            view(breaker, now_s).state for now_s in moments_s
        ]


class TestOverride:
    def test_forced_open_is_what_requests_meet(self, breaker):
        breaker.override(OverrideState.OPEN, 60.0, "ada", 0.0, WALL_S)
        assert breaker.admit(0.0) == BreakerRejection(Reason.BREAKER_OPEN, 60)

    def test_the_view_tells_who_until_when(self, breaker):
        breaker.override(OverrideState.OPEN, 60.0, "ada", 0.0, WALL_S)
        seen = view(breaker, 1.0)
        assert (seen.state, seen.reason) == ("open", "override")
        assert seen.override == Override(BreakerState.OPEN, 60.0, WALL_S + 60, "ada", "", WALL_S)

    def test_the_view_shows_its_end_without_any_request(self, breaker):
        breaker.override(OverrideState.OPEN, 60.0, "ada", 0.0, WALL_S)
        seen = view(breaker, 70.0)
        assert (seen.state, seen.override, seen.reason) == ("closed", None, "override_ended")
        assert seen.since_wall_s == WALL_S + 60

    def test_auto_ends_it_at_once(self, breaker):
        breaker.override(OverrideState.OPEN, 60.0, "ada", 0.0, WALL_S)
        breaker.override(OverrideState.AUTO, 0.0, "ada", 1.0, WALL_S + 1)
        assert isinstance(breaker.admit(1.0), Permit)

    def test_its_end_is_told_with_the_time_of_its_end_where_no_request_comes(self, breakers, breaker, clock):
        breaker.override(OverrideState.OPEN, 60.0, "ada", 0.0, WALL_S)
        clock.now_s = 61.0
        breakers.pass_time(61.0)
        moved = breakers.transitions("orders")[0]
        assert (moved.to_state, moved.reason, moved.at_wall_s) == ("closed", "override_ended", WALL_S + 60)

    def test_forced_closed_lets_failures_pass_uncounted(self, breaker):
        breaker.override(OverrideState.CLOSED, 60.0, "ada", 0.0, WALL_S)
        fail(breaker, 10)
        assert view(breaker).consecutive_failures == 0

    def test_after_forced_closed_an_open_breaker_is_open_again(self, breaker):
        breaker.settings = replace(SETTINGS, open_duration_s=100.0)
        fail(breaker, 3)
        breaker.override(OverrideState.CLOSED, 60.0, "ada", 0.0, WALL_S)
        assert breaker.admit(60.0) == BreakerRejection(Reason.BREAKER_OPEN, 40)


class TestBreakers:
    def test_a_known_name_is_the_same_breaker_with_the_new_settings(self, breakers, breaker):
        fail(breaker, 2)
        edited = replace(SETTINGS, consecutive_failures=5)
        assert breakers.get("orders", edited) is breaker
        assert (breaker.settings, view(breaker).consecutive_failures) == (edited, 2)

    def test_all_and_known_tell_what_was_made(self, breakers, breaker):
        assert (breakers.all(), breakers.known("orders"), breakers.known("x")) == ((breaker,), breaker, None)

    def test_breakers_no_table_uses_are_dropped_with_their_transitions(self, breakers, breaker):
        other = breakers.get("other", SETTINGS)
        fail(breaker, 3)
        breakers.keep_only(["other"])
        assert (breakers.all(), breakers.transitions("orders")) == ((other,), ())

    def test_kept_breakers_keep_their_state(self, breakers, breaker):
        fail(breaker, 3)
        breakers.keep_only({"orders"})
        assert breakers.get("orders", SETTINGS) is breaker

    def test_a_request_under_way_ends_on_a_dropped_breaker(self, breakers, breaker):
        call = admitted(breaker)
        breakers.keep_only([])
        breaker.succeed(call, 0.0)
        assert breakers.all() == ()

    def test_transitions_are_told_newest_first(self, breakers, breaker, clock):
        fail(breaker, 3)
        clock.now_s = 12.0
        breaker.succeed(admitted(breaker, 12.0), 12.0)
        told = [
            (moved.from_state, moved.to_state, moved.reason, moved.at_wall_s, moved.now_s)
            for moved in breakers.transitions("orders")
        ]
        assert told == [
            ("half_open", "closed", "probe_succeeded", WALL_S + 12, 12.0),
            ("open", "half_open", "open_duration_over", WALL_S + 10, 10.0),
            ("closed", "open", "consecutive_failures", WALL_S, 0.0),
        ]

    def test_subscribers_hear_of_every_breaker(self, breakers, breaker):
        heard: list[BreakerTransition] = []
        breakers.subscribe(heard.append)
        fail(breaker, 3)
        fail(breakers.get("other", SETTINGS), 3)
        assert [moved.name for moved in heard] == ["orders", "other"]

    def test_a_subscriber_that_raises_does_not_reach_the_request(self, breakers, breaker):
        breakers.subscribe(lambda moved: [][0])
        fail(breaker, 3)
        assert view(breaker).state == "open"

    def test_the_wall_clock_is_the_real_one_unless_told_otherwise(self):
        assert Breakers().get("orders", SETTINGS).view(0.0, 0.0).since_wall_s > 1e9


class TestWhyItFailed:
    def test_the_view_tells_the_last_failure(self, breaker):
        breaker.fail(admitted(breaker), 5.0, "upstream_connect", "refused")
        seen = view(breaker, 7.0)
        assert seen.last_failure == FailureView(WALL_S + 5.0, "upstream_connect", "refused")
        assert seen.failures_total == 1

    def test_a_transition_tells_the_failure_that_made_it(self, breakers, breaker, clock):
        clock.now_s = 8.0
        for number in range(3):
            breaker.fail(admitted(breaker, 8.0), 8.0, f"status_50{number}")
        (moved,) = breakers.transitions("orders")
        assert (moved.error, moved.held_s) == ("status_502", 8.0)

    def test_any_other_move_has_no_error(self, breakers, breaker, clock):
        for _ in range(3):
            breaker.fail(admitted(breaker), 0.0, "upstream_reset", "it closed")
        clock.now_s = 10.0
        breaker.succeed(admitted(breaker, 10.0), 10.0)
        assert [moved.error for moved in breakers.transitions("orders")] == [
            "",
            "",
            "upstream_reset: it closed",
        ]

    def test_a_late_failure_is_not_told(self, breaker):
        late = admitted(breaker)
        fail(breaker, 3)
        breaker.fail(late, 1.0, "upstream_reset")
        seen = view(breaker, 1.0)
        assert seen.failures_total == 3
        assert breaker.late_failures == 1
        assert seen.last_failure is not None
        assert seen.last_failure.word == ""

    def test_a_failure_while_forced_closed_is_told(self, breaker):
        breaker.override(OverrideState.CLOSED, 60.0, "ada", 0.0, WALL_S, "rehearsal")
        breaker.fail(admitted(breaker, 1.0), 1.0, "status_503")
        seen = view(breaker, 1.0)
        assert seen.failures_total == 1
        assert seen.consecutive_failures == 0
        assert seen.override is not None
        assert seen.override.why == "rehearsal"

from dataclasses import replace

import pytest

from app.breaker.awaited_permit import AwaitedPermit
from app.breaker.follower import WAIT_S, Followers, Reports
from app.breaker.standing import AT_REST, Report, ReportKind, Standing, Verdict
from app.breaker.values import BreakerRejection, BreakerState, Permit
from app.foundation.reasons import Reason
from app.policy.model import BreakerOverride, CircuitBreaker, OverrideState

SETTINGS = CircuitBreaker(consecutive_failures=3, half_open_requests=2)
OPEN = Standing(BreakerState.OPEN, 2, 10.0)
HALF_OPEN = Standing(BreakerState.HALF_OPEN, 3)


class Following:
    """A follower, what it asked for, and the verdicts that requests got."""

    def __init__(self) -> None:
        self.now = self.soon = 0
        self.reports = Reports(self._send_now, self._send_soon)
        self.followers = Followers(self.reports, lambda: 0.0)
        self.follower = self.followers.get("orders", SETTINGS)
        self.verdicts: list[object] = []

    def _send_now(self) -> None:
        self.now += 1

    def _send_soon(self) -> None:
        self.soon += 1

    def follow(self, standing: Standing | None, now_s: float = 0.0) -> None:
        self.followers.follow("orders", standing, now_s)

    def call(self, now_s: float = 0.0) -> Permit:
        call = self.follower.admit(now_s)
        assert isinstance(call, Permit)
        return call

    def wait(self, now_s: float = 0.0) -> AwaitedPermit:
        awaited = self.follower.admit(now_s)
        assert isinstance(awaited, AwaitedPermit)
        awaited.on_verdict = lambda verdict, _: self.verdicts.append(verdict)
        return awaited

    def passes(self, now_s: float = 0.0) -> bool:
        """By itself."""
        return isinstance(self.follower.admit(now_s), Permit)

    def waits(self, now_s: float = 0.0) -> bool:
        """For the owner."""
        return isinstance(self.follower.admit(now_s), AwaitedPermit)

    def rejection(self, now_s: float = 0.0) -> BreakerRejection:
        rejection = self.follower.admit(now_s)
        assert isinstance(rejection, BreakerRejection)
        return rejection

    def take(self, *verdicts: Verdict) -> None:
        self.followers.take(verdicts, 0.0)


@pytest.fixture
def following():
    return Following()


def test_successes_of_a_quiet_breaker_are_one_report_a_second(following):
    for at_s in (1.0, 2.0):
        following.follower.succeed(following.call(), at_s)
    assert (following.now, following.soon) == (0, 0)
    assert following.reports.take() == ([], [])
    following.followers.sum_up(3.0)
    following.followers.sum_up(3.0)
    assert following.reports.take()[0] == [Report("orders", ReportKind.SUCCESSES, 1, 2.0, 2)]


def test_successes_that_may_change_something_are_reported_soon(following):
    following.follow(AT_REST._replace(is_prompt=True))
    for _ in range(3):
        following.follower.succeed(following.call(), 1.0)
    assert (following.now, following.soon) == (0, 1)
    assert following.reports.take()[0] == [Report("orders", ReportKind.SUCCESSES, 1, 1.0, 3)]


def test_a_failure_is_reported_at_once_behind_what_succeeded_before(following):
    following.follower.succeed(following.call(), 1.0)
    following.follower.fail(following.call(), 2.0, "status_503", "why")
    following.follower.slow(following.call(), 3.0)
    assert following.now == 2
    assert following.reports.take()[0] == [
        Report("orders", ReportKind.SUCCESSES, 1, 1.0),
        Report("orders", ReportKind.FAILURE, 1, 2.0, word="status_503", detail="why"),
        Report("orders", ReportKind.SLOW, 1, 3.0),
    ]


def test_results_of_an_earlier_generation_are_not_reported_but_failures(following):
    late = following.call()
    following.follower.succeed(late, 0.5)
    following.follow(OPEN)
    following.follower.succeed(late, 1.0)
    following.follower.slow(late, 1.0)
    following.follower.ignore(late, 1.0)
    following.follower.fail(late, 1.0, "status_500")
    assert following.reports.take()[0] == [Report("orders", ReportKind.FAILURE, 1, 1.0, word="status_500")]


def test_open_rejects_by_itself_and_reports_how_often(following):
    following.follow(OPEN)
    assert following.rejection(3.0) == BreakerRejection(Reason.BREAKER_OPEN, 7)
    following.followers.sum_up(4.0)
    assert following.reports.take() == ([Report("orders", ReportKind.REJECTED, 2, 4.0, word="open")], [])


def test_whose_time_is_over_is_asked_about(following):
    following.follow(OPEN)
    following.wait(10.0)
    following.wait(10.0)
    assert following.rejection(10.0) == BreakerRejection(Reason.BREAKER_PROBING, 1)
    assert following.reports.take() == ([], [(1, "orders"), (2, "orders")])
    following.take(Verdict(2, reason="breaker_open", retry_after_s=4), Verdict(1, 3, True))
    rejection, call = following.verdicts
    assert rejection == BreakerRejection(Reason.BREAKER_OPEN, 4)
    assert isinstance(call, Permit)
    following.follower.succeed(call, 11.0)
    assert following.reports.take()[0] == [Report("orders", ReportKind.SUCCESSES, 3, 11.0, probe=1)]


def test_a_full_half_open_breaker_rejects_without_a_message(following):
    following.follow(HALF_OPEN._replace(is_full=True))
    assert following.rejection() == BreakerRejection(Reason.BREAKER_PROBING, 1)
    assert following.reports.take() == ([], [])
    following.followers.sum_up(1.0)
    assert following.reports.take()[0] == [Report("orders", ReportKind.REJECTED, 3, 1.0, word="half_open")]


def test_a_permit_that_nobody_waits_for_any_more_goes_back(following):
    following.follow(HALF_OPEN)
    following.wait().cancel()
    following.wait(5.0)
    following.reports.lapse(5.0)
    following.reports.lapse(5.0 + WAIT_S)
    assert following.verdicts == [BreakerRejection(Reason.BREAKER_PROBING, 1)]
    assert following.reports.asked == {}
    following.wait().cancel()
    following.reports.take()
    following.take(
        Verdict(1, 3, True), Verdict(2, reason="breaker_open", retry_after_s=1), Verdict(3, 3, True)
    )
    assert following.reports.take()[0] == [
        Report("", ReportKind.IGNORED, 3, 0.0, probe=1),
        Report("orders", ReportKind.IGNORED, 3, 0.0, probe=3),
    ]


def test_forced_closed_lets_pass_uncounted_until_its_end(following):
    before = following.call()
    following.follow(Standing(BreakerState.CLOSED, 1, 10.0, is_forced=True))
    call = following.call(9.0)
    assert call.generation == 0
    following.follower.succeed(call, 9.0)
    for _ in range(3):
        following.wait(10.0)  # nobody knows what it will be
    following.follow(AT_REST)
    following.take(Verdict(1, 1), Verdict(2, 0))
    assert following.verdicts == [before, call]


def test_a_look_asks_for_what_is_not_reported_yet(following):
    following.follower.succeed(following.call(), 1.0)
    following.follow(AT_REST._replace(look=4), 2.0)
    assert following.now == 1
    assert following.reports.take()[0] == [
        Report("orders", ReportKind.SUCCESSES, 1, 1.0),
        Report("orders", ReportKind.LOOKED, 1, 2.0, 4),
    ]


def test_what_was_published_before_a_breaker_is_made_is_kept_for_it(following):
    following.followers.follow("later", OPEN, 0.0)
    assert isinstance(following.followers.get("later", SETTINGS).admit(0.0), BreakerRejection)
    following.follow(OPEN)
    following.follow(None)
    following.followers.keep_only(())
    assert isinstance(following.followers.get("orders", SETTINGS).admit(0.0), Permit)


def test_overrides_and_time_are_the_owners(following):
    override = BreakerOverride(OverrideState.OPEN, 100.0)
    following.follower.set_policy_override(override, "policy", 0.0, 0.0)
    following.followers.pass_time(50.0)
    following.followers.get("orders", replace(SETTINGS, half_open_requests=1))
    assert following.follower.machine.override is None
    assert following.follower.standing == AT_REST
    assert following.call().generation == AT_REST.generation
    assert following.reports.take() == ([], [])


class TestDoubt:
    """A failure was reported that may have opened the breaker, and the owner has not said so or not yet."""

    @pytest.fixture
    def doubting(self, following):
        following.follow(AT_REST._replace(is_prompt=True))
        following.follower.fail(following.call(), 1.0)
        return following

    def test_requests_wait_for_the_owner_who_heard_of_the_failure_before(self, doubting):
        doubting.wait(1.0)
        reports, requests = doubting.reports.take()
        assert [report.kind for report in reports] == [ReportKind.FAILURE]
        assert requests == [(1, "orders")]
        doubting.follow(OPEN)
        doubting.take(Verdict(1, reason="breaker_open", retry_after_s=10))
        assert doubting.verdicts == [BreakerRejection(Reason.BREAKER_OPEN, 10)]
        assert doubting.rejection(1.0) == BreakerRejection(Reason.BREAKER_OPEN, 9)

    def test_it_ends_with_the_verdict_on_the_first_of_them(self, doubting):
        for _ in range(SETTINGS.half_open_requests + 1):
            doubting.wait(1.0)
        doubting.take(Verdict(1, 1))
        assert isinstance(doubting.verdicts[0], Permit)
        assert doubting.passes(1.0)

    def test_but_not_where_another_failure_came_behind_it(self, doubting):
        late = doubting.follower._counted
        doubting.wait(1.0)
        doubting.follower.fail(late, 1.1)
        doubting.take(Verdict(1, 1))
        assert doubting.waits(1.1)
        doubting.take(Verdict(2, 1))
        assert doubting.passes(1.1)

    def test_a_published_change_does_not_end_it_but_a_new_generation(self, doubting):
        doubting.follow(AT_REST._replace(is_prompt=True, look=1))  # it may have been sent before
        assert doubting.waits(1.0)
        doubting.follow(Standing(BreakerState.CLOSED, 4))
        assert doubting.passes(1.0)

    def test_failures_at_rest_are_in_doubt_once_they_are_enough(self, following):
        calls = [following.call() for _ in range(3)]
        for call in calls[:2]:
            following.follower.fail(call, 1.0)
            assert following.passes()
        following.follower.fail(calls[2], 1.0)
        assert following.waits()

    def test_slow_responses_are_like_failures(self, following):
        following.follow(AT_REST._replace(is_prompt=True))
        following.follower.slow(following.call(), 1.0)
        assert following.waits()

    def test_late_failures_are_in_no_doubt(self, following):
        late = following.call()
        following.follow(Standing(BreakerState.CLOSED, 3, is_prompt=True))
        following.follower.fail(late, 1.0)
        assert following.passes()

    def test_whose_verdict_does_not_come_passes_and_the_next_one_asks_again(self, doubting):
        doubting.wait(1.0)
        doubting.reports.lapse(1.0 + WAIT_S)
        assert isinstance(doubting.verdicts[0], Permit)
        assert doubting.waits(1.3)
        doubting.take(Verdict(2, 1))
        assert doubting.passes(1.3)

    def test_an_override_ends_the_waiting(self, doubting):
        doubting.follow(Standing(BreakerState.CLOSED, 1, 9.0, is_forced=True))
        assert doubting.call(1.0).generation == 0
        doubting.follow(AT_REST)
        assert doubting.call(1.0).generation == 1


def test_whose_probe_came_back_asks_though_the_last_word_was_full(following):
    following.follow(HALF_OPEN)
    following.wait()
    following.take(Verdict(1, 3, True))
    following.follow(HALF_OPEN._replace(is_full=True))
    assert following.rejection().reason is Reason.BREAKER_PROBING
    (probe,) = following.verdicts
    following.follower.ignore(probe, 1.0)
    assert following.waits()

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

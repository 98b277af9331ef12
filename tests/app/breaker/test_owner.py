from dataclasses import replace

import pytest

from app.breaker.owner import LOOK_S, BreakerOwner
from app.breaker.registry import Breakers
from app.breaker.standing import AT_REST, Report, ReportKind, Standing, Verdict
from app.breaker.values import BreakerState
from app.policy.model import CircuitBreaker, FailureRate, OverrideState, SlowCalls

ROW = CircuitBreaker(consecutive_failures=3, open_duration_s=10.0, half_open_requests=2)
RATE = replace(ROW, consecutive_failures=None, failure_rate=FailureRate(50, minimum_requests=4))


class Owned:
    """An owner of one breaker with what it published, by the order."""

    def __init__(self, settings: CircuitBreaker, workers: int = 2) -> None:
        self.breakers = Breakers(lambda: 0.0)
        self.breaker = self.breakers.get("orders", settings)
        self.published: list[dict[str, Standing | None]] = []
        self.replies: list[tuple[int, *tuple[Verdict, ...]]] = []
        self.owner = BreakerOwner(
            self.breakers.known,
            self.breakers.all,
            lambda changes: self.published.append(dict(changes)),
            lambda worker, verdicts: self.replies.append((worker, *verdicts)),
        )
        for worker in range(1, workers + 1):
            assert self.owner.join(worker) == {}

    def report(self, worker: int, kind: ReportKind, at_s: float, number: int = 1, **more: object) -> None:
        given = {"generation": self.breaker.machine.generation, **more}
        self.owner.on_reports(worker, [Report("orders", kind, at_s=at_s, number=number, **given)], at_s)  # type: ignore[arg-type]

    def ask(self, worker: int, number: int, now_s: float, name: str = "orders") -> tuple[Verdict, ...]:
        """What it is told at once."""
        before = len(self.replies)
        self.owner.on_requests(worker, [(number, name)], now_s)
        told = self.replies[before:]
        assert all(to == worker for to, *_ in told)
        return tuple(verdict for _, *verdicts in told for verdict in verdicts)

    def fail(self, times: int, at_s: float = 0.0) -> None:
        for _ in range(times):
            self.report(1, ReportKind.FAILURE, at_s, word="status_503")

    @property
    def last(self) -> Standing | None:
        return self.published[-1]["orders"]

    @property
    def looks(self) -> int:
        return int(self.owner.is_looking)

    @property
    def state(self) -> BreakerState:
        return self.breaker.machine.state


@pytest.fixture
def owned():
    return Owned(ROW)


def test_failures_of_all_workers_stand_in_one_row_and_the_opening_is_published(owned):
    owned.report(1, ReportKind.FAILURE, 1.0)
    assert owned.last == AT_REST._replace(is_prompt=True)
    owned.report(2, ReportKind.FAILURE, 1.1)
    owned.report(1, ReportKind.FAILURE, 1.2, word="upstream_reset", detail="gone")
    assert owned.last == Standing(BreakerState.OPEN, 2, 11.2)
    assert owned.breaker.view(1.2, 1.2).last_failure.detail == "gone"
    assert owned.owner.join(3) == {"orders": owned.last}


def test_a_success_ends_the_row_of_the_failures_before_it_only(owned):
    owned.report(1, ReportKind.FAILURE, 1.0)
    owned.report(1, ReportKind.FAILURE, 1.2)
    owned.report(2, ReportKind.SUCCESSES, 1.1, 5)
    assert owned.breaker.machine.consecutive_failures == 1
    owned.report(1, ReportKind.FAILURE, 1.3)
    assert owned.state == "closed"
    owned.report(1, ReportKind.FAILURE, 1.4)
    assert owned.state == "open"


def test_a_slow_response_ends_the_row(owned):
    owned.breaker.settings = replace(ROW, slow_calls=SlowCalls(100, 1.0))
    owned.fail(2)
    owned.report(2, ReportKind.SLOW, 0.1)
    assert owned.breaker.machine.consecutive_failures == 0


def test_a_result_of_an_earlier_generation_changes_nothing(owned):
    owned.fail(3)
    owned.report(2, ReportKind.SUCCESSES, 0.1, 7, generation=1)
    owned.report(2, ReportKind.FAILURE, 0.1, generation=1)
    assert (owned.state, owned.breaker.machine.window.total, owned.breaker.late_failures) == (
        BreakerState.OPEN,
        3,
        1,
    )


def test_permits_are_lent_once_and_all_come_back(owned):
    owned.fail(3)
    owned.owner.on_requests(1, [(1, "orders"), (2, "orders")], 10.0)
    assert owned.replies == [(1, Verdict(1, 3, True), Verdict(2, 3, True))]
    assert owned.last == Standing(BreakerState.HALF_OPEN, 3, is_full=True)
    assert owned.ask(2, 1, 10.0) == (Verdict(1, reason="breaker_probing", retry_after_s=1),)
    owned.report(1, ReportKind.IGNORED, 10.1, probe=1)
    assert owned.breaker.machine.probes_in_flight == 1
    owned.owner.leave(1, 10.2)
    assert owned.breaker.machine.probes_in_flight == 0
    assert owned.last == Standing(BreakerState.HALF_OPEN, 3)
    owned.report(1, ReportKind.SUCCESSES, 10.3, probe=2)  # it had died before
    assert owned.breaker.machine.probe_successes == 0


@pytest.mark.parametrize(
    ("kind", "state"),
    [(ReportKind.SUCCESSES, "closed"), (ReportKind.FAILURE, "open"), (ReportKind.SLOW, "closed")],
)
def test_a_probes_result_decides(owned, kind, state):
    owned.breaker.settings = replace(ROW, half_open_requests=1)
    owned.fail(3)
    owned.ask(2, 1, 10.0)
    owned.report(2, kind, 10.1, probe=1)
    assert owned.last is not None
    assert owned.last.state == state


def test_what_is_not_known_here_passes_uncounted(owned):
    assert owned.ask(1, 9, 0.0, "other") == (Verdict(9),)
    owned.owner.on_reports(1, [Report("other", ReportKind.FAILURE, 1, 0.0)], 0.0)
    assert owned.published == []


def test_rejections_of_workers_are_the_breakers(owned):
    owned.report(1, ReportKind.REJECTED, 0.0, 3, word="open")
    owned.report(1, ReportKind.REJECTED, 0.0, 2, word="half_open")
    assert (owned.breaker.machine.rejected_open, owned.breaker.machine.rejected_half_open) == (3, 2)


class TestLooks:
    """The first bad result of a window waits for the successes that other workers did not report yet."""

    def test_a_share_is_judged_when_all_have_reported(self):
        owned = Owned(RATE)
        owned.report(1, ReportKind.FAILURE, 1.0)
        assert owned.looks == 1
        assert owned.last == AT_REST._replace(look=1)
        owned.report(1, ReportKind.FAILURE, 1.0)
        owned.report(1, ReportKind.FAILURE, 1.0)
        owned.report(2, ReportKind.SUCCESSES, 0.9, 10)
        owned.report(2, ReportKind.LOOKED, 1.0, 7)  # of another look
        assert owned.breaker.machine.window.total == 0
        owned.report(2, ReportKind.LOOKED, 1.0, 1)
        assert owned.looks == 0
        assert owned.breaker.machine.window.last == (13, 3, 0)
        assert owned.last == AT_REST._replace(look=1, is_prompt=True)
        owned.report(1, ReportKind.LOOKED, 1.0, 1)
        owned.report(2, ReportKind.FAILURE, 1.1)
        assert owned.looks == 0

    def test_a_worker_that_dies_or_is_late_is_not_waited_for(self):
        owned = Owned(RATE, workers=3)
        owned.report(1, ReportKind.FAILURE, 1.0)
        owned.owner.leave(2, 1.0)
        assert owned.looks == 1
        owned.owner.leave(3, 1.0)
        assert owned.looks == 0
        owned = Owned(RATE)
        for _ in range(4):
            owned.report(1, ReportKind.FAILURE, 1.0)
        assert owned.owner.end_looks(1.0)
        assert not owned.owner.end_looks(1.0 + LOOK_S)
        assert owned.state == "open"

    def test_a_breaker_that_is_gone_ends_its_look(self):
        owned = Owned(RATE)
        owned.report(1, ReportKind.FAILURE, 1.0)
        owned.breakers.keep_only(())
        assert not owned.owner.end_looks(2.0)
        owned.owner.sweep(2.0)
        assert owned.published[-1] == {"orders": None}
        assert owned.looks == 0

    def test_a_request_behind_the_result_waits_for_the_judgement(self):
        owned = Owned(RATE)
        for _ in range(4):
            owned.report(1, ReportKind.FAILURE, 1.0)
        assert owned.ask(1, 7, 1.0) == ()
        owned.report(2, ReportKind.LOOKED, 1.0, 1)
        assert owned.last == Standing(BreakerState.OPEN, 2, 11.0, look=1)
        assert owned.replies == [(1, Verdict(7, reason="breaker_open", retry_after_s=10))]

    def test_a_request_of_a_breaker_that_is_gone_passes(self):
        owned = Owned(RATE)
        owned.report(1, ReportKind.FAILURE, 1.0)
        assert owned.ask(1, 7, 1.0) == ()
        owned.breakers.keep_only(())
        owned.owner.sweep(1.0)
        assert owned.replies == [(1, Verdict(7))]

    def test_nothing_is_lent_to_a_worker_that_died_meanwhile(self):
        owned = Owned(replace(RATE, open_duration_s=0.0))
        for _ in range(4):
            owned.report(1, ReportKind.FAILURE, 1.0)
        assert owned.ask(1, 7, 1.0) == ()
        owned.owner.leave(1, 1.0)
        owned.report(2, ReportKind.LOOKED, 1.0, 1)
        assert (owned.replies, owned.breaker.machine.probes_in_flight) == ([], 0)

    def test_one_worker_alone_knows_everything(self):
        owned = Owned(RATE, workers=1)
        owned.report(1, ReportKind.FAILURE, 1.0)
        assert owned.looks == 0


def test_overrides_and_time_are_published_with_the_sweep(owned):
    owned.breaker.override(OverrideState.CLOSED, 5.0, "somebody", 1.0, 1.0)
    owned.owner.sweep(1.0)
    assert owned.last == Standing(BreakerState.CLOSED, 1, 6.0, is_forced=True)
    owned.breakers.pass_time(6.0)
    owned.owner.sweep(6.0)
    assert owned.last == AT_REST
    published = len(owned.published)
    owned.owner.sweep(7.0)
    assert len(owned.published) == published


def test_successes_that_fill_the_minimum_may_open_it_as_one_by_one():
    owned = Owned(replace(RATE, failure_rate=FailureRate(25, minimum_requests=4)), workers=1)
    owned.report(1, ReportKind.FAILURE, 1.0)
    owned.report(1, ReportKind.SUCCESSES, 1.1, 50)
    assert owned.state == "open"
    assert owned.breaker.machine.window.last == (4, 1, 0)


def test_a_slow_response_of_a_worker_alone_counts_at_once():
    owned = Owned(replace(ROW, slow_calls=SlowCalls(100, 1.0)), workers=1)
    owned.report(1, ReportKind.FAILURE, 1.0)
    owned.report(1, ReportKind.SLOW, 1.1)
    assert owned.breaker.machine.consecutive_failures == 0
    assert owned.breaker.machine.window.last == (2, 1, 1)


def test_an_open_breaker_rejects_who_asks_too_early(owned):
    owned.fail(3)
    assert owned.ask(1, 1, 1.0) == (Verdict(1, reason="breaker_open", retry_after_s=9),)
    owned.breaker.override(OverrideState.CLOSED, 5.0, "somebody", 1.0, 1.0)
    assert owned.ask(1, 2, 1.0) == (Verdict(2),)

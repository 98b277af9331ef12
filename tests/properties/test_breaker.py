"""The breaker against a plain oracle: the same rules told with lists and without any short cut."""

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.breaker.registry import Breaker, Breakers
from app.breaker.values import BreakerRejection, Permit
from app.breaker.view import BreakerView
from app.policy.model import CircuitBreaker, FailureRate, OverrideState, SlowCalls

OUTCOMES = st.sampled_from(["succeed", "slow", "fail", "ignore"])

SETTINGS = st.builds(
    CircuitBreaker,
    consecutive_failures=st.none() | st.integers(1, 4),
    failure_rate=st.none()
    | st.builds(
        FailureRate,
        percent=st.sampled_from([1, 20, 50, 100]),
        window_s=st.sampled_from([10.0, 20.0, 60.0]),
        minimum_requests=st.integers(1, 6),
    ),
    slow_calls=st.none() | st.builds(SlowCalls, percent=st.sampled_from([30, 100]), threshold_s=st.just(1.0)),
    open_duration_s=st.sampled_from([0.5, 3.0, 10.0]),
    half_open_requests=st.integers(1, 3),
)


@dataclass
class Call:
    era: int | None
    """None: admitted by force."""
    ended: bool = False


@dataclass
class Oracle:
    settings: CircuitBreaker
    state: str = "closed"
    era: int = 0
    row: int = 0
    opened_at_s: float = 0.0
    successes: int = 0
    forced: tuple[str, float] | None = None
    results: list[tuple[float, str]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    moves: list[str] = field(default_factory=list)

    @property
    def rate(self) -> FailureRate:
        return self.settings.failure_rate or FailureRate(percent=100)

    @property
    def probes(self) -> int:
        return sum(not call.ended and call.era == self.era for call in self.calls)

    def move(self, state: str, why: str, now_s: float) -> None:
        self.state, self.era, self.successes = state, self.era + 1, 0
        self.moves.append(why)
        if state == "open":
            self.opened_at_s = now_s
        if state == "closed":
            self.row, self.results = 0, []

    def force(self, state: str, until_s: float, now_s: float) -> None:
        self.pass_time(now_s)
        before = self.forced[0] if self.forced else self.state
        self.forced = None if state == "auto" else (state, until_s)
        if before != (self.forced[0] if self.forced else self.state):
            self.moves.append("override" if self.forced else "override_ended")

    def pass_time(self, now_s: float) -> None:
        if self.forced is not None and now_s >= self.forced[1]:
            if self.forced[0] != self.state:
                self.moves.append("override_ended")
            self.forced = None

    def probe_when_due(self, now_s: float) -> None:
        over_s = self.opened_at_s + self.settings.open_duration_s
        if self.forced is None and self.state == "open" and now_s >= over_s:
            self.move("half_open", "open_duration_over", now_s)

    def admit(self, now_s: float) -> Call | str:
        self.pass_time(now_s)
        if self.forced is not None:
            if self.forced[0] == "open":
                return "breaker_open"
            return self.passes(None)
        self.probe_when_due(now_s)
        if self.state == "open":
            return "breaker_open"
        if self.state == "half_open" and self.probes >= self.settings.half_open_requests:
            return "breaker_probing"
        return self.passes(self.era)

    def passes(self, era: int | None) -> Call:
        self.calls.append(Call(era))
        return self.calls[-1]

    def end(self, call: Call, outcome: str, now_s: float) -> None:
        call.ended = True
        if call.era != self.era:
            return
        self.pass_time(now_s)
        if self.forced is not None or outcome == "ignore":
            return
        if outcome == "slow" and self.settings.slow_calls is None:
            outcome = "succeed"
        if self.state == "half_open":
            self.end_probe(outcome, now_s)
        else:
            self.count(outcome, now_s)

    def end_probe(self, outcome: str, now_s: float) -> None:
        if outcome != "succeed":
            return self.move("open", "probe_failed", now_s)
        self.successes += 1
        if self.successes >= self.settings.half_open_requests:
            self.move("closed", "probe_succeeded", now_s)

    def count(self, outcome: str, now_s: float) -> None:
        self.results = [*self.within(now_s), (now_s, outcome)]
        self.row = self.row + 1 if outcome == "fail" else 0
        row = self.settings.consecutive_failures
        if outcome == "fail" and row is not None and self.row >= row:
            return self.move("open", "consecutive_failures", now_s)
        kinds = [kind for _, kind in self.results]
        judged = len(kinds) == self.rate.minimum_requests if outcome == "succeed" else True
        if not judged or len(kinds) < self.rate.minimum_requests:
            return
        for stanza, kind, why in (
            (self.settings.failure_rate, "fail", "failure_rate"),
            (self.settings.slow_calls, "slow", "slow_calls"),
        ):
            if stanza is not None and kinds.count(kind) / len(kinds) >= stanza.percent / 100:
                return self.move("open", why, now_s)

    def within(self, now_s: float) -> list[tuple[float, str]]:
        """Results in the one-second buckets of the window that ends at `now_s`."""
        return [(at_s, kind) for at_s, kind in self.results if at_s // 1 > now_s // 1 - self.rate.window_s]

    def edit(self, settings: CircuitBreaker) -> None:
        self.settings = settings
        if self.results:
            self.results = self.within(self.results[-1][0])


class BreakerAgainstOracle(RuleBasedStateMachine):
    breaker: Breaker
    oracle: Oracle

    @initialize(settings=SETTINGS)
    def start(self, settings):
        self.now_s = 1.0
        self.breakers = Breakers(wall_s=lambda: 0.0)
        self.breaker = self.breakers.get("orders", settings)
        self.oracle = Oracle(settings)
        self.calls: list[tuple[Permit, Call]] = []
        self.told: list[str] = []
        self.breakers.subscribe(lambda moved: self.told.append(str(moved.reason)))

    @rule(eighths=st.integers(1, 120))
    def time_passes(self, eighths):
        self.now_s += eighths / 8

    @rule(count=st.integers(1, 5))
    def requests_come(self, count: int) -> None:
        for _ in range(count):
            answer, expected = self.breaker.admit(self.now_s), self.oracle.admit(self.now_s)
            if isinstance(answer, Permit):
                assert isinstance(expected, Call), expected
                self.calls.append((answer, expected))
            else:
                assert isinstance(answer, BreakerRejection)
                assert answer.reason == expected
                assert 1 <= answer.retry_after_s <= max(1, self.breaker.machine.wait_s(self.now_s) + 1)

    @rule(count=st.integers(1, 6), outcome=OUTCOMES)
    def requests_run_one_after_the_other(self, count, outcome):
        for _ in range(count):
            self.requests_come(1)
            self.all_end(outcome)

    @precondition(lambda self: self.oracle.state == "open")
    @rule()
    def open_duration_passes(self):
        self.now_s += self.oracle.settings.open_duration_s

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), outcome=OUTCOMES)
    def one_ends(self, data, outcome):
        call, expected = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        getattr(self.breaker, outcome)(call, self.now_s)
        self.oracle.end(expected, outcome, self.now_s)

    @precondition(lambda self: self.calls)
    @rule(outcome=OUTCOMES)
    def all_end(self, outcome: str) -> None:
        for call, expected in self.calls:
            getattr(self.breaker, outcome)(call, self.now_s)
            self.oracle.end(expected, outcome, self.now_s)
        self.calls.clear()

    @rule(settings=SETTINGS)
    def settings_change(self, settings: CircuitBreaker) -> None:
        before = self.seen()
        self.breaker.settings = settings
        self.oracle.edit(settings)
        after = self.seen()
        assert (after.consecutive_failures, after.probes_in_flight) == (
            before.consecutive_failures,
            before.probes_in_flight,
        )
        if before.window_s == after.window_s:
            assert before.window == after.window

    @rule(permits=st.integers(1, 3))
    def half_open_requests_change(self, permits):
        self.settings_change(replace(self.oracle.settings, half_open_requests=permits))

    @rule(state=st.sampled_from(OverrideState), for_s=st.sampled_from([1.0, 5.0]))
    def somebody_forces_it(self, state, for_s):
        self.breaker.override(state, for_s, "ada", self.now_s, 0.0)
        self.oracle.force(state.lower(), self.now_s + for_s, self.now_s)

    @rule()
    def the_second_passes(self):
        self.breakers.pass_time(self.now_s)
        self.oracle.pass_time(self.now_s)
        self.oracle.probe_when_due(self.now_s)

    def seen(self) -> BreakerView:
        return self.breaker.view(self.now_s, 0.0)

    @invariant()
    def it_made_the_oracles_transitions(self):
        assert self.told == self.oracle.moves

    @invariant()
    def it_counts_as_the_oracle_does(self):
        seen, kinds = self.seen(), [kind for _, kind in self.oracle.within(self.now_s)]
        assert seen.consecutive_failures == self.oracle.row
        assert seen.window == (len(kinds), kinds.count("fail"), kinds.count("slow"))

    @invariant()
    def it_lends_the_oracles_probe_permits(self):
        if self.oracle.state == "half_open":
            assert self.seen().probes_in_flight == self.oracle.probes

    @invariant()
    def reading_moves_nothing(self):
        first, second = self.seen(), self.seen()
        assert first == second


BreakerAgainstOracle.TestCase.settings = hypothesis_settings(
    max_examples=100, stateful_step_count=40, deadline=None
)
TestBreakerAgainstOracle = BreakerAgainstOracle.TestCase


def admitted(breaker: Breaker, now_s: float) -> Permit:
    call = breaker.admit(now_s)
    assert isinstance(call, Permit)
    return call


def opened(settings: CircuitBreaker) -> tuple[Breaker, list[Permit]]:
    """A breaker that failed until it opened, at 1 s, and the calls that were under way then."""
    breaker = Breakers(wall_s=lambda: 0.0).get("orders", replace(settings, consecutive_failures=4))
    under_way = [admitted(breaker, 1.0) for _ in range(10)]
    while breaker.machine.state == "closed":
        breaker.fail(admitted(breaker, 1.0), 1.0)
    return breaker, under_way


@given(SETTINGS, st.lists(st.tuples(st.sampled_from(["succeed", "ignore"]), st.integers(0, 80)), max_size=50))
def test_it_never_opens_without_a_failure(settings, results):
    breaker, now_s = Breakers(wall_s=lambda: 0.0).get("orders", settings), 0.0
    for outcome, eighths in results:
        now_s += eighths / 8
        getattr(breaker, outcome)(admitted(breaker, now_s), now_s)
    assert breaker.view(now_s, 0.0).transitions_total == {}


@given(SETTINGS, st.lists(OUTCOMES, min_size=10, max_size=10), st.booleans())
def test_late_results_change_nothing(settings, outcomes, probing):
    breaker, under_way = opened(settings)
    now_s = 50.0 if probing else 1.0
    breaker.admit(now_s)
    before = breaker.view(now_s, 0.0)
    for call, outcome in zip(under_way, outcomes, strict=True):
        getattr(breaker, outcome)(call, now_s)
    assert breaker.view(now_s, 0.0) == before


@given(SETTINGS, st.lists(st.booleans(), max_size=60))
def test_at_most_the_permitted_probes_are_under_way(settings, steps):
    breaker, _ = opened(settings)
    under_way = []
    for asks in steps:
        if asks:
            answer = breaker.admit(50.0)
            if isinstance(answer, Permit):
                under_way.append(answer)
        elif under_way:
            breaker.ignore(under_way.pop(), 50.0)
        assert len(under_way) <= settings.half_open_requests

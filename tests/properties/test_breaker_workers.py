"""Breakers that workers follow: under any order of messages and any worker's death they are one breaker."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from app.breaker.awaited_permit import AwaitedPermit
from app.breaker.registry import Breaker, Breakers
from app.breaker.standing import judges_rates
from app.breaker.values import BreakerRejection, BreakerState, Permit
from app.policy.model import CircuitBreaker, FailureRate, OverrideState, SlowCalls
from tests.fakes.breaker_fleet import NAME, Fleet

OUTCOMES = ("succeed", "slow", "fail", "ignore")

SETTINGS = st.builds(
    CircuitBreaker,
    consecutive_failures=st.none() | st.integers(1, 4),
    failure_rate=st.none()
    | st.builds(
        FailureRate,
        percent=st.sampled_from([20, 50, 100]),
        window_s=st.sampled_from([1.0, 10.0, 60.0]),
        minimum_requests=st.integers(1, 6),
    ),
    slow_calls=st.none() | st.builds(SlowCalls, percent=st.sampled_from([30, 100]), threshold_s=st.just(1.0)),
    open_duration_s=st.sampled_from([0.5, 3.0]),
    half_open_requests=st.integers(1, 3),
)


def served(*outcomes: str) -> st.SearchStrategy[tuple[object, ...]]:
    return st.tuples(st.just("served"), st.integers(0, 2), st.sampled_from(outcomes))


STEPS = st.lists(
    st.one_of(
        served(*OUTCOMES),
        served("succeed", "fail"),
        served("succeed"),
        served("fail"),
        st.tuples(st.just("request"), st.integers(0, 2)),
        st.tuples(st.just("end"), st.integers(0, 2), st.integers(0, 5), st.sampled_from(OUTCOMES)),
        st.tuples(st.just("send"), st.integers(0, 2)),
        st.tuples(st.just("up"), st.integers(0, 2)),
        st.tuples(st.just("down"), st.integers(0, 2)),
        st.tuples(st.just("kill"), st.integers(0, 2)),
        st.tuples(st.just("cancel"), st.integers(0, 2)),
        st.tuples(st.just("time"), st.sampled_from([0.01, 0.3, 1.0, 3.0])),
        st.tuples(st.just("second")),
        st.tuples(st.just("force"), st.sampled_from(["Open", "Closed", "Auto"]), st.sampled_from([0.5, 2.0])),
    ),
    min_size=10,
    max_size=60,
)


def step(fleet: Fleet, what: str, *given: object) -> None:
    now_s = fleet.now_s
    match what, given:
        case "request", (int(index),):
            fleet.workers[index].request(now_s)
        case "end", (int(index), int(call), str(outcome)):
            if fleet.workers[index].calls:
                fleet.workers[index].end(call, outcome, now_s)
        case "served", (int(index), str(outcome)):
            if isinstance(fleet.workers[index].request(now_s), Permit):
                fleet.workers[index].end(-1, outcome, now_s)
        case "send", (int(index),):
            fleet.workers[index].send()
        case "up", (int(index),):
            fleet.up(fleet.workers[index])
        case "down", (int(index),):
            fleet.down(fleet.workers[index])
        case "kill", (int(index),):
            fleet.kill(index)
        case "cancel", (int(index),):
            for awaited in fleet.workers[index].awaited:
                awaited.cancel()
        case "time", (float(seconds),):
            fleet.now_s += seconds
            fleet.owner.end_looks(fleet.now_s)
            for worker in fleet.workers:
                worker.followers.reports.lapse(fleet.now_s)
        case "second", ():
            fleet.second()
        case "force", (str(state), float(seconds)):
            fleet.breaker.override(OverrideState(state), seconds, "somebody", now_s, now_s)
            fleet.owner.sweep(now_s)


@given(SETTINGS, STEPS)
def test_probes_never_exceed_what_is_allowed_and_no_permit_is_lost(settings, steps):
    fleet = Fleet(settings, 3)
    for each in steps:
        step(fleet, *each)
        machine = fleet.breaker.machine
        lent = sum(worker.probes(machine.generation) for worker in fleet.workers)
        assert lent <= machine.probes_in_flight <= settings.half_open_requests
    for worker in fleet.workers:
        while worker.calls:
            worker.end(0, "ignore", fleet.now_s)
    fleet.second()
    fleet.now_s += 1.0
    for worker in fleet.workers:
        worker.followers.reports.lapse(fleet.now_s)
    fleet.second()
    for worker in fleet.workers:
        while worker.calls:
            worker.end(0, "ignore", fleet.now_s)
    fleet.second()
    assert fleet.breaker.machine.probes_in_flight == 0


@given(SETTINGS, STEPS)
def test_what_is_published_is_seen_with_the_message_that_brings_it(settings, steps):
    fleet = Fleet(settings, 3)
    for each in steps:
        step(fleet, *each)
    fleet.second()
    while fleet.owner.end_looks(fleet.now_s + 1.0):
        pass
    fleet.settle()
    for worker in fleet.workers:
        standing = worker.follower.standing
        assert (standing.state, standing.generation) == (
            fleet.breaker.machine.effective_state,
            fleet.breaker.machine.generation,
        )


class Alone:
    """The same requests at one breaker."""

    def __init__(self, settings: CircuitBreaker) -> None:
        self.breaker: Breaker = Breakers(lambda: 0.0).get(NAME, settings)
        self.calls: dict[int, list[Permit]] = {0: [], 1: [], 2: []}

    def request(self, fleet: Fleet, index: int) -> bool:
        """Whether it passes, here and there."""
        worker = fleet.workers[index]
        decision = worker.request(fleet.now_s)
        fleet.settle()
        if isinstance(decision, AwaitedPermit):
            decision = worker.verdicts.pop()
        own = self.breaker.admit(fleet.now_s)
        if isinstance(own, BreakerRejection):
            assert decision == own
            return False
        assert isinstance(decision, Permit)
        assert isinstance(own, Permit)
        assert decision.is_probe == own.is_probe
        self.calls[index].append(own)
        return True

    def end(self, fleet: Fleet, index: int, call: int, outcome: str) -> None:
        if calls := self.calls[index]:
            getattr(self.breaker, outcome)(calls.pop(call % len(calls)), fleet.now_s)
            fleet.workers[index].end(call, outcome, fleet.now_s)
            fleet.settle()

    def kill(self, fleet: Fleet, index: int) -> None:
        fleet.second()  # its successes that were not reported yet would be lost
        fleet.kill(index)
        fleet.workers.insert(index, fleet.workers.pop())
        fleet.settle()
        for own in self.calls[index]:
            self.breaker.ignore(own, fleet.now_s)
        self.calls[index] = []
        self.breaker.pass_time(fleet.now_s)


@given(SETTINGS.filter(lambda each: each.failure_rate is None or each.failure_rate.window_s >= 10), STEPS)
def test_where_messages_are_faster_than_requests_workers_are_one_breaker(settings, steps):
    """Successes of a quiet breaker stay where they were counted until they matter."""
    fleet, alone = Fleet(settings, 3), Alone(settings)
    for what, *words in steps:
        fleet.now_s += 0.001  # what is reported later happened before; no bucket of the window ends meanwhile
        now_s = fleet.now_s
        match what, words:
            case "request", [index]:
                alone.request(fleet, index)
            case "served", [index, outcome]:
                if alone.request(fleet, index):
                    alone.end(fleet, index, -1, outcome)
            case "end", [index, call, outcome]:
                alone.end(fleet, index, call, outcome)
            case "kill", [index]:
                alone.kill(fleet, index)
            case "time", [seconds]:
                fleet.second()
                alone.breaker.pass_time(now_s)
                fleet.now_s += max(0.5, round(2 * seconds) / 2)
            case "force", [state, seconds]:
                fleet.second()  # like results that come during an override, those reported then count nothing
                step(fleet, what, *words)
                fleet.settle()
                alone.breaker.pass_time(now_s)
                alone.breaker.override(OverrideState(state), seconds, "somebody", now_s, now_s)
            case _:
                continue
        machine, own = fleet.breaker.machine, alone.breaker.machine
        assert machine.state is own.state
        assert machine.generation == own.generation
        assert machine.probes_in_flight == own.probes_in_flight


def test_a_second_worker_changes_nothing_of_a_row_that_a_success_of_the_first_ended():
    """Failures of one and successes of the other alternate: there is no row, however the reports travel."""
    fleet = Fleet(replace(CircuitBreaker(), consecutive_failures=3), 2)
    one, other = fleet.workers
    for turn in range(20):
        one.request(fleet.now_s)
        other.request(fleet.now_s)
        fleet.settle()
        one.end(0, "fail", fleet.now_s)
        fleet.settle()
        fleet.now_s += 0.001
        other.end(0, "succeed", fleet.now_s)
        other.send() if turn % 2 else fleet.settle()
        fleet.settle()
    assert fleet.breaker.machine.state is BreakerState.CLOSED


class OwnReports:
    """The requests of one worker, and the same at one breaker; nothing is delivered but what a request waits for."""

    def __init__(self, settings: CircuitBreaker) -> None:
        self.fleet = Fleet(settings, 3)
        self.worker = self.fleet.workers[0]
        self.alone = Breakers(lambda: 0.0).get(NAME, settings)
        self.calls: list[Permit] = []

    def request(self) -> bool:
        """Whether it passes, here and there."""
        decision = self.worker.request(self.fleet.now_s)
        if isinstance(decision, AwaitedPermit):
            self.fleet.settle()
            decision = self.worker.verdicts.pop()
        own = self.alone.admit(self.fleet.now_s)
        if isinstance(own, BreakerRejection):
            assert decision == own
            return False
        assert isinstance(decision, Permit)
        assert isinstance(own, Permit)
        self.calls.append(own)
        return True

    def end(self, call: int, outcome: str) -> None:
        if outcome == "succeed" and judges_rates(self.alone):
            outcome = "ignore"  # one that fills the minimum of a share may be reported 20 ms later
        if self.calls:
            getattr(self.alone, outcome)(self.calls.pop(call % len(self.calls)), self.fleet.now_s)
            self.worker.end(call, outcome, self.fleet.now_s)


@given(SETTINGS.filter(lambda each: each.failure_rate is None or each.failure_rate.window_s >= 10), STEPS)
def test_what_it_reported_itself_a_worker_knows_with_its_next_request(settings, steps):
    both = OwnReports(settings)
    fleet = both.fleet
    for what, *words in steps:
        fleet.now_s += 0.001
        match what, words:
            case "request", _:
                both.request()
            case "served", [_, outcome]:
                if both.request():
                    both.end(-1, outcome)
            case "end", [_, call, outcome]:
                both.end(call, outcome)
            case (("send" | "up" | "down"), _):
                step(fleet, what, 0)
            case "time", [seconds]:
                fleet.second()
                both.alone.pass_time(fleet.now_s)
                fleet.now_s += max(0.5, round(2 * seconds) / 2)
    fleet.settle()
    assert fleet.breaker.machine.state is both.alone.machine.state
    assert fleet.breaker.machine.generation == both.alone.machine.generation

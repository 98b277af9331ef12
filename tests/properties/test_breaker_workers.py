"""Breakers that workers follow: under any order of messages and any worker's death they are one breaker."""

from collections import deque
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from app.breaker.awaited_permit import AwaitedPermit
from app.breaker.follower import Follower, Followers, Reports
from app.breaker.owner import BreakerOwner, Changes
from app.breaker.registry import Breaker, Breakers
from app.breaker.standing import Report, Verdict
from app.breaker.values import BreakerRejection, BreakerState, Permit
from app.policy.model import CircuitBreaker, FailureRate, OverrideState, SlowCalls

NAME = "orders"
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


class Worker:
    """A worker with both directions of its link as queues, and the requests that it let pass."""

    def __init__(self, number: int, settings: CircuitBreaker) -> None:
        self.number = number
        self.wants_turn = self.wants_tick = False
        self.followers = Followers(Reports(self._now, self._soon))
        follower = self.followers.get(NAME, settings)
        assert isinstance(follower, Follower)
        self.follower = follower
        self.up: deque[tuple[list[Report], list[tuple[int, str]]]] = deque()
        self.down: deque[Changes | list[Verdict]] = deque()
        self.calls: list[Permit] = []
        self.awaited: list[AwaitedPermit] = []
        self.verdicts: list[Permit | BreakerRejection] = []

    def _now(self) -> None:
        self.wants_turn = True

    def _soon(self) -> None:
        self.wants_tick = True

    def send(self) -> None:
        self.wants_turn = self.wants_tick = False
        reports, requests = self.followers.reports.take()
        if reports or requests:
            self.up.append((reports, requests))

    def request(self, now_s: float) -> Permit | BreakerRejection | AwaitedPermit:
        decision = self.follower.admit(now_s)
        if isinstance(decision, AwaitedPermit):
            decision.on_verdict = self._decided
            self.awaited.append(decision)
        elif isinstance(decision, Permit):
            self.calls.append(decision)
        return decision

    def _decided(self, verdict: Permit | BreakerRejection, _now_s: float) -> None:
        self.verdicts.append(verdict)
        if isinstance(verdict, Permit):
            self.calls.append(verdict)

    def end(self, index: int, outcome: str, now_s: float) -> None:
        getattr(self.follower, outcome)(self.calls.pop(index % len(self.calls)), now_s)

    def probes(self, generation: int) -> int:
        return sum(call.is_probe and call.generation == generation for call in self.calls)


class Fleet:
    """The parent's breaker and its workers. Nothing is delivered but by `up`, `down` or `settle`."""

    def __init__(self, settings: CircuitBreaker, workers: int) -> None:
        self.settings = settings
        self.now_s = 1000.0
        self.breakers = Breakers(lambda: self.now_s)
        self.breaker = self.breakers.get(NAME, settings)
        self.owner = BreakerOwner(self.breakers.known, self.breakers.all, self._publish)
        self.workers: list[Worker] = []
        self.made = 0
        for _ in range(workers):
            self.add_worker()

    def _publish(self, changes: Changes) -> None:
        for worker in self.workers:
            worker.down.append(changes)

    def add_worker(self) -> None:
        self.made += 1
        worker = Worker(self.made, self.settings)
        for name, standing in self.owner.join(worker.number).items():
            worker.followers.follow(name, standing, self.now_s)
        self.workers.append(worker)

    def kill(self, index: int) -> None:
        """What it has sent still arrives; nothing else does."""
        worker = self.workers[index]
        while worker.up:
            self.up(worker)
        self.workers.remove(worker)
        self.owner.leave(worker.number, self.now_s)
        self.add_worker()

    def up(self, worker: Worker) -> None:
        if worker.up:
            reports, requests = worker.up.popleft()
            self.owner.on_reports(worker.number, reports, self.now_s)
            verdicts = self.owner.on_requests(worker.number, requests, self.now_s)
            if verdicts:
                worker.down.append(verdicts)

    def down(self, worker: Worker) -> None:
        if not worker.down:
            return
        message = worker.down.popleft()
        if isinstance(message, list):
            worker.followers.take(message, self.now_s)
            return
        for name, standing in message.items():
            worker.followers.follow(name, standing, self.now_s)

    def settle(self) -> None:
        """Everything that is due is sent and arrives."""
        while any(w.up or w.down or w.wants_turn or w.wants_tick for w in self.workers):
            for worker in self.workers:
                if worker.wants_turn or worker.wants_tick:
                    worker.send()
                while worker.up:
                    self.up(worker)
                while worker.down:
                    self.down(worker)

    def second(self) -> None:
        """The reports that come with every second, and what only time changes."""
        for worker in self.workers:
            worker.followers.sum_up(self.now_s)
            worker.send()
        self.settle()
        self.breakers.pass_time(self.now_s)
        self.owner.sweep(self.now_s)
        self.settle()


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
        one.end(0, "fail", fleet.now_s)
        fleet.settle()
        fleet.now_s += 0.001
        other.end(0, "succeed", fleet.now_s)
        other.send() if turn % 2 else fleet.settle()
        fleet.settle()
    assert fleet.breaker.machine.state is BreakerState.CLOSED

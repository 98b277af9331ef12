"""A breaker's owner and the workers that follow it, with the links between them as queues that a test empties."""

from collections import deque
from collections.abc import Sequence

from app.breaker.awaited_permit import AwaitedPermit
from app.breaker.follower import Follower, Followers, Reports
from app.breaker.owner import BreakerOwner, Changes
from app.breaker.registry import Breakers
from app.breaker.standing import Report, Verdict
from app.breaker.values import BreakerRejection, Permit
from app.policy.model import CircuitBreaker

__all__ = ["NAME", "Fleet", "Worker"]

NAME = "orders"


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
        self.owner = BreakerOwner(self.breakers.known, self.breakers.all, self._publish, self._reply)
        self.workers: list[Worker] = []
        self.made = 0
        for _ in range(workers):
            self.add_worker()

    def _publish(self, changes: Changes) -> None:
        for worker in self.workers:
            worker.down.append(changes)

    def _reply(self, number: int, verdicts: Sequence[Verdict]) -> None:
        for worker in self.workers:
            if worker.number == number:
                worker.down.append(list(verdicts))

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
            self.owner.on_requests(worker.number, requests, self.now_s)

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

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dataplane.proxy.in_flight import InFlightLimit
from app.gateway.sharing.in_flight_parts import InFlightParts


class Worker:
    def __init__(self, fleet: "Fleet", number: int) -> None:
        self.number = number
        self.limit = InFlightLimit(0, lambda: fleet.up.append((self, "ask", 0)))
        self.in_flight = 0
        self.outcomes: list[bool] = []

    def request(self) -> None:
        self.in_flight += 1
        if self.in_flight <= self.limit.most:
            self.outcomes.append(True)
            return
        awaited = self.limit.wait(0.0)
        if awaited is None:
            self.place(False, 0.0)
        else:
            awaited.on_place = self.place

    def place(self, has_place: bool, _now_s: float) -> None:
        self.outcomes.append(has_place)
        if not has_place:
            self.in_flight -= 1

    @property
    def used(self) -> int:
        return self.in_flight - self.limit.waiting


class Fleet:
    def __init__(self, total: int, workers: int) -> None:
        self.total = total
        self.up: deque[tuple[Worker, str, int]] = deque()
        self.down: deque[tuple[Worker, str, int, bool]] = deque()
        self.workers: dict[int, Worker] = {}
        self.parts = InFlightParts(total, workers, self._send, self._ask_spare)
        for number in range(workers):
            self.add(number)

    def add(self, number: int) -> None:
        self.workers[number] = Worker(self, number)
        self.parts.join(number)

    def _send(self, number: int, part: int, is_full: bool) -> None:
        self.down.append((self.workers[number], "part", part, is_full))

    def _ask_spare(self, number: int) -> None:
        self.down.append((self.workers[number], "spare", 0, False))

    def deliver_up(self) -> None:
        if self.up:
            worker, kind, number = self.up.popleft()
            if self.workers.get(worker.number) is not worker:
                return
            if kind == "ask":
                self.parts.on_ask(worker.number, worker.in_flight)
            else:
                self.parts.on_spare(worker.number, number)

    def deliver_down(self) -> None:
        if self.down:
            worker, kind, part, is_full = self.down.popleft()
            if self.workers.get(worker.number) is not worker:
                return
            if kind == "part":
                worker.limit.take(part, is_full, worker.in_flight, 0.0)
                worker.limit._full_until_s = 0.0
            else:
                self.up.append((worker, "spare", worker.limit.spare(worker.in_flight)))

    def settle(self) -> None:
        while self.up or self.down:
            self.deliver_up()
            self.deliver_down()

    @property
    def used(self) -> int:
        return sum(worker.used for worker in self.workers.values())


STEPS = st.lists(
    st.tuples(st.sampled_from(["request"] * 4 + ["end", "up", "down", "kill", "settle"]), st.integers(0, 2)),
    max_size=80,
)


@given(total=st.integers(1, 12), steps=STEPS)
def test_never_more_than_the_limit_whatever_the_order(total, steps):
    fleet = Fleet(total, 3)
    for what, number in steps:
        worker = fleet.workers[number]
        if what == "request":
            worker.request()
        elif what == "end" and worker.used:
            worker.in_flight -= 1
        elif what == "up":
            fleet.deliver_up()
        elif what == "down":
            fleet.deliver_down()
        elif what == "kill":
            fleet.parts.leave(number)
            fleet.add(number)
        elif what == "settle":
            fleet.settle()
        assert fleet.used <= total
    fleet.settle()
    assert not any(worker.limit.waiting for worker in fleet.workers.values())


@pytest.mark.parametrize("total", [1, 2, 7, 100])
def test_one_worker_may_have_all_of_it_and_not_one_more(total):
    fleet = Fleet(total, 3)
    for number in (0, 1, 0):
        for _ in range(total + 5):
            fleet.workers[number].request()
            fleet.settle()
        assert fleet.used == total
        fleet.workers[number].in_flight = 0
        fleet.settle()


def test_who_is_not_known_any_more_changes_nothing():
    fleet = Fleet(2, 2)
    fleet.parts.leave(0)
    fleet.parts.on_ask(0, 5)
    fleet.parts.on_spare(0, 5)
    fleet.parts.leave(0)
    for _ in range(3):
        fleet.workers[1].request()
        fleet.settle()
    assert fleet.workers[1].outcomes == [True, True, False]

"""Machines of breakers in the states that tests begin with, and requests played on them."""

from app.breaker.machine import Machine
from app.breaker.values import (
    BreakerState as State,
)
from app.breaker.values import (
    Outcome,
    Override,
    Permit,
    Transition,
)
from app.policy.model import CircuitBreaker, FailureRate, SlowCalls

__all__ = [
    "RATE",
    "ROW",
    "SLOW",
    "admitted",
    "forced",
    "half_open",
    "opened",
    "play",
]


ROW = CircuitBreaker(consecutive_failures=3, open_duration_s=10.0)
RATE = CircuitBreaker(failure_rate=FailureRate(percent=50, window_s=10.0, minimum_requests=6))
SLOW = CircuitBreaker(slow_calls=SlowCalls(percent=50, threshold_s=1.0))
LETTERS = {"S": Outcome.SUCCESS, "F": Outcome.FAILURE, "L": Outcome.SLOW, "I": Outcome.IGNORED}


def admitted(machine: Machine, now_s: float) -> Permit:
    permit = machine.admit(now_s)
    assert isinstance(permit, Permit)
    return permit


def play(machine: Machine, letters: str, now_s: float = 0.0) -> Transition | None:
    """Requests one after the other, each admitted and ended at `now_s`; the last one's transition."""
    moved = None
    for letter in letters:
        moved = machine.record(admitted(machine, now_s), LETTERS[letter], now_s)
        machine.transitions.clear()
    return moved


def opened(settings: CircuitBreaker = ROW, now_s: float = 0.0) -> Machine:
    machine = Machine("orders", settings)
    play(machine, "FFF", now_s)
    assert machine.state is State.OPEN
    return machine


def half_open(settings: CircuitBreaker = ROW, now_s: float = 10.0) -> tuple[Machine, Permit]:
    """A machine that opened at 0 s, and its first probe, admitted at `now_s`."""
    machine = opened(settings)
    probe = admitted(machine, now_s)
    machine.transitions.clear()
    return machine, probe


def forced(state: State, until_s: float = 60.0) -> Override:
    return Override(state, until_s, 1_000.0 + until_s, "ada")

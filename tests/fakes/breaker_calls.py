"""Requests that a breaker admits and hears of, and how it looks then."""

from app.breaker.registry import Breaker
from app.breaker.values import Permit
from app.breaker.view import BreakerView
from app.policy.model import CircuitBreaker

__all__ = ["SETTINGS", "WALL_S", "Clock", "admitted", "fail", "view"]


SETTINGS = CircuitBreaker(consecutive_failures=3, open_duration_s=10.0)
WALL_S = 1_000_000.0
"""The wall clock at monotonic 0."""


class Clock:
    """A wall clock that a test moves along with `now_s`."""

    now_s = 0.0

    def __call__(self) -> float:
        return WALL_S + self.now_s


def admitted(breaker: Breaker, now_s: float = 0.0) -> Permit:
    call = breaker.admit(now_s)
    assert isinstance(call, Permit)
    return call


def fail(breaker: Breaker, times: int, now_s: float = 0.0) -> None:
    for _ in range(times):
        breaker.fail(admitted(breaker, now_s), now_s)


def view(breaker: Breaker, now_s: float = 0.0) -> BreakerView:
    return breaker.view(now_s, WALL_S + now_s)

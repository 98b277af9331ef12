"""Breakers as numbers for the metrics."""

from collections.abc import Iterator, Mapping

from app.breaker.registry import Breaker, Breakers
from app.foundation.clock import now_s, wall_s
from app.policy.model import CircuitBreaker

__all__ = ["BreakerCells", "breaker_cells", "breaker_numbers", "breaker_settings"]


class BreakerCells:
    """A breaker's numbers; the state is what a request meets now."""

    __slots__ = ("_view",)

    def __init__(self, breaker: Breaker) -> None:
        self._view = breaker.view(now_s(), wall_s())

    @property
    def name(self) -> str:
        return self._view.name

    @property
    def state(self) -> str:
        return self._view.state.value

    @property
    def transitions(self) -> Mapping[tuple[str, str], int]:
        return {(a.value, b.value): n for (a, b), n in self._view.transitions_total.items()}

    @property
    def rejections(self) -> Mapping[str, int]:
        return {state.value: n for state, n in self._view.rejections.items()}


def breaker_cells(breakers: Breakers) -> list[BreakerCells]:
    """Of every breaker, as it is now."""
    return [BreakerCells(breaker) for breaker in breakers.all()]


def breaker_settings(breakers: Breakers) -> list[tuple[str, str, float]]:
    """(breaker, setting, value) of what is in force; what is not judged is left out."""
    return [
        (breaker.name, setting, value)
        for breaker in breakers.all()
        for setting, value in breaker_numbers(breaker.settings)
        if value is not None
    ]


def breaker_numbers(settings: CircuitBreaker) -> Iterator[tuple[str, float | None]]:
    """(setting, value) as `tidegate_breaker_setting` shows them; None where it is not judged."""
    rate, slow = settings.failure_rate, settings.slow_calls
    yield "consecutive_failures", settings.consecutive_failures
    yield "failure_rate_percent", rate.percent if rate else None
    yield "slow_calls_percent", slow.percent if slow else None
    yield "slow_calls_threshold_seconds", slow.threshold_s if slow else None
    yield "open_duration_seconds", settings.open_duration_s
    yield "half_open_requests", settings.half_open_requests

"""The running gateway as admin API and metrics see it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from app.breaker.registry import Breaker, Breakers
from app.breaker.transitions import BreakerTransition
from app.breaker.view import BreakerView
from app.config.table import Table
from app.dataplane.proxy.context import ProxyContext
from app.foundation.clock import now_s, wall_s
from app.policy.model import CircuitBreaker, OverrideState
from app.telemetry.counts import Counts
from app.telemetry.reading import read

__all__ = ["BreakerCells", "GatewayView", "breaker_numbers"]


class BreakerCells:
    """A breaker's numbers for the metrics; the state is what a request meets now."""

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


class GatewayView:
    """Implements `admin.view.AdminView`."""

    def __init__(
        self,
        runtime: ProxyContext,
        breakers: Breakers,
        override: Callable[[str, OverrideState, float, str, str], None],
    ) -> None:
        self._runtime = runtime
        self._breakers = breakers
        self._override = override
        self.listening = False
        self.waiting: Callable[[], str | None] = lambda: None
        """Why traffic is not welcome yet though the port is open; None where nothing is missing."""

    @property
    def admin_token(self) -> str | None:
        return self._runtime.settings.admin_token

    def ready(self) -> tuple[bool, Mapping[str, object]]:
        draining, waiting = self._runtime.draining, self.waiting()
        checks = {
            "listener": "listening" if self.listening else "starting",
            "configuration": waiting or f"sequence {self._runtime.plans.table.sequence}",
            "draining": draining,
        }
        return self.listening and not draining and waiting is None, checks

    def metrics(self, accept: str) -> Callable[[], tuple[str, bytes]]:
        samples = read(self._counts)

        def written() -> tuple[str, bytes]:
            from app.telemetry.metrics import encode

            return encode(samples, accept)

        return written

    @property
    def _counts(self) -> Counts:
        return self._runtime.counts

    def table(self) -> Table:
        return self._runtime.plans.table

    def breakers(self) -> Sequence[BreakerView]:
        now, wall = now_s(), wall_s()
        return [breaker.view(now, wall) for breaker in self._breakers.all()]

    def breaker(self, name: str) -> BreakerView | None:
        breaker = self._breakers.known(name)
        return breaker.view(now_s(), wall_s()) if breaker is not None else None

    def transitions(self, name: str) -> Sequence[BreakerTransition]:
        return self._breakers.transitions(name)

    def override(self, name: str, state: OverrideState, for_s: float, by: str, why: str = "") -> None:
        if self._breakers.known(name) is not None:
            self._override(name, state, for_s, by, why)

    def breaker_settings(self) -> Iterable[tuple[str, str, float]]:
        """(breaker, setting, value) for the metrics; what is not judged is left out."""
        return [
            (view.name, setting, value)
            for view in self.breakers()
            for setting, value in breaker_numbers(view.settings)
            if value is not None
        ]

    def breaker_cells(self) -> Iterable[BreakerCells]:
        return [BreakerCells(breaker) for breaker in self._breakers.all()]


def breaker_numbers(settings: CircuitBreaker) -> Iterator[tuple[str, float | None]]:
    """(setting, value) as `tidegate_breaker_setting` tells them; None where it is not judged."""
    rate, slow = settings.failure_rate, settings.slow_calls
    yield "consecutive_failures", settings.consecutive_failures
    yield "failure_rate_percent", rate.percent if rate else None
    yield "slow_calls_percent", slow.percent if slow else None
    yield "slow_calls_threshold_seconds", slow.threshold_s if slow else None
    yield "open_duration_seconds", settings.open_duration_s
    yield "half_open_requests", settings.half_open_requests

"""A breaker as people and metrics see it; looking changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.breaker.outage import NO_OUTAGE, Outage
from app.breaker.values import BreakerState, Cause, Override
from app.breaker.window import Counts
from app.policy.model import CircuitBreaker

__all__ = ["BreakerView", "FailureView"]


@dataclass(frozen=True, slots=True)
class FailureView:
    """A failed request: `word` is a reason word or `status_503`; `detail` says more, or is ""."""

    at_wall_s: float
    word: str
    detail: str


@dataclass(frozen=True, slots=True)
class BreakerView:
    """`state`: what a request meets at this moment, since `since_wall_s`.

    `reason` is None until the first transition. `threshold`: consecutive failures that open it, None where not
    judged. `window`: counts of the last `window_s`; while open nothing is added to them. `minimum_requests`: from
    how many on its rates are judged, 0 where no rate is. `opening`: what the window held when it left closed, None
    while closed; `consecutive_failures` stays as it was then, too.
    `next_probe_in_s` and `retry_after_s` (whole seconds, ≥ 1) are None where a request may pass at once.
    `open_until_wall_s`: the date of that next probe, by the same look at the clocks as `since_wall_s`, or as the
    override in force: what lies between them is exact.
    `rejections`: by the state that rejected. `transitions_total`: by (from, to). `failures_total`: since it
    was made, late ones aside; `last_failure`: the newest of them. `outage`: since when it has not been closed.
    """

    name: str
    state: BreakerState
    since_wall_s: float
    reason: Cause | None
    consecutive_failures: int
    threshold: int | None
    window: Counts
    window_s: float
    next_probe_in_s: float | None
    retry_after_s: int | None
    probes_in_flight: int
    override: Override | None
    settings: CircuitBreaker
    rejections: Mapping[BreakerState, int]
    transitions_total: Mapping[tuple[BreakerState, BreakerState], int]
    failures_total: int = 0
    last_failure: FailureView | None = None
    outage: Outage = NO_OUTAGE
    minimum_requests: int = 0
    opening: Counts | None = None
    open_until_wall_s: float | None = None

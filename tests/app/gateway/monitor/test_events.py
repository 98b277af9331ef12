import pytest

from app.breaker.transitions import BreakerTransition
from app.breaker.values import BreakerState, Cause
from app.gateway.monitor.events import breaker_event
from app.telemetry.events import Event


@pytest.mark.parametrize(
    ("to", "cause", "error", "kind", "detail"),
    [
        (
            BreakerState.OPEN,
            Cause.PROBE_FAILED,
            "status_503",
            "breaker_opened",
            "probe failed: status_503",
        ),
        (BreakerState.HALF_OPEN, Cause.OPEN_DURATION_OVER, "", "breaker_half_opened", "open duration over"),
        (BreakerState.CLOSED, Cause.PROBE_SUCCEEDED, "", "breaker_closed", "probe succeeded"),
    ],
)
def test_a_transition_is_an_event_with_its_cause(to, cause, error, kind, detail):
    moved = BreakerTransition("orders", BreakerState.CLOSED, to, cause, 5.0, 1.0, error, 2.0)
    assert breaker_event(moved) == Event(5.0, kind, "orders", detail)

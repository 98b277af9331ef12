"""Transitions of breakers as events that people read. Pure."""

from app.breaker.transitions import BreakerTransition
from app.breaker.values import BreakerState
from app.telemetry.events import Event

__all__ = ["breaker_event"]

_KINDS = {
    BreakerState.OPEN: "breaker_opened",
    BreakerState.HALF_OPEN: "breaker_half_opened",
    BreakerState.CLOSED: "breaker_closed",
}


def breaker_event(moved: BreakerTransition) -> Event:
    words = moved.reason.value.replace("_", " ")
    detail = f"{words}: {moved.error}" if moved.error else words
    return Event(moved.at_wall_s, _KINDS[moved.to_state], moved.name, detail)

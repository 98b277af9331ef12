"""What happened to the gateway, as events for people. Pure."""

from app.breaker.journal import BreakerMoved
from app.breaker.values import State
from app.telemetry.events import Event

__all__ = ["breaker_event"]

_KINDS = {
    State.OPEN: "breaker_opened",
    State.HALF_OPEN: "breaker_half_opened",
    State.CLOSED: "breaker_closed",
}


def breaker_event(moved: BreakerMoved) -> Event:
    words = moved.reason.value.replace("_", " ")
    detail = f"{words}: {moved.error}" if moved.error else words
    return Event(moved.at_wall_s, _KINDS[moved.to_state], moved.name, detail)

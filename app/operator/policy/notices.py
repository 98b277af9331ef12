"""What becomes a Kubernetes Event: of a status, of a breaker's transitions, of the limit store. Pure."""

from collections.abc import Mapping
from typing import Any

from app.config.sync.messages import TransitionReport
from app.operator.kube.event_aggregator import Notice
from app.operator.policy.conditions import condition_of
from app.policy.model import BreakerState

__all__ = ["notices_of_status", "notices_of_transition", "store_notice"]


def notices_of_status(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Notice]:
    """The notices of a new status: `Applied` once per generation; `Rejected` and `Conflicted` as they begin."""
    notices = []
    programmed, accepted = condition_of(after, "Programmed"), condition_of(after, "Accepted")
    if programmed is not None and _is_new(before, programmed, "Programmed"):
        if programmed["status"] == "True":
            generation = programmed["observedGeneration"]
            notices.append(Notice("Applied", f"generation {generation}: {programmed['message']}"))
        elif programmed["reason"] == "Rejected":
            notices.append(Notice("Rejected", programmed["message"]))
    if accepted is not None and accepted["reason"] == "Conflicted" and _is_new(before, accepted, "Accepted"):
        notices.append(Notice("Conflicted", accepted["message"]))
    return notices


def notices_of_transition(transition: TransitionReport, pod: str) -> list[Notice]:
    """A breaker opened or closed, or an override started or ended; half-open is only on the way: no notice."""
    if transition.reason == "override":
        kind, text = "OverrideStarted", f"is forced {transition.to_state}"
    elif transition.reason == "override_ended":
        kind, text = "OverrideEnded", f"is {transition.to_state} again"
    elif transition.to_state == BreakerState.OPEN:
        kind, text = "BreakerOpened", f"opened: {transition.reason}"
    elif transition.to_state == BreakerState.CLOSED:
        kind, text = "BreakerClosed", f"closed: {transition.reason}"
    else:
        return []
    return [Notice(kind, f"breaker {transition.name} {text} (gateway {pod})", transition.name)]


def store_notice(*, is_up: bool) -> Notice:
    """The shared limit store became unavailable, or is available again."""
    if is_up:
        return Notice("LimitStoreUp", "every gateway reaches the shared limit store again")
    return Notice("LimitStoreDown", "a gateway cannot reach the shared limit store; onStoreFailure applies")


def _is_new(before: Mapping[str, Any], condition: Mapping[str, Any], kind: str) -> bool:
    """Whether `before` does not hold this status and reason for this generation."""
    known = condition_of(before, kind)
    if known is None:
        return True
    same = (known.get("status"), known.get("reason")) == (condition["status"], condition["reason"])
    return not same or known.get("observedGeneration") != condition["observedGeneration"]

"""What of a status change, a breaker's transition or the limit store is worth a Kubernetes Event. Pure."""

from collections.abc import Mapping
from typing import Any

from app.config.sync.messages import TransitionReport
from app.operator.kube.event_aggregator import Notice
from app.operator.policy.status import condition_of

__all__ = ["notices_of_status", "notices_of_transition", "store_notice"]


def notices_of_status(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Notice]:
    """What a new status is worth: `Applied` once a generation; `Rejected`, `Conflicted` as they begin."""
    notices = []
    programmed, accepted = condition_of(after, "Programmed"), condition_of(after, "Accepted")
    if programmed is not None and _is_news(before, programmed, "Programmed"):
        if programmed["status"] == "True":
            generation = programmed["observedGeneration"]
            notices.append(Notice("Applied", f"generation {generation}: {programmed['message']}"))
        elif programmed["reason"] == "Rejected":
            notices.append(Notice("Rejected", programmed["message"]))
    if accepted is not None and accepted["reason"] == "Conflicted" and _is_news(before, accepted, "Accepted"):
        notices.append(Notice("Conflicted", accepted["message"]))
    return notices


def notices_of_transition(moved: TransitionReport, pod: str) -> list[Notice]:
    """A breaker opened, closed, was forced or let go; half open is on the way and worth none."""
    if moved.reason == "override":
        kind, told = "OverrideStarted", f"is forced {moved.to_state}"
    elif moved.reason == "override_ended":
        kind, told = "OverrideEnded", f"is {moved.to_state} again"
    elif moved.to_state == "open":
        kind, told = "BreakerOpened", f"opened: {moved.reason}"
    elif moved.to_state == "closed":
        kind, told = "BreakerClosed", f"closed: {moved.reason}"
    else:
        return []
    return [Notice(kind, f"breaker {moved.name} {told} (gateway {pod})", moved.name)]


def store_notice(*, is_up: bool) -> Notice:
    """The shared limit store went away, or came back."""
    if is_up:
        return Notice("LimitStoreUp", "every gateway reaches the shared limit store again")
    return Notice("LimitStoreDown", "a gateway cannot reach the shared limit store; onStoreFailure applies")


def _is_news(before: Mapping[str, Any], condition: Mapping[str, Any], kind: str) -> bool:
    known = condition_of(before, kind)
    if known is None:
        return True
    same = (known.get("status"), known.get("reason")) == (condition["status"], condition["reason"])
    return not same or known.get("observedGeneration") != condition["observedGeneration"]

"""One decision of `/v1/decisions/{request-id}` in sentences: for `tidegate why`, and for the monitor. Pure."""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["decision_sentences"]

_OUTCOMES: Final = {
    "client_gone": "the client left before the response was complete",
    "stale_connection": "the server had closed the idle connection, so it was sent again",
    "unprocessed": "the server did nothing with it, so it was sent again",
}


def decision_sentences(decision: Mapping[str, Any]) -> str:
    """Lines of text. Raises KeyError, TypeError or ValueError for what is no decision."""
    lines = [
        _who_and_where(decision),
        *_runner_up(decision),
        *_verdict(decision),
        *_limits(decision),
        *_breaker(decision),
        *(_attempt(number, each) for number, each in enumerate(decision["attempts"], 1)),
        f"It took {_ms(decision['durationMs'])} in all.",
    ]
    if decision["traceId"] is not None:
        lines.append(f"Its trace is {decision['traceId']}.")
    return "".join(f"{line}\n" for line in lines)


def _who_and_where(decision: Mapping[str, Any]) -> str:
    client, tier = decision["client"], decision["tier"]
    who = "a caller without a key's name" if client is None else f"client {client}"
    if tier is not None:
        who += f" (tier {tier})"
    route = decision["route"]
    met = "met no route" if route is None else f"took route {route}"
    return f"{decision['method']} by {who} at {decision['at']} {met}."


def _runner_up(decision: Mapping[str, Any]) -> list[str]:
    if decision["route"] is None:
        return []
    other = decision["runnerUp"]
    return [
        "No other route takes such a request."
        if other is None
        else f"Without that route, {other} takes such a request."
    ]


def _verdict(decision: Mapping[str, Any]) -> list[str]:
    status, reason, error, policy = (decision[name] for name in ("status", "reason", "error", "policy"))
    if not status:
        said = "The client left before a response began."
    elif not reason:
        said = f"The upstream responded with {_status(decision)}."
    else:
        said = f"Tidegate responded with {_status(decision)}: {reason}."
    lines = [said]
    if error and error != "client_gone":
        lines.append(f"What went wrong: {error}.")
    elif error and status:
        lines.append("The client left before it had the whole response.")
    if policy is not None:
        generation = decision["generation"]
        which = policy if generation is None else f"{policy} in generation {generation}"
        lines.append(f"Policy {which} decided that.")
    return lines


def _status(decision: Mapping[str, Any]) -> str:
    grpc_status = decision["grpcStatus"]
    status = str(decision["status"])
    return status if grpc_status is None else f"{grpc_status} of gRPC, which counts as {status}"


def _limits(decision: Mapping[str, Any]) -> list[str]:
    left = [f"{rule['rule']} {rule['remaining']}" for rule in decision["rules"]]
    if not left:
        return []
    known = ", as far as this gateway knew of the shared ones" if decision["limitsShared"] else ""
    return [f"Requests that its limits had left then{known}: {', '.join(left)}."]


def _breaker(decision: Mapping[str, Any]) -> list[str]:
    breaker = decision["breaker"]
    if breaker is None:
        return []
    if breaker["state"] == "half_open" and not decision["reason"].startswith("breaker_"):
        return [f"Breaker {breaker['name']} was half-open, and this was a probe."]
    return [f"Breaker {breaker['name']} was {breaker['state'].replace('_', '-')}."]


def _attempt(number: int, attempt: Mapping[str, Any]) -> str:
    endpoint, outcome, head_ms = attempt["endpoint"], attempt["outcome"], attempt["headMs"]
    where = "with no address known" if endpoint is None else f"at {endpoint}"
    what = _OUTCOMES.get(outcome) or outcome.replace("status_", "status ")
    head = "" if head_ms is None else f", the head after {_ms(head_ms)}"
    return f"Attempt {number} {where}: {what}{head}, over after {_ms(attempt['endMs'])}."


def _ms(value: float) -> str:
    return f"{value:,.1f} ms"

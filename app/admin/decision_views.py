"""The last decisions about requests as the admin API and the monitor show them, as JSON-able values."""

import re
from datetime import UTC, datetime
from typing import Final

from app.admin.shape import Shape
from app.dataplane.codec.grpc import status_name
from app.telemetry.decisions import Attempt, Decision, DecisionRing, Found, Mark

__all__ = ["MOST_DECISIONS", "decision_shape", "decisions_shape", "mark_text", "reach", "read_mark"]

MOST_DECISIONS: Final = 1_000
"""Shown by one call."""

_LONGEST_ERROR: Final = 500
_MARK: Final = re.compile(r"([0-9]{1,18})-([0-9]{1,18})", re.ASCII)


def decisions_shape(found: Found | None) -> Shape:
    """`GET /v1/decisions`: newest first. `found` None: they are not kept."""
    if found is None:
        return {
            "decisions": [],
            "oldest": None,
            "mark": None,
            "omitted": 0,
            "overwritten": 0,
            "restarted": False,
        }
    oldest_s = found.oldest_wall_s
    return {
        "decisions": [decision_shape(each, limits_shared=found.limits_shared) for each in found.decisions()],
        "oldest": None if oldest_s is None else _instant(oldest_s),
        "mark": mark_text(found.mark),
        "omitted": found.omitted,
        "overwritten": found.overwritten,
        "restarted": found.restarted,
    }


def mark_text(mark: Mark) -> str:
    return f"{mark.process}-{mark.recorded}"


def read_mark(text: str) -> Mark:
    """Raises ValueError for what `mark_text` never wrote."""
    read = _MARK.fullmatch(text)
    if read is None:
        raise ValueError("must be the mark of an earlier reply")
    return Mark(int(read[1]), int(read[2]))


def decision_shape(decision: Decision, *, limits_shared: bool = False) -> Shape:
    breaker = decision.breaker
    return {
        "requestId": decision.request_id,
        "traceId": decision.trace_id,
        "at": _instant(decision.at_wall_s),
        "route": decision.route,
        "runnerUp": decision.runner_up,
        "client": decision.client,
        "tier": decision.tier,
        "method": decision.method,
        "status": decision.status,
        "grpcStatus": status_name(decision.grpc_status) if decision.grpc_status >= 0 else None,
        "reason": decision.reason,
        "error": decision.error[:_LONGEST_ERROR],
        "policy": decision.policy,
        "generation": decision.generation,
        "rules": [{"rule": name, "remaining": left} for name, left in decision.rules],
        "limitsShared": limits_shared,
        "breaker": breaker and {"name": breaker[0], "state": breaker[1]},
        "attempts": [_attempt(attempt) for attempt in decision.attempts],
        "durationMs": round(decision.duration_s * 1000, 3),
    }


def reach(ring: DecisionRing | None, request_id: str) -> str:
    """Why no decision of this id is shown, and what is."""
    what = f"no decision about {request_id[:80]!r} is kept"
    if ring is None:
        return f"{what}: DECISIONS_KEPT is 0"
    oldest_s = ring.oldest_wall_s
    if oldest_s is None:
        return f"{what}, nor any other so far"
    return (
        f"{what}; there are the last {len(ring):,} decisions, since {_at(oldest_s):%H:%M:%S} UTC: every rejection and "
        "failure, and a sample of the rest"
    )


def _attempt(attempt: Attempt) -> Shape:
    endpoint, outcome, head_ms, end_ms = attempt
    return {
        "endpoint": endpoint,
        "outcome": outcome,
        "headMs": None if head_ms is None else round(head_ms, 3),
        "endMs": round(end_ms, 3),
    }


def _instant(wall_s: float) -> str:
    return _at(wall_s).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _at(wall_s: float) -> datetime:
    return datetime.fromtimestamp(wall_s, UTC)

"""The last decisions about requests as the admin API shows them, as JSON-able values."""

from datetime import UTC, datetime
from typing import Final

from app.admin.json_views import Shape
from app.telemetry.decisions import Attempt, Decision, DecisionRing, Filter

__all__ = ["MOST_DECISIONS", "decision_shape", "decisions_shape", "reach"]

MOST_DECISIONS: Final = 1_000
"""Shown by one call."""


def decisions_shape(ring: DecisionRing | None, wanted: Filter, limit: int) -> Shape:
    """`GET /v1/decisions`: newest first. `ring` None: they are not kept."""
    if ring is None:
        return {"decisions": [], "oldest": None}
    oldest_s = ring.oldest_wall_s
    return {
        "decisions": [decision_shape(decision) for decision in ring.recent(wanted, limit)],
        "oldest": None if oldest_s is None else _instant(oldest_s),
    }


def decision_shape(decision: Decision) -> Shape:
    breaker = decision.breaker
    return {
        "requestId": decision.request_id,
        "traceId": decision.trace_id,
        "at": _instant(decision.at_wall_s),
        "route": decision.route,
        "client": decision.client,
        "tier": decision.tier,
        "method": decision.method,
        "status": decision.status,
        "reason": decision.reason,
        "error": decision.error,
        "policy": decision.policy,
        "generation": decision.generation,
        "rules": [{"rule": name, "remaining": left} for name, left in decision.rules],
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

"""A gateway as a row of `GET /v1/instances`, with what it reported about its breakers and policies. Pure."""

from collections.abc import Callable
from datetime import UTC, datetime

from app.config.sync.messages import BreakerReport, PolicyError
from app.operator.sync.fleet import InstanceView
from app.policy.model import BreakerState

__all__ = ["MOST_DOWN", "instance_shape", "instant"]

MOST_DOWN = 20
"""Breakers of one gateway that are listed; `down_total` counts all."""


def instance_shape(view: InstanceView, policy_name: Callable[[str], str | None]) -> dict[str, object]:
    """`policy_name`: `NAMESPACE/NAME` by UID, None for a policy that is gone.

    `down`: breakers that are not closed, the longest down first. `rejected_policies`: those it does not understand.
    """
    down = sorted((one for one in view.breakers if one.state != BreakerState.CLOSED), key=_since)
    return {
        "namespace": view.namespace,
        "pod": view.pod,
        "gateway": view.gateway,
        "is_required": view.is_required,
        "state": view.state,
        "sequence": view.sequence,
        "silent_s": view.silent_s,
        "error": view.error,
        "version": view.version,
        "limit_store_up": view.limit_store_up,
        "down": [_down(one, policy_name) for one in down[:MOST_DOWN]],
        "down_total": len(down),
        "rejected_policies": [_rejected(one, policy_name) for one in view.errors],
    }


def _since(report: BreakerReport) -> tuple[float, str]:
    """A gateway of an older version reports only since when its breaker is in this state."""
    since = report.not_closed_since_wall_s
    return report.since_wall_s if since is None else since, report.name


def _down(report: BreakerReport, policy_name: Callable[[str], str | None]) -> dict[str, object]:
    return {
        "breaker": report.name,
        "state": report.state,
        "reason": report.reason,
        "not_closed_since": instant(_since(report)[0]),
        "failed_probes": report.failed_probes,
        "policies": [name for uid in report.policies if (name := policy_name(uid)) is not None],
    }


def _rejected(error: PolicyError, policy_name: Callable[[str], str | None]) -> dict[str, object]:
    return {
        "policy": policy_name(error.uid),
        "generation": error.generation,
        "message": error.message,
    }


def instant(wall_s: float) -> str:
    """RFC 3339, UTC."""
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

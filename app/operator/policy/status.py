"""A policy's status, from what its author wrote and what the fleet did: it never claims more than is true. Pure.

`Programmed` is True only when every gateway pod in scope that takes traffic reported that it applied this
generation (stronger than the Gateway API's meaning). With a part of the fleet it is False, so that what waits
for it keeps waiting.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.operator.kube.conditions import instant
from app.operator.kube.resources import Condition, PolicyObject
from app.operator.policy.ancestors import ancestor_fields
from app.operator.policy.compile import AcceptReason, Verdict
from app.operator.policy.conditions import condition_of, dated_conditions
from app.operator.policy.fleet_breakers import MAX_BREAKERS, FleetBreaker, summary_of
from app.operator.policy.policy_context import PolicyContext
from app.operator.snapshot.history import Published
from app.operator.sync.fleet import STALE_S, PodView
from app.policy.model import TargetRef

__all__ = ["OWN_FIELDS", "judge"]

OWN_FIELDS = ("observedGeneration", "snapshot", "gateways", "breakers", "breakerSummary", "ancestors")
"""Beside `conditions`, which others may write too."""

GRACE_S = 10.0
"""A pod that only just takes traffic has this long to say that it applied what others did."""

MAX_FAILING = 10
MAX_MESSAGE = 1_024
_STALLED = ("Conflicted", "Invalid", "Rejected")


@dataclass(frozen=True, slots=True)
class _Tally:
    """How many of the pods in scope applied one generation of one policy."""

    desired: int
    applied: int
    rejected: int
    failing: tuple[tuple[str, str, str], ...]
    """Pod, reason, message; rejected ones first."""


def judge(
    policy: PolicyObject, verdict: Verdict, published: Published | None, context: PolicyContext, wall_s: float
) -> dict[str, Any]:
    """The whole status of `policy`; what others wrote into it stays. `wall_s`: for conditions that change."""
    targets = () if verdict.spec is None else verdict.spec.targets
    accepted, resolved = _accepted(verdict, context), _resolved(verdict, context)
    conditions = [accepted, resolved]
    fields: dict[str, Any] = {}
    cause: Condition | None = accepted if accepted.status != "True" else None
    if cause is None:
        was_programmed = _was_programmed(policy)
        pods = context.in_scope(targets)
        tally = _tally(policy, published, pods, was_programmed=was_programmed)
        programmed = _programmed(tally, published)
        conditions.append(programmed)
        fields = _fields(policy, tally, published, programmed.status == "True", wall_s)
        fields |= _breaker_fields(context.breakers)
        cause = programmed if programmed.status != "True" else None
    if cause is None:
        conditions.append(Condition("Ready", "True", "Ready", "in force in every gateway"))
    else:
        conditions.append(Condition("Ready", "False", cause.reason, cause.message))
        if cause.reason in _STALLED:
            conditions.append(Condition("Stalled", "True", cause.reason, cause.message))
    fields |= ancestor_fields(policy, context.ancestors(targets), conditions, wall_s)
    kept = {key: value for key, value in policy.status.items() if key not in (*OWN_FIELDS, "conditions")}
    own = dated_conditions(policy, conditions, wall_s)
    return {**kept, "observedGeneration": policy.generation, "conditions": own, **fields}


def _accepted(verdict: Verdict, context: PolicyContext) -> Condition:
    if not verdict.is_accepted:
        return Condition("Accepted", "False", verdict.reason, _cut(verdict.message))
    targets = () if verdict.spec is None else verdict.spec.targets
    if context.is_settled(targets):
        missing = context.missing(targets)
        if len(missing) == len(targets):
            message = context.absence(missing[0], in_namespace=True)
            return Condition("Accepted", "False", AcceptReason.TARGET_NOT_FOUND, message)
    return Condition("Accepted", "True", AcceptReason.ACCEPTED, verdict.message)


def _resolved(verdict: Verdict, context: PolicyContext) -> Condition:
    if verdict.spec is None:
        return Condition("ResolvedRefs", "Unknown", "Invalid", "the targets cannot be read")
    if unknown := context.unknown(verdict.spec.targets):
        return Condition("ResolvedRefs", "Unknown", *unknown)
    missing = context.missing(verdict.spec.targets)
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        return Condition("ResolvedRefs", "False", "TargetNotFound", context.absence(missing[0]) + more)
    return Condition("ResolvedRefs", "True", "ResolvedRefs", _resolved_text(verdict.spec.targets))


def _resolved_text(targets: Sequence[TargetRef]) -> str:
    if any(target.is_object for target in targets):
        return "requests that gateways take meet every target"
    return "every target is known to a gateway"


def _tally(
    policy: PolicyObject, published: Published | None, pods: tuple[PodView, ...], *, was_programmed: bool
) -> _Tally:
    if was_programmed:
        # A further gateway is no step back until it has had the time to catch up.
        pods = tuple(pod for pod in pods if pod.sequence or pod.silent_s is not None or pod.ready_s > GRACE_S)
    applied, rejected, failing = 0, [], []
    for pod in pods:
        error = pod.errors.get(policy.uid)
        if error is not None and error.generation >= policy.generation:
            rejected.append((pod.name, "Rejected", _cut(error.message)))
        elif published is not None and pod.sequence >= published.sequence:
            applied += 1
        elif published is not None and pod.rejected_sequence >= published.sequence:
            rejected.append((pod.name, "Rejected", _cut(pod.rejected_message)))
        else:
            failing.append(_lagging(pod))
    return _Tally(len(pods), applied, len(rejected), (*rejected, *failing))


def _lagging(pod: PodView) -> tuple[str, str, str]:
    # No figures that would change with every evaluation: a status at rest is not written.
    if pod.silent_s is None:
        stale = pod.ready_s > STALE_S
        return (pod.name, "Stale" if stale else "Pending", "it takes traffic but never called")
    applied = f"it applied snapshot {pod.sequence}" if pod.sequence else "it applied no snapshot yet"
    if pod.silent_s > STALE_S:
        return (pod.name, "Stale", f"silent for more than {STALE_S:.0f}s; {applied}")
    return (pod.name, "Pending", applied)


def _programmed(tally: _Tally, published: Published | None) -> Condition:
    if tally.rejected:
        pod, _, message = tally.failing[0]
        text = f"{tally.rejected} of {tally.desired} gateways rejected it; {pod}: {message}"
        return Condition("Programmed", "False", "Rejected", _cut(text))
    if not tally.desired:
        return Condition("Programmed", "False", "NoGateways", "no gateway in scope takes traffic")
    if published is None or tally.applied < tally.desired:
        pod, reason, _ = tally.failing[0]
        text = f"{tally.applied} of {tally.desired} gateways applied; {reason.lower()}: {pod}"
        return Condition("Programmed", "False", "Reconciling", text)
    return Condition(
        "Programmed", "True", "Programmed", f"{tally.applied} of {tally.desired} gateways applied"
    )


def _fields(
    policy: PolicyObject, tally: _Tally, published: Published | None, programmed: bool, wall_s: float
) -> dict[str, Any]:
    stored: Mapping[str, Any] = policy.status.get("snapshot") or {}
    same = policy.status.get("observedGeneration") == policy.generation and stored.get("appliedTime")
    fields: dict[str, Any] = {}
    if same:  # fixed for a generation, whatever other policies and restarts do to sequences since
        fields["snapshot"] = dict(stored)
    elif published is not None:
        fields["snapshot"] = {"sequence": published.sequence, "hash": published.hash}
        if programmed:
            fields["snapshot"]["appliedTime"] = instant(wall_s)
    fields["gateways"] = {
        "desired": tally.desired,
        "applied": tally.applied,
        "rejected": tally.rejected,
        "pending": tally.desired - tally.applied - tally.rejected,
        "summary": f"{tally.applied}/{tally.desired}",
    }
    if tally.failing:
        fields["gateways"]["failing"] = [
            {"pod": pod, "reason": reason, "message": message}
            for pod, reason, message in tally.failing[:MAX_FAILING]
        ]
    return fields


def _breaker_fields(breakers: tuple[FleetBreaker, ...]) -> dict[str, Any]:
    summary = summary_of(breakers)
    if summary is None:
        return {}
    rows = []
    for breaker in breakers[:MAX_BREAKERS]:
        row: dict[str, Any] = {
            "name": breaker.name,
            "state": str(breaker.state),
            "replicas": {str(state): count for state, count in breaker.replicas.items()},
        }
        if breaker.since_wall_s is not None:
            row["since"] = instant(breaker.since_wall_s)
        if breaker.not_closed_since_wall_s is not None:
            row["notClosedSince"] = instant(breaker.not_closed_since_wall_s)
            row["failedProbes"] = breaker.failed_probes
        if breaker.reason is not None:
            row["reason"] = breaker.reason
        rows.append(row)
    return {"breakers": rows, "breakerSummary": summary}


def _was_programmed(policy: PolicyObject) -> bool:
    stored = condition_of(policy.status, "Programmed")
    return (
        stored is not None
        and stored.get("status") == "True"
        and stored.get("observedGeneration") == policy.generation
    )


def _cut(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"

"""From all policies to what is in force: which are accepted, which lose a conflict, what the snapshot holds.

Of two policies with the same mode, stanza and target the older one wins (then namespace/name); the loser is
not in force at all, so it beats nobody either. Targets are in the policy's own namespace only.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.config.sync.snapshot import PolicyEntry
from app.foundation.errors import ConfigFaults
from app.operator.kube.resources import PolicyObject
from app.policy.merge import find_conflicts
from app.policy.model import Mode, Policy, Spec, TargetRef
from app.policy.parse import parse_spec

__all__ = ["AcceptReason", "Compiled", "Verdict", "compile_policies", "read_spec"]

_MAX_FAULTS = 3  # in a message; the first ones help most
_UNKNOWN_KEY = "is not a known key"


class AcceptReason(StrEnum):
    """Why a policy is accepted or not; TargetNotFound follows from the fleet (`status.py`)."""

    ACCEPTED = "Accepted"
    CONFLICTED = "Conflicted"
    INVALID = "Invalid"
    UNSUPPORTED_VALUE = "UnsupportedValue"
    TARGET_NOT_FOUND = "TargetNotFound"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`spec`: None where it could not be read."""

    reason: AcceptReason
    message: str
    spec: Spec | None = None

    @property
    def is_accepted(self) -> bool:
        return self.reason is AcceptReason.ACCEPTED


@dataclass(frozen=True, slots=True)
class Compiled:
    """`entries`: the accepted ones, oldest first. `verdicts`: one for each policy, by UID."""

    entries: tuple[PolicyEntry, ...]
    verdicts: Mapping[str, Verdict]


SpecReader = Callable[[PolicyObject], Spec | Verdict]


def read_spec(policy: PolicyObject) -> Spec | Verdict:
    """The spec, or why it is not accepted."""
    try:
        return parse_spec(policy.spec)
    except ConfigFaults as faults:
        texts = [str(fault) for fault in faults.faults[:_MAX_FAULTS]]
        if len(faults.faults) > _MAX_FAULTS:
            texts.append(f"and {len(faults.faults) - _MAX_FAULTS} more")
        message = ". ".join(texts)
        if all(fault.what == _UNKNOWN_KEY for fault in faults.faults):
            return Verdict(AcceptReason.UNSUPPORTED_VALUE, f"this operator is too old for it: {message}")
        return Verdict(AcceptReason.INVALID, message)


def compile_policies(policies: Iterable[PolicyObject], read: SpecReader = read_spec) -> Compiled:
    """What is in force; O(policies × targets). `read`: `read_spec`, or the same with a cache."""
    entries: list[PolicyEntry] = []
    verdicts: dict[str, Verdict] = {}
    holders: dict[tuple[str, Mode, TargetRef], list[Policy]] = {}
    for policy in sorted(policies, key=lambda one: one.age_order):
        spec = read(policy)
        if isinstance(spec, Verdict):
            verdicts[policy.uid] = spec
            continue
        own = Policy(f"{policy.namespace}/{policy.name}", spec)
        places = [(policy.namespace, spec.mode, target) for target in spec.targets]
        rivals = {rival.name: rival for place in places for rival in holders.get(place, ())}
        lost = _lost_to(list(rivals.values()), own)
        if lost is not None:
            verdicts[policy.uid] = Verdict(AcceptReason.CONFLICTED, lost, spec)
            continue
        for place in places:
            holders.setdefault(place, []).append(own)
        verdicts[policy.uid] = Verdict(
            AcceptReason.ACCEPTED, "the policy is valid and loses no conflict", spec
        )
        entries.append(PolicyEntry(policy.namespace, policy.name, policy.uid, policy.generation, policy.spec))
    return Compiled(tuple(entries), verdicts)


def _lost_to(rivals: list[Policy], own: Policy) -> str | None:
    """Which of the `rivals`, which do not conflict with each other, beats `own`, and where."""
    for conflict in find_conflicts([*rivals, own]):
        winner = rivals[conflict.winner].name
        return f"{conflict.stanza} of {conflict.target} is already set by the older policy {winner}"
    return None

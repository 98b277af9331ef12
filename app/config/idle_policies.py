"""Policies that change nothing: what they set is beaten wherever it applies, or applies nowhere. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from app.config.table import Table
from app.policy.effective import Effective, Source
from app.policy.merge import target_text
from app.policy.model import OverrideState, Policy, Spec
from app.schema.faults import Faults, Path

__all__ = ["find_idle_policies"]

_MAX_NAMES = 3


def find_idle_policies(policies: Sequence[Policy], table: Table) -> Faults:
    """A warning for each stanza of a file's `policies` that is in force for no request of `table`.

    `table` was compiled at a time at which every override is live. O(routes × policies that meet in one).
    """
    in_force: set[tuple[str, str]] = set()
    winners: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for stanza, effective in _effects(table):
        winner = effective.origin
        if winner.source is Source.FILE:
            in_force.add((winner.policy, stanza))
        for _, loser in effective.losers:
            if loser.source is Source.FILE:
                winners[loser.policy, stanza].add(f"{winner.policy} ({winner.target})")
    idle = Faults()
    for index, policy in enumerate(policies):
        for stanza in _stanzas(policy.spec):
            if (policy.name, stanza) not in in_force:
                path: Path = ("policies", index, "spec", *stanza.split("."))
                what, fix = _why(policy, sorted(winners[policy.name, stanza]))
                idle.add(path, f"has no effect: {what}", fix)
    return idle


def _effects(table: Table) -> Iterator[tuple[str, Effective[Any]]]:
    """All that is in force, with the name of its stanza; a route that redirects uses neither time nor retries."""
    for settings in table.routes:
        yield "rateLimit", settings.rate_limit
        if settings.shadow_limit is not None:
            yield "rateLimit", settings.shadow_limit
        if settings.route.redirect is None:
            yield "timeout", settings.timeout
            yield "retry", settings.retry
    for breakers in (table.breakers, table.shadow_breakers):
        for breaker in breakers.values():
            yield "circuitBreaker", breaker
    for override in table.overrides.values():
        yield "circuitBreaker.override", override


def _stanzas(spec: Spec) -> Iterator[str]:
    """What the policy sets, by its path in `spec`; an override `Auto` sets nothing, and is meant to."""
    breaker = spec.circuit_breaker
    if breaker is not None:
        if (breaker.consecutive_failures, breaker.failure_rate, breaker.slow_calls) != (None, None, None):
            yield "circuitBreaker"
        if breaker.override is not None and breaker.override.state is not OverrideState.AUTO:
            yield "circuitBreaker.override"
    if spec.rate_limit is not None:
        yield "rateLimit"
    if spec.timeout is not None:
        yield "timeout"
    if spec.retry is not None:
        yield "retry"


def _why(policy: Policy, winners: Sequence[str]) -> tuple[str, str]:
    if not winners:
        targets = ", ".join(target_text(target) for target in policy.spec.targets)
        return f"no request meets it at {targets}", "name a target that forwards requests, or leave it out"
    more = f" and {len(winners) - _MAX_NAMES} more" if len(winners) > _MAX_NAMES else ""
    listed = ", ".join(winners[:_MAX_NAMES]) + more
    return f"{listed} beats it wherever it applies", "leave it out, or aim it at a more specific target"

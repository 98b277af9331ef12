"""Whom rejections hit, read from the running gateway: by limit rule and by route."""

from collections.abc import Mapping, Sequence

from app.admin.view import RejectedClient
from app.gateway.in_force import InForce
from app.limits.limiter import Limiter
from app.limits.memory import MemoryLimiter
from app.limits.rule import Rule
from app.policy.model import LimitKey
from app.telemetry.counts import Counts

__all__ = ["limited_clients", "rejected_clients"]


def limited_clients(
    in_force: InForce, counts: Counts, now_s: float
) -> Mapping[str, Sequence[RejectedClient]]:
    """By the identity of a limit rule in force: whom it rejected, most first. O(routes)."""
    rules = {rule.identity: rule for plan in in_force.plans.plans for rule in plan.rules}
    limiter = in_force.limiter
    return {
        identity: [
            RejectedClient(client, rejected, _remaining(limiter, rules[identity], client, now_s))
            for client, rejected in clients
        ]
        for identity, clients in counts.rejected.by_rule().items()
        if identity in rules
    }


def rejected_clients(counts: Counts) -> Mapping[str, Sequence[RejectedClient]]:
    """By route: clients with a name whose requests were rejected there, most first."""
    return {
        route: [RejectedClient(client, rejected) for client, rejected in clients]
        for route, clients in counts.rejected.by_route().items()
    }


def _remaining(limiter: Limiter, rule: Rule, client: str | None, now_s: float) -> int | None:
    """Requests that pass now; None where the client's name is not the bucket's key, or others count it too."""
    if not isinstance(limiter, MemoryLimiter) or client is None or rule.key is not LimitKey.CLIENT:
        return None
    numbers = rule.numbers
    if not numbers.requests:
        return 0
    return max(0, numbers.capacity // numbers.cost - limiter.used(rule, client.encode(), now_s))

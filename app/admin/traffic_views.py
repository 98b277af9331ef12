"""Upstreams and limits as the admin API shows them, as JSON-able values."""

from collections.abc import Sequence
from typing import cast

from app.admin.json_views import Shape
from app.config.table import Table
from app.dataplane.upstream.view import UpstreamView
from app.policy.limit_fields import RATE_LIMIT
from app.policy.model import RateLimit

__all__ = ["limits_shape", "upstreams_shape"]


def upstreams_shape(upstreams: Sequence[UpstreamView]) -> Shape:
    """`GET /v1/upstreams`. O(addresses)."""
    return {
        "upstreams": [
            {
                "name": upstream.name,
                "endpoints": [
                    {"address": each.address, "health": each.health.value, "inFlight": each.in_flight}
                    for each in upstream.endpoints
                ],
            }
            for upstream in upstreams
        ]
    }


def limits_shape(table: Table) -> Shape:
    """`GET /v1/limits`: the rules in force, each once, in the order of the routes. O(routes)."""
    rows: dict[str, Shape] = {}
    routes: dict[str, int] = {}
    for settings in table.routes:
        limit = settings.rate_limit.value
        if limit is None:
            continue
        policy = settings.rate_limit.origin.policy
        if f"{policy}/{limit.rules[0].name}" not in rows:
            rows.update(_rules(policy, limit))
        for rule in limit.rules:
            identity = f"{policy}/{rule.name}"
            routes[identity] = routes.get(identity, 0) + 1
    return {"limits": [{**row, "routes": routes[identity]} for identity, row in rows.items()]}


def _rules(policy: str, limit: RateLimit) -> dict[str, Shape]:
    """By identity, in the configuration file's vocabulary."""
    written = RATE_LIMIT.write(limit)
    rules, failure = cast("list[Shape]", written["rules"]), written["onStoreFailure"]
    return {
        f"{policy}/{rule['name']}": {"policy": policy, **rule, "onStoreFailure": failure} for rule in rules
    }

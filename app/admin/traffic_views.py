"""Problems, upstreams, limits and policies in Shadow mode as the admin API shows them, as JSON-able values."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from app.admin.json_views import routes_shape
from app.admin.shape import Shape
from app.admin.view import RejectedClient
from app.config.table import Table
from app.dataplane.upstream.view import UpstreamView
from app.policy.limit_fields import RATE_LIMIT
from app.policy.model import RateLimit

__all__ = ["limits_shape", "problems_found", "routes_with_clients", "shadow_results", "upstreams_shape"]


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


def routes_with_clients(table: Table, clients: Mapping[str, Sequence[RejectedClient]]) -> Shape:
    """`GET /v1/routes`: `clients`, by route: whom it rejected; a route that did not has no such field. O(routes)."""
    shape = routes_shape(table)
    for route in cast("list[Shape]", shape["routes"]):
        if rejected := clients.get(str(route["name"])):
            route["clients"] = [{"client": each.client, "rejected": each.rejected} for each in rejected]
    return shape


def limits_shape(table: Table, clients: Mapping[str, Sequence[RejectedClient]]) -> Shape:
    """`GET /v1/limits`: the rules in force, each once, in the order of the routes. O(routes).

    `clients`: by the rule's identity, whom it rejected, most first.
    """
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
    return {
        "limits": [
            {
                **row,
                "routes": routes[identity],
                "clients": [_client(each) for each in clients.get(identity, ())],
            }
            for identity, row in rows.items()
        ]
    }


def problems_found(panel: Mapping[str, object]) -> Shape:
    """`GET /v1/problems`: the monitor's panel `problems`, with RFC 3339 instants."""
    rows = cast("list[Shape]", panel["rows"])
    return {"total": panel["total"], "problems": [_problem(row) for row in rows]}


def _problem(row: Mapping[str, object]) -> Shape:
    edit = cast("Shape | None", row["edit"])
    since = _instant(cast("int", row["since"]))
    return {**row, "since": since, "edit": edit and {**edit, "at": _instant(cast("int", edit["at"]))}}


def shadow_results(panel: Mapping[str, object]) -> Shape:
    """`GET /v1/shadows`: the monitor's panel `shadows`, with RFC 3339 instants."""
    rows = cast("list[Shape]", panel["rows"])
    return {
        "shadows": [{**row, "since": row["since"] and _instant(cast("int", row["since"]))} for row in rows],
        "more": panel["more"],
    }


def _instant(ms: int) -> str:
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _client(each: RejectedClient) -> Shape:
    return {"client": each.client, "rejected": each.rejected, "remaining": each.remaining}


def _rules(policy: str, limit: RateLimit) -> dict[str, Shape]:
    """By identity, in the configuration file's vocabulary."""
    written = RATE_LIMIT.write(limit)
    rules, failure = cast("list[Shape]", written["rules"]), written["onStoreFailure"]
    return {
        f"{policy}/{rule['name']}": {"policy": policy, **rule, "onStoreFailure": failure} for rule in rules
    }

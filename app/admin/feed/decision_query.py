"""Which decisions about requests a viewer of the monitor asks for, read from its messages. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.admin.commands import BadField
from app.admin.decision_views import read_mark
from app.telemetry.decisions import Filter, Mark

__all__ = ["DecisionQuery", "read_decision_query", "read_request_id"]

_MOST_ROWS, _LONGEST_NAME = 100, 300


@dataclass(frozen=True, slots=True)
class DecisionQuery:
    """The last `limit` decisions that are `wanted`; with `after` only newer ones."""

    wanted: Filter
    limit: int
    after: Mark | None


def read_decision_query(fields: Mapping[str, object]) -> DecisionQuery:
    """What `decisions` asks for. Raises BadField."""
    reason, route, client, breaker, policy, after = (
        _name(fields, name) for name in ("reason", "route", "client", "breaker", "policy", "after")
    )
    limit = fields.get("limit", _MOST_ROWS)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= _MOST_ROWS:
        raise BadField(f"limit: must be a whole number from 1 to {_MOST_ROWS}")
    try:
        mark = read_mark(after) if after else None
    except ValueError as wrong:
        raise BadField(f"after: {wrong}") from None
    return DecisionQuery(Filter(reason, route, client, breaker, policy), limit, mark)


def read_request_id(fields: Mapping[str, object]) -> str:
    """Whose decision `decision` asks for. Raises BadField."""
    request_id = _name(fields, "requestId")
    if not request_id:
        raise BadField("requestId: is missing; name the X-Request-ID of a response")
    return request_id


def _name(fields: Mapping[str, object], name: str) -> str:
    """The text of a field; "" where it is absent. Raises BadField."""
    given = fields.get(name, "")
    if not isinstance(given, str) or len(given) > _LONGEST_NAME:
        raise BadField(f"{name}: must be a text of up to {_LONGEST_NAME} characters")
    return given

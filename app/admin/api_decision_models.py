"""The bodies of `/v1/decisions`, for the admin API's OpenAPI description."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

__all__ = ["DecisionOut", "DecisionsOut"]

_DECISION: dict[str, JsonValue] = {
    "requestId": "5f2b6c1d9a3e4f708192000000000017",
    "traceId": None,
    "at": "2027-01-15T08:00:00.250Z",
    "route": "orders",
    "runnerUp": "default",
    "client": "acme",
    "tier": "gold",
    "method": "GET",
    "status": 502,
    "grpcStatus": None,
    "reason": "upstream_connect",
    "error": "orders at 10.0.0.5:8080: Connection refused",
    "policy": None,
    "generation": None,
    "rules": [{"rule": "per-client", "remaining": 41}],
    "limitsShared": False,
    "breaker": {"name": "orders", "state": "closed"},
    "attempts": [{"endpoint": "10.0.0.5:8080", "outcome": "upstream_connect", "headMs": None, "endMs": 0.8}],
    "durationMs": 1.1,
}


class RuleOut(BaseModel):
    rule: str
    remaining: Annotated[int, Field(description="requests that it had left after this one")]


class MetBreakerOut(BaseModel):
    name: str
    state: Annotated[
        str, Field(description="that the request met; half_open: it was a probe, or rejected as none")
    ]


class AttemptOut(BaseModel):
    """Times are milliseconds since the request came."""

    endpoint: Annotated[str | None, Field(description="null: no address was known")]
    outcome: Annotated[
        str,
        Field(
            description="status_200 and the like, a reason word, stale_connection, unprocessed or client_gone"
        ),
    ]
    headMs: Annotated[float | None, Field(description="the response's head; null: none came")]
    endMs: float


class DecisionOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [_DECISION]})

    requestId: str
    traceId: str | None
    at: str
    route: str | None
    runnerUp: Annotated[
        str | None, Field(description="the route that takes such a request without `route`; null: none does")
    ]
    client: Annotated[str | None, Field(description="name of the key; null without one")]
    tier: str | None
    method: str
    status: Annotated[int, Field(description="0: the client left before a response began")]
    grpcStatus: Annotated[
        str | None,
        Field(description="UNAVAILABLE and the like, which counts as `status`; null: no gRPC call"),
    ]
    reason: Annotated[str, Field(description='reason word; "": the upstream\'s own response')]
    error: Annotated[str, Field(description='what went wrong, for people; "" for nothing')]
    policy: Annotated[str | None, Field(description="whose limit, breaker or timeout ended the request")]
    generation: Annotated[int | None, Field(description="of that resource; null for a policy of the file")]
    rules: list[RuleOut]
    limitsShared: Annotated[
        bool,
        Field(
            description="limits of scope Global are counted in a shared store: of those, `remaining` is what this "
            "gateway held and what the store held at its last reply"
        ),
    ]
    breaker: MetBreakerOut | None
    attempts: list[AttemptOut]
    durationMs: float


class DecisionsOut(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "decisions": [_DECISION],
                    "oldest": "2027-01-15T03:12:04.000Z",
                    "mark": "1800000000250-17",
                    "omitted": 0,
                    "overwritten": 0,
                    "restarted": False,
                }
            ]
        }
    )

    decisions: Annotated[list[DecisionOut], Field(description="newest first")]
    oldest: Annotated[str | None, Field(description="how far back they reach; null: there are none")]
    mark: Annotated[str | None, Field(description="for `after` of the next call; null: none are kept")]
    omitted: Annotated[int, Field(description="with `after`: others that are newer, more than `limit`")]
    overwritten: Annotated[
        int, Field(description="with `after`: newer ones that are gone already, whatever they were")
    ]
    restarted: Annotated[bool, Field(description="`after` is of a process before this one")]

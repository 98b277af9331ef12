"""The bodies of `/v1/problems`, `/v1/upstreams`, `/v1/limits`, `/v1/shadows`, for the API's OpenAPI description."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.dataplane.upstream.view import Health

__all__ = ["LimitsOut", "FoundProblemsOut", "ShadowsOut", "UpstreamsOut"]


class EndpointOut(BaseModel):
    address: Annotated[str, Field(description="IP and port; name and port while the name is not resolved")]
    health: Annotated[
        Health,
        Field(
            description="unhealthy: its checks fail, or five requests in a row did; ejected: out of rotation for "
            "a while after failures; unknown: neither response nor check so far"
        ),
    ]
    inFlight: Annotated[int, Field(description="attempts under way")]


class UpstreamOut(BaseModel):
    name: str
    endpoints: list[EndpointOut]


class UpstreamsOut(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "upstreams": [
                        {
                            "name": "orders",
                            "endpoints": [{"address": "10.0.0.5:8080", "health": "healthy", "inFlight": 3}],
                        }
                    ]
                }
            ]
        }
    )

    upstreams: list[UpstreamOut]


class LimitedClientOut(BaseModel):
    client: Annotated[str | None, Field(description="the name of its key; null: all requests without one")]
    rejected: Annotated[
        int, Field(description="in the last 10 to 20 minutes, by this gateway; at most 1/64 of all too high")
    ]
    remaining: Annotated[
        int | None,
        Field(description="requests that pass now; null where the key is no client or a shared store counts"),
    ]


class LimitOut(BaseModel):
    """A rule in the configuration file's vocabulary. `routes`: on how many routes it is in force."""

    policy: Annotated[str, Field(description="the policy that it is of, or RATE_LIMIT")]
    name: str
    key: str
    requests: int
    period: str
    burst: int
    scope: str
    onStoreFailure: str
    header: str | None = None
    tiers: list[str] = []
    routes: int
    clients: Annotated[list[LimitedClientOut], Field(description="whom it rejected, most first; at most 64")]


class LimitsOut(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "limits": [
                        {
                            "policy": "orders",
                            "name": "per-client",
                            "key": "Client",
                            "requests": 100,
                            "period": "1m",
                            "burst": 100,
                            "scope": "Global",
                            "onStoreFailure": "Local",
                            "routes": 2,
                            "clients": [{"client": "acme", "rejected": 711, "remaining": 0}],
                        }
                    ]
                }
            ]
        }
    )

    limits: list[LimitOut]


class EnforceOut(BaseModel):
    """What puts the policy in force, to copy."""

    where: Annotated[str, Field(description="the file to edit, or the command that takes it")]
    text: str


class ShadowOut(BaseModel):
    """A policy in Shadow mode that judges traffic now; its two stanzas as in a policy."""

    policy: str
    source: Annotated[str, Field(description="`file` or `resource`")]
    targets: list[str]
    since: Annotated[
        str | None, Field(description="since when is counted, where its settings are younger than 10 minutes")
    ]
    rejected: Annotated[dict[str, int], Field(description="by reason, what it would have rejected")]
    opened: Annotated[int, Field(description="how often its breakers would have opened")]
    rateLimit: dict[str, JsonValue] | None
    circuitBreaker: dict[str, JsonValue] | None
    enforce: EnforceOut


class ShadowsOut(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "shadows": [
                        {
                            "policy": "limits-trial",
                            "source": "resource",
                            "targets": ["Gateway"],
                            "since": "2027-01-15T08:00:00.250Z",
                            "rejected": {"rate_limited": 711},
                            "opened": 0,
                            "rateLimit": {"rules": [{"name": "per-client", "key": "Client", "requests": 18}]},
                            "circuitBreaker": {"consecutiveFailures": 3},
                            "enforce": {
                                "where": "kubectl",
                                "text": "kubectl patch rsp limits-trial --type merge",
                            },
                        }
                    ],
                    "more": 0,
                }
            ]
        }
    )

    shadows: Annotated[list[ShadowOut], Field(description="those that would have rejected most; at most 20")]
    more: Annotated[int, Field(description="policies that are not listed")]


class ProblemEditOut(BaseModel):
    """The edit that began it, as in `/v1/config/history`."""

    sequence: int
    at: str


class FoundProblemOut(BaseModel):
    """`kind` says which further fields there are, as in the monitor's panel `problems` (docs/monitor-protocol.md)."""

    model_config = ConfigDict(extra="allow")

    kind: Annotated[str, Field(description="limit, breaker, errors, slow, config_rejected, overload, …")]
    subject: Annotated[str, Field(description='the breaker, `policy/rule`, the source; "": the gateway')]
    lostPerS: Annotated[float, Field(description="requests lost to it per second")]
    share: Annotated[float | None, Field(description="of all requests; null without any")]
    since: str
    edit: ProblemEditOut | None


class FoundProblemsOut(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "total": 1,
                    "problems": [
                        {
                            "kind": "limit",
                            "subject": "defaults/per-client",
                            "lostPerS": 20.1,
                            "share": 0.67,
                            "since": "2027-01-15T08:00:00.250Z",
                            "edit": {"sequence": 8, "at": "2027-01-15T08:00:00.250Z"},
                            "rule": "per-client",
                            "key": "Client",
                            "requests": 18,
                            "periodS": 60,
                            "ownShare": 0.67,
                        }
                    ],
                }
            ]
        }
    )

    total: int
    problems: Annotated[
        list[FoundProblemOut], Field(description="the one that loses most requests first; at most 20")
    ]

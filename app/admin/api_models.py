"""The bodies of the admin API, for checking what comes in and for its OpenAPI description."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema, model_validator

from app.admin.commands import LONGEST_WHO, LONGEST_WHY, one_line, override_s
from app.breaker.values import Cause

__all__ = [
    "BreakerOut",
    "BreakerWithHistoryOut",
    "BreakersOut",
    "ConfigOut",
    "OverrideIn",
    "ProblemOut",
    "RoutesOut",
]

StateWord = Literal["closed", "open", "half_open"]
_AT = "2027-01-15T08:00:00.250Z"
_OVERRIDE: dict[str, JsonValue] = {
    "state": "open",
    "until": _AT,
    "by": "Ada",
    "why": "rehearsal of the outage plan",
}
_BREAKER: dict[str, JsonValue] = {
    "name": "orders",
    "state": "open",
    "since": _AT,
    "notClosedSince": _AT,
    "failedProbes": 0,
    "reason": "consecutive_failures",
    "failuresInRow": 3,
    "threshold": 3,
    "window": {"period": "10s", "requests": 12, "failures": 3, "slow": 0},
    "probesInFlight": 0,
    "nextProbeInSeconds": 7.5,
    "rejections": {"open": 41, "half_open": 0},
    "traffic": {"requestsPerS": 0.2, "rejectedPerS": 4.1, "errorShare": 1.0},
    "override": _OVERRIDE,
    "lastError": {"at": _AT, "reason": "upstream_timeout", "detail": "orders did not respond within 30 s"},
}
_TRANSITION: dict[str, JsonValue] = {
    "from": "closed",
    "to": "open",
    "at": _AT,
    "reason": "consecutive_failures",
    "error": "upstream_timeout: orders did not respond within 30 s",
    "heldSeconds": 86.25,
}
_ORIGIN: dict[str, JsonValue] = {"source": "file", "policy": "orders", "target": "Route/orders"}


def _example(example: JsonValue) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


def _who(given: object) -> str | None:
    return one_line(given, LONGEST_WHO)


def _why(given: object) -> str | None:
    return one_line(given, LONGEST_WHY)


class OverrideIn(BaseModel):
    """Holds a breaker `open` or `closed` for a while (1 s to 1 h); `auto` ends that."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"state": "open", "for": "60s", "who": "Ada", "why": "rehearsal of the outage plan"},
                {"state": "auto"},
            ]
        },
    )

    state: Literal["open", "closed", "auto"]
    for_s: Annotated[
        float | None,
        BeforeValidator(override_s),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}]}),
        Field(alias="for", description="Go style duration, or seconds; wanted for `open` and `closed`"),
    ] = None
    who: Annotated[str | None, BeforeValidator(_who), Field(description="for events and log")] = None
    why: Annotated[str | None, BeforeValidator(_why), Field(description="for events and log")] = None

    @model_validator(mode="after")
    def _ends(self) -> "OverrideIn":
        if self.state != "auto" and self.for_s is None:
            raise ValueError("an override needs an end; add for, like 60s (1s to 1h)")
        return self


class OverrideOut(BaseModel):
    model_config = _example(_OVERRIDE)

    state: Literal["open", "closed"]
    until: Annotated[str, Field(description="RFC 3339; it ends by itself")]
    by: str
    why: Annotated[str, Field(description='"" where no reason was given')]


class WindowOut(BaseModel):
    """Results of the last `period`. While the breaker is open, no request is sent, so nothing is added."""

    period: str
    requests: int
    failures: int
    slow: int


class BreakerTrafficOut(BaseModel):
    """What met it in the last 10 s."""

    requestsPerS: Annotated[float, Field(description="sent to the upstream")]
    rejectedPerS: Annotated[float, Field(description="rejected by the breaker")]
    errorShare: Annotated[float | None, Field(description="of those sent; null where none was")]


class FailureOut(BaseModel):
    at: str
    reason: Annotated[str, Field(description="a reason word, or `status_503`")]
    detail: str


class BreakerOut(BaseModel):
    """`state` is what requests meet; instants are RFC 3339; what does not apply now is null."""

    model_config = _example(_BREAKER)

    name: Annotated[str, Field(description="`upstream`, or `upstream@route`")]
    state: StateWord
    since: str
    notClosedSince: Annotated[
        str | None, Field(description="the moment it left closed; failed probes and edits do not move it")
    ]
    failedProbes: Annotated[int, Field(description="probes that failed since then; 0 while closed")]
    reason: Annotated[Cause | None, Field(description="why it came into this state; null until it moved")]
    failuresInRow: int
    threshold: Annotated[int | None, Field(description="failures in a row that open it")]
    window: WindowOut
    probesInFlight: int
    nextProbeInSeconds: float | None
    rejections: Annotated[
        dict[str, int], Field(description="requests rejected, by the state that rejected them")
    ]
    traffic: BreakerTrafficOut
    override: OverrideOut | None
    lastError: Annotated[FailureOut | None, Field(description="the last failure that counted")]


class TransitionOut(BaseModel):
    model_config = _example(_TRANSITION)

    from_: Annotated[StateWord, Field(alias="from")]
    to: StateWord
    at: str
    reason: Cause
    error: Annotated[str, Field(description='the failure that opened it, "" for any other move')]
    heldSeconds: Annotated[float, Field(description="how long it had been in `from`")]


class BreakersOut(BaseModel):
    model_config = _example({"breakers": [_BREAKER]})

    breakers: list[BreakerOut]


class BreakerWithHistoryOut(BreakerOut):
    """With its last transitions, newest first (at most 100)."""

    model_config = _example({**_BREAKER, "transitions": [_TRANSITION]})

    transitions: list[TransitionOut]


class RoutesOut(BaseModel):
    """Each route with the settings in force for it, in the configuration file's vocabulary."""

    model_config = _example(
        {
            "sequence": 7,
            "routes": [
                {
                    "name": "orders",
                    "match": {"hosts": ["api.example.com"], "path": {"prefix": "/orders"}},
                    "auth": "key",
                    "upstreams": [{"name": "orders", "weight": 1, "breaker": "orders"}],
                    "timeout": {"request": "30s", "perTry": "0s", "connect": "5s", "idle": "60s"},
                }
            ],
        }
    )

    sequence: int
    routes: list[dict[str, object]]


class RejectionOut(BaseModel):
    """A configuration that is not in force; the last good one is."""

    model_config = _example(
        {
            "at": _AT,
            "source": "gateway.yaml",
            "faults": ["gateway.yaml:3: routs: is unknown; it must be routes"],
        }
    )

    at: str
    source: Annotated[str, Field(description="the file's path, `sync` or `configmap`")]
    faults: list[str]


class IdentityOut(BaseModel):
    """`pod`: the host outside a cluster; null where nothing says it."""

    pod: str
    gateway: str | None
    namespace: str | None
    node: str | None


class WorkerOut(BaseModel):
    """`pid`: null while it is gone. `since`: the start of its process."""

    number: int
    state: Literal["starting", "ready", "gone"]
    pid: int | None
    since: str
    restarts: int


class ConfigOut(BaseModel):
    """Each stanza: `value`, `origin` (`source`, `policy`, `target`) and the `losers` it beat."""

    model_config = _example(
        {
            "identity": {
                "pod": "gateway-7d9f-abcde",
                "gateway": "shop",
                "namespace": "tidegate",
                "node": "node-3",
            },
            "workers": [],
            "sequence": 7,
            "rejected": None,
            "snapshot": None,
            "listeners": [
                {
                    "name": "web",
                    "port": 8443,
                    "protocol": "https",
                    "hosts": ["shop.example.com"],
                    "certificates": ["shop"],
                    "open": True,
                    "fault": None,
                }
            ],
            "routes": {
                "orders": {
                    "retry": {
                        "value": None,
                        "origin": {"source": "built-in", "policy": "built-in", "target": "Gateway"},
                        "losers": [],
                    },
                    "breakers": ["orders"],
                }
            },
            "breakers": {
                "orders": {
                    "value": {"consecutiveFailures": 3, "openDuration": "10s", "halfOpenRequests": 1},
                    "origin": _ORIGIN,
                    "losers": [],
                }
            },
            "overrides": {},
            "shadows": {"breakers": {}, "rateLimits": {}},
            "upstreams": {"orders": {"endpoints": ["http://10.0.0.5:8080"]}},
            "keys": [{"name": "acme", "tier": "gold"}],
        }
    )

    identity: IdentityOut
    workers: Annotated[
        list[WorkerOut], Field(description="processes that serve the public port; none where it is one alone")
    ]
    sequence: int
    rejected: Annotated[
        RejectionOut | None, Field(description="what is not in force, until its source is valid again")
    ]
    snapshot: Annotated[
        dict[str, object] | None, Field(description="the cluster's policies in force; null without a cluster")
    ]
    listeners: Annotated[
        list[dict[str, object]],
        Field(description="further ports, each whether it is open; `fault`: what is wrong"),
    ]
    routes: dict[str, dict[str, object]]
    breakers: dict[str, dict[str, object]]
    overrides: dict[str, dict[str, object]]
    shadows: dict[str, dict[str, dict[str, object]]]
    upstreams: dict[str, dict[str, object]]
    keys: list[dict[str, object]]


class ProblemOut(BaseModel):
    """A problem, as RFC 9457 defines it."""

    model_config = _example(
        {
            "title": "Bad Request",
            "status": 400,
            "detail": "for: is out of range; it may be 1s to 1h",
            "errors": [{"field": "for", "what": "is out of range; it may be 1s to 1h"}],
        }
    )

    title: str
    status: int
    detail: str
    errors: Annotated[
        list[dict[str, str]], Field(description="on 400: each wrong field and what is wrong with it")
    ] = []

"""The values that a ResiliencePolicy can set; every default of the area stands on this page.

Durations are seconds (float), instants are seconds since the epoch. What a document calls each value, its bounds
and its meaning: `breaker_fields`, `limit_fields`, `traffic_fields`, `spec_fields`. Hierarchy: `merge`.
"""

from dataclasses import dataclass
from enum import StrEnum

from app.policy.kind import GROUP

__all__ = [
    "MAX_REQUESTS",
    "Backoff",
    "BreakerOverride",
    "BreakerState",
    "CircuitBreaker",
    "FailureRate",
    "LimitKey",
    "LimitRule",
    "Mode",
    "OnStoreFailure",
    "OverrideState",
    "Policy",
    "RateLimit",
    "Retry",
    "RetryBudget",
    "RetryOn",
    "Scope",
    "SlowCalls",
    "Spec",
    "TargetGroup",
    "TargetKind",
    "TargetRef",
    "Timeout",
]

MAX_REQUESTS = 1_000_000_000
"""Of a limit in its period: so it may be there only to count, and still fits an int32."""


class TargetGroup(StrEnum):
    """Whose kinds a target is of: a gateway's own configuration, the Gateway API's, or Kubernetes' core."""

    TIDEGATE = GROUP
    GATEWAY_API = "gateway.networking.k8s.io"
    CORE = ""


class TargetKind(StrEnum):
    """`Gateway` is a kind of two groups; the group tells which."""

    GATEWAY = "Gateway"
    UPSTREAM = "Upstream"
    ROUTE = "Route"
    HTTP_ROUTE = "HTTPRoute"
    GRPC_ROUTE = "GRPCRoute"
    SERVICE = "Service"


class Mode(StrEnum):
    ENFORCE = "Enforce"
    SHADOW = "Shadow"


class OverrideState(StrEnum):
    """What an override asks for; AUTO ends one."""

    AUTO = "Auto"
    OPEN = "Open"
    CLOSED = "Closed"

    @classmethod
    def named(cls, word: str) -> "OverrideState":
        """In any case: policies write `Open`, the admin API `open`. Raises ValueError for another word."""
        return cls(word.capitalize())


class BreakerState(StrEnum):
    """What a breaker is in; the words of the API, the metrics and the status."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class LimitKey(StrEnum):
    """Who shares a bucket."""

    CLIENT = "Client"
    CLIENT_IP = "ClientIP"
    HEADER = "Header"
    GLOBAL = "Global"


class Scope(StrEnum):
    """Where a limit is counted: once for all gateways, or in each gateway process."""

    GLOBAL = "Global"
    LOCAL = "Local"


class OnStoreFailure(StrEnum):
    OPEN = "Open"
    CLOSED = "Closed"
    LOCAL = "Local"


@dataclass(frozen=True, slots=True)
class TargetRef:
    """`name` is None only for a Gateway ref of our group that means every gateway.

    `section`: the name of one rule of an HTTPRoute or GRPCRoute; None: all of it.
    """

    kind: TargetKind
    name: str | None = None
    group: TargetGroup = TargetGroup.TIDEGATE
    section: str | None = None

    @property
    def is_object(self) -> bool:
        """Whether it is an object of the cluster, not a part of a gateway's own configuration."""
        return self.group is not TargetGroup.TIDEGATE


@dataclass(frozen=True, slots=True)
class FailureRate:
    """Opens when `percent` of at least `minimum_requests` in the last `window_s` failed."""

    percent: int
    window_s: float = 10.0
    minimum_requests: int = 20


@dataclass(frozen=True, slots=True)
class SlowCalls:
    """Opens when `percent` of the responses in `FailureRate`'s window had a head later than `threshold_s`."""

    percent: int
    threshold_s: float


@dataclass(frozen=True, slots=True)
class BreakerOverride:
    """`until_wall_s` is None only with AUTO."""

    state: OverrideState = OverrideState.AUTO
    until_wall_s: float | None = None


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """`failure_on`: every status that counts as a failure (expanded: `5xx` is 500–599)."""

    consecutive_failures: int | None = None
    failure_rate: FailureRate | None = None
    slow_calls: SlowCalls | None = None
    open_duration_s: float = 10.0
    half_open_requests: int = 1
    failure_on: frozenset[int] = frozenset(range(500, 600))
    override: BreakerOverride | None = None


@dataclass(frozen=True, slots=True)
class LimitRule:
    """A GCRA bucket of `burst` requests, refilled with `requests` evenly over `period_s`.

    `requests` 0 rejects all. `tiers` empty: covers the tiers no other rule of the stanza names.
    """

    name: str
    key: LimitKey
    requests: int
    period_s: float
    burst: int
    header: str | None = None
    tiers: frozenset[str] = frozenset()
    scope: Scope = Scope.GLOBAL


@dataclass(frozen=True, slots=True)
class RateLimit:
    rules: tuple[LimitRule, ...]
    on_store_failure: OnStoreFailure = OnStoreFailure.LOCAL


@dataclass(frozen=True, slots=True)
class Timeout:
    """0 means off. `request_s`: to the head of the response; `idle_s`: no byte though more are due."""

    request_s: float = 30.0
    per_try_s: float = 0.0
    connect_s: float = 5.0
    idle_s: float = 60.0


@dataclass(frozen=True, slots=True)
class RetryBudget:
    percent: int = 20
    interval_s: float = 10.0
    min_retries_per_s: int = 10


@dataclass(frozen=True, slots=True)
class Backoff:
    """The pause before a further attempt, at random: at least `min_s`, at most what grows from `base_s` to `max_s`."""

    base_s: float = 0.025
    max_s: float = 0.25
    min_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RetryOn:
    """`failures`: subset of `ConnectError`, `Reset`, `Timeout`; `statuses`: expanded."""

    failures: frozenset[str] = frozenset({"ConnectError"})
    statuses: frozenset[int] = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class Retry:
    """`attempts`: further ones after the first."""

    attempts: int
    backoff: Backoff = Backoff()
    on: RetryOn = RetryOn()
    budget: RetryBudget = RetryBudget()


@dataclass(frozen=True, slots=True)
class Spec:
    """`targets`: 1–16, unique. At least one stanza is set. A stanza that is None says nothing."""

    targets: tuple[TargetRef, ...]
    mode: Mode = Mode.ENFORCE
    circuit_breaker: CircuitBreaker | None = None
    rate_limit: RateLimit | None = None
    timeout: Timeout | None = None
    retry: Retry | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """`namespace`: that of a custom resource, where its targets are; None for a policy of a file."""

    name: str
    spec: Spec
    namespace: str | None = None

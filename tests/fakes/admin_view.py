"""A gateway as the admin API sees it, without one: real breakers and a real table, a standing clock."""

import re
from collections.abc import Callable, Mapping, Sequence

from app.admin.identity import Identity, WorkerView
from app.admin.listener_view import ListenerView
from app.admin.view import RejectedClient
from app.breaker.registry import Breakers
from app.breaker.transitions import BreakerTransition
from app.breaker.view import BreakerView
from app.config.edits import Change, Edit
from app.config.inverse import Action, Inverse
from app.config.model import (
    Auth,
    Endpoint,
    HeaderEdits,
    HealthCheck,
    KeyEntry,
    KeyScheme,
    Match,
    PathKind,
    Redirect,
    Rewrite,
    Route,
    RouteName,
    Upstream,
    UpstreamName,
    UpstreamTls,
    ValueMatch,
    WeightedUpstream,
)
from app.config.rejection import Rejection
from app.config.table import RouteSettings, Table
from app.dataplane.upstream.view import EndpointView, Health, UpstreamView
from app.policy.effective import Effective, Origin, Source
from app.policy.model import (
    BreakerOverride,
    CircuitBreaker,
    FailureRate,
    LimitKey,
    LimitRule,
    OverrideState,
    RateLimit,
    Retry,
    SlowCalls,
    Timeout,
)
from app.telemetry.decisions import DecisionRing
from app.telemetry.history_sample import NO_TRAFFIC, BreakerTraffic

__all__ = ["EDITS", "NOW_S", "WALL_S", "FakeView", "full_table"]

NOW_S = 1000.0
WALL_S = 1_800_000_000.25  # 2027-01-15T08:00:00.250Z

BUILT_IN = Origin(Source.BUILT_IN, "built-in", "Gateway")
VARIABLE = Origin(Source.ENVIRONMENT, "RATE_LIMIT", "Gateway")
FILE = Origin(Source.FILE, "orders-policy", "Route/orders")
TOKEN = "token-1"
DIGEST = b"\xd1" * 32
PER_CLIENT = RateLimit((LimitRule("per-client", LimitKey.CLIENT, 100, 60.0, 100),))
BY_HEADER = RateLimit(
    (LimitRule("tenants", LimitKey.HEADER, 5, 1.0, 8, header="X-Tenant", tiers=frozenset({"gold", "free"})),)
)
EVERY_WAY = CircuitBreaker(
    consecutive_failures=3,
    failure_rate=FailureRate(50),
    slow_calls=SlowCalls(80, 0.25),
    failure_on=frozenset({429, *range(500, 600)}),
    override=BreakerOverride(OverrideState.OPEN, WALL_S),
)


def _routes(cache: UpstreamName, canary: UpstreamName) -> tuple[RouteSettings, ...]:
    plain = RouteSettings(
        Route(RouteName("default"), Match(), (WeightedUpstream(cache),), not_forwarded=frozenset({"/stats"})),
        Effective(PER_CLIENT, VARIABLE),
        Effective(Timeout(), BUILT_IN),
        Effective(None, BUILT_IN),
        ("cache",),
    )
    match = Match(
        ("api.example.com",),
        PathKind.EXACT,
        "/orders",
        ("GET", "POST"),
        (ValueMatch("x-beta", "yes"), ValueMatch("x-id", pattern=re.compile("[0-9]+"))),
        (ValueMatch("v", "2"),),
    )
    orders = RouteSettings(
        Route(
            RouteName("orders"),
            match,
            (WeightedUpstream(cache, 9), WeightedUpstream(canary)),
            Rewrite(path="/", host="orders.internal"),
            HeaderEdits(set=(("Authorization", "upstream-secret"),), remove=("X-Debug",)),
            HeaderEdits(add=(("X-Served-By", "tidegate"),)),
            auth=Auth.NONE,
        ),
        Effective(BY_HEADER, FILE, ((PER_CLIENT, VARIABLE),)),
        Effective(Timeout(request_s=1.5, per_try_s=0.5), FILE, ((Timeout(), BUILT_IN),)),
        Effective(Retry(2), FILE, ((None, BUILT_IN),)),
        ("cache@orders", "canary@orders"),
    )
    away = RouteSettings(
        Route(RouteName("away"), Match(path="/old"), (), redirect=Redirect(301, host="new.example.com")),
        Effective(None, VARIABLE),
        Effective(Timeout(), BUILT_IN),
        Effective(None, BUILT_IN),
        (),
    )
    return plain, orders, away


def full_table() -> Table:
    """Two routes that use every field of the configuration between them, and one that redirects."""
    cache, canary = UpstreamName("cache"), UpstreamName("canary")
    return Table(
        7,
        _routes(cache, canary),
        {
            cache: Upstream(cache, (Endpoint("localhost", 8081), Endpoint("::1", 8081))),
            canary: Upstream(
                canary,
                (Endpoint("10.0.0.6", 443, tls=True),),
                UpstreamTls("/etc/ca.pem", "canary.internal"),
                HealthCheck("/livez"),
            ),
        },
        {
            "cache": Effective(CircuitBreaker(3), BUILT_IN),
            "cache@orders": Effective(EVERY_WAY, FILE, ((CircuitBreaker(3), BUILT_IN),)),
            "canary@orders": Effective(EVERY_WAY, FILE),
        },
        (
            KeyEntry("acme", KeyScheme.SHA256, DIGEST, "gold", WALL_S),
            KeyEntry("default", KeyScheme.SHA256, DIGEST),
        ),
    )


EDITS = (
    Edit(
        WALL_S,
        7,
        "gw.yaml",
        (
            Change("Gateway", "rateLimit", "rules.per-client.requests", 1800, 18, "file", "defaults"),
            Change("Route/orders", "retry", "attempts", None, 2, "resource", "shop/orders", 4),
        ),
        inverse=(Inverse("defaults", Action.CHANGE, "gw.yaml", "policies: []\n"),),
    ),
)


PROBLEMS: Mapping[str, object] = {
    "total": 1,
    "rows": [
        {
            "kind": "limit",
            "subject": "defaults/per-client",
            "lostPerS": 20.1,
            "share": 0.67,
            "since": 1_800_000_000_250,
            "edit": {"sequence": 7, "at": 1_800_000_000_250},
            "rule": "per-client",
            "key": "Client",
            "requests": 18,
            "periodS": 60.0,
            "ownShare": 0.68,
        }
    ],
}
SHADOWS: Mapping[str, object] = {
    "rows": [
        {
            "policy": "limits-trial",
            "source": "file",
            "targets": ["Gateway"],
            "since": 1_800_000_000_250,
            "rejected": {"rate_limited": 711, "breaker_open": 11},
            "opened": 3,
            "rateLimit": None,
            "circuitBreaker": None,
            "enforce": {"where": "gw.yaml", "text": "…"},
        }
    ],
    "more": 0,
}


class FakeView:
    """An `AdminView`. `checks`: what `ready` tells; `admin_token`: as configured; both may be changed."""

    def __init__(self, admin_token: str | None = TOKEN, table: Table | None = None) -> None:
        self.admin_token = admin_token
        self.identity = Identity("gateway-7d9f-abcde", "shop", "tidegate", None)
        self.checks: dict[str, object] = {}
        self.serving: Sequence[WorkerView] = ()
        self.listening: Sequence[ListenerView] = ()
        self.rejection: Rejection | None = None
        self.accepted: list[str] = []
        self.decisions: DecisionRing | None = DecisionRing(3)
        self.traffic: dict[str, BreakerTraffic] = {}
        self._table = table or full_table()
        self._breakers = Breakers(lambda: WALL_S)
        for name, settings in self._table.breakers.items():
            self._breakers.get(name, settings.value)

    def workers(self) -> Sequence[WorkerView]:
        return self.serving

    def listeners(self) -> Sequence[ListenerView]:
        return self.listening

    def ready(self) -> tuple[bool, Mapping[str, object]]:
        return not self.checks, self.checks

    def rejected(self) -> Rejection | None:
        return self.rejection

    def edits(self) -> Sequence[Edit]:
        return EDITS

    def metrics(self, accept: str) -> Callable[[], tuple[str, bytes]]:
        self.accepted.append(accept)
        return lambda: ("application/openmetrics-text; version=1.0.0", b"# EOF\n")

    def table(self) -> Table:
        return self._table

    def breakers(self) -> Sequence[BreakerView]:
        return [breaker.view(NOW_S, WALL_S) for breaker in self._breakers.all()]

    def breaker(self, name: str) -> BreakerView | None:
        breaker = self._breakers.known(name)
        return breaker.view(NOW_S, WALL_S) if breaker else None

    def breaker_traffic(self, name: str) -> BreakerTraffic:
        return self.traffic.get(name, NO_TRAFFIC)

    def problems(self) -> Mapping[str, object]:
        return PROBLEMS

    def shadows(self) -> Mapping[str, object]:
        return SHADOWS

    def upstreams(self) -> Sequence[UpstreamView]:
        endpoints = (
            EndpointView("127.0.0.1:8081", Health.HEALTHY, 3),
            EndpointView("[::1]:8081", Health.EJECTED, 0),
        )
        return [UpstreamView("cache", endpoints), UpstreamView("canary", ())]

    def limited_clients(self) -> Mapping[str, Sequence[RejectedClient]]:
        return {"RATE_LIMIT/per-client": [RejectedClient("acme", 711, 0), RejectedClient(None, 3)]}

    def rejected_clients(self) -> Mapping[str, Sequence[RejectedClient]]:
        return {"default": [RejectedClient("acme", 712)]}

    def transitions(self, name: str) -> Sequence[BreakerTransition]:
        return self._breakers.transitions(name)

    def override(self, name: str, state: OverrideState, for_s: float, by: str, why: str = "") -> None:
        breaker = self._breakers.known(name)
        assert breaker is not None
        breaker.override(state, for_s, by, NOW_S, WALL_S, why)

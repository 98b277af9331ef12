"""A table bound to what lives on across reloads: breakers, upstreams, cells, retry budgets.

One `RoutePlan` per route holds everything a request needs, found once; `Plans` is swapped as a whole. What
the table alone says is planned in any thread; what lives on is bound in slices between which requests run.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from app.breaker.registry import Breaker
from app.config.model import Auth, HeaderEdits, Redirect
from app.config.table import RouteSettings, Table
from app.dataplane.codec.cors import CorsRules
from app.dataplane.proxy.forwarding import Forwarding, forwarding_of, forwarding_to
from app.dataplane.proxy.retry import RetryBudget
from app.dataplane.proxy.shadow import ShadowBreaker, ShadowLimit
from app.dataplane.upstream.upstream import Upstream
from app.foundation.reasons import Rejection
from app.keys.keyring import Keyring
from app.limits.rule import Rule, compile_rules
from app.routing.index import RouteIndex
from app.routing.listener_routes import NO_PORTS, PortRoutes
from app.routing.paths import HiddenPaths
from app.telemetry.counts import Cell, Counts, RouteCounts, UpstreamCounts

__all__ = [
    "SLICE",
    "LimitedRequests",
    "MirrorTarget",
    "Plans",
    "RoutePlan",
    "RuleSet",
    "Target",
    "bind",
    "plan_routes",
]

KEPT_LINES: Final = 256
_NO_EDITS: Final = HeaderEdits()
_NO_UPSTREAMS: Final[Mapping[str, Upstream]] = {}
SLICE: Final = 256
"""Routes bound at a time: about a millisecond in which the loop does nothing else."""


class Target:
    """One upstream of a route with the breaker that guards it there, and the shadow beside that.

    `forwarding`: where the route names filters for this upstream, all that is done on the way to it; None: what the
    route does. `redirect`: what the upstream's share of requests gets instead of it. `met_closed`: what most decisions
    say of its breaker.
    """

    __slots__ = ("breaker", "counts", "forwarding", "met_closed", "redirect", "shadow", "upstream")

    def __init__(
        self,
        upstream: Upstream,
        breaker: Breaker,
        counts: UpstreamCounts,
        shadow: ShadowBreaker | None = None,
        forwarding: Forwarding | None = None,
        redirect: Redirect | None = None,
    ) -> None:
        self.upstream = upstream
        self.breaker = breaker
        # Optional, so that the compiled build keeps the object: a tuple of known length it takes apart
        self.met_closed: tuple[str, str] | None = (breaker.name, "closed")
        self.counts = counts
        self.shadow = shadow
        self.forwarding = forwarding
        self.redirect = redirect


class MirrorTarget:
    """An upstream that gets copies of `share` of a route's requests, above 0 and at most 1."""

    __slots__ = ("counts", "share", "upstream")

    def __init__(self, upstream: Upstream, share: float, counts: UpstreamCounts) -> None:
        self.upstream = upstream
        self.share = share
        self.counts = counts


class LimitedRequests:
    """Those that one rule rejects: their number, and what the last one was told.

    The next ones are told the same, for a second or for as long as it goes on: `rejection` where they have to wait for
    `wait_s`, `lines` where `header` is what the limiter says.
    """

    __slots__ = ("cell", "header", "lines", "rejection", "wait_s")

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.wait_s = 0
        self.rejection: Rejection | None = None
        self.header = b""
        self.lines = b""


class RuleSet:
    """The limit rules of a route that cover the clients of one tier.

    `policy_line`: the header line that announces them (draft-ietf-httpapi-ratelimit-headers), since another tier's
    rules are no policy for this client. `allowed`: what counts each request that they let pass, in order; `limited`:
    what counts those that a rule rejects, by its name.
    """

    __slots__ = ("allowed", "limited", "policy_line", "rules")

    def __init__(self, rules: tuple[Rule, ...], counts: RouteCounts) -> None:
        self.rules = rules
        self.policy_line = _policy_line(tuple(rule.policy_item for rule in rules))
        self.allowed = [counts.decision_cell(rule.name, "allowed") for rule in rules]
        self.limited = {
            rule.name: LimitedRequests(counts.decision_cell(rule.name, "limited")) for rule in rules
        }


@lru_cache(KEPT_LINES)
def _policy_line(items: tuple[bytes, ...]) -> bytes:
    """One object for all routes that have the same rules: so it is in the processor's cache whichever is asked for."""
    return b"ratelimit-policy: " + b", ".join(items) + b"\r\n"


@lru_cache(KEPT_LINES)
def _weights(weights: tuple[int, ...]) -> tuple[int, ...]:
    """One object for all routes that share alike: most of thousands have one upstream."""
    return weights


PolicyOrigin: TypeAlias = tuple[str, int | None] | None
"""A policy, and its generation where it is a resource; None: no policy."""


class RoutePlan:
    """A route; ready to serve once it is bound, which sets `targets`, `mirrors`, `counts` and, where
    there are retries, `budget`.

    Times in seconds; `weights` and `targets` in the route's order. `position`: its place in the table, of one at the
    own port; one at listeners serves on from table to table while nothing of it changes. `prefix`: what its match
    begins with. `edits_responses`: their header fields are changed, whichever upstream they come from.
    """

    __slots__ = (
        "_last_rules",
        "_last_tier",
        "_rule_sets",
        "budget",
        "connect_s",
        "cors",
        "counts",
        "edits_responses",
        "forwarding",
        "idle_s",
        "is_bound",
        "limit_origin",
        "mirrors",
        "name",
        "needs_key",
        "not_forwarded",
        "per_try_s",
        "position",
        "prefix",
        "redirect",
        "request_s",
        "retry",
        "rules",
        "shadow_limit",
        "targets",
        "timeout_origin",
        "weights",
    )

    counts: RouteCounts
    budget: RetryBudget

    def __init__(
        self,
        settings: RouteSettings,
        rules: tuple[Rule, ...],
        position: int,
        limit_origin: PolicyOrigin,
        timeout_origin: PolicyOrigin,
    ) -> None:
        """The origins stay with a route that a request took, though a reload replaces the table meanwhile."""
        route = settings.route
        timeout = settings.timeout.value
        self.position = position
        self.is_bound = False
        self.name: str = route.name
        self.needs_key = route.auth is Auth.KEY
        self.not_forwarded = HiddenPaths(route.not_forwarded) if route.not_forwarded else None
        self.redirect: Redirect | None = route.redirect
        self.prefix = route.match.path.encode()
        self.forwarding: Forwarding = forwarding_of(route)
        self.cors = CorsRules(route.cors) if route.cors is not None else None
        self.edits_responses = (
            self.cors is not None
            or self.forwarding.response_edits is not None
            or any(each.response_headers != _NO_EDITS for each in route.upstreams)
        )
        self.mirrors: tuple[MirrorTarget, ...] = ()
        self.targets: tuple[Target, ...] = ()
        self.weights = _weights(tuple(upstream.weight for upstream in route.upstreams))
        self.rules = rules
        self._rule_sets: dict[str | None, RuleSet] | None = None
        self._last_rules: RuleSet | None = None
        self._last_tier: str | None = None
        self.request_s = timeout.request_s
        self.per_try_s = timeout.per_try_s
        self.connect_s = timeout.connect_s
        self.idle_s = timeout.idle_s
        self.limit_origin, self.timeout_origin = limit_origin, timeout_origin
        self.retry = settings.retry.value
        self.shadow_limit: ShadowLimit | None = None

    def rules_for(self, tier: str | None) -> RuleSet:
        """The rules that cover a client of `tier` (None: without one); kept, as tiers are few.

        Those of the last request stand in the plan itself, which is in the processor's cache; a dictionary of one of
        a thousand routes is not.
        """
        last = self._last_rules
        if last is not None and tier == self._last_tier:
            return last
        if self._rule_sets is None:
            self._rule_sets = {}
        known = self._rule_sets.get(tier)
        if known is None:
            known = RuleSet(tuple(rule for rule in self.rules if rule.covers(tier)), self.counts)
            self._rule_sets[tier] = known
        self._last_rules, self._last_tier = known, tier
        return known


class Plans:
    """All routes of one table, with the keys; immutable, each request takes the reference once."""

    __slots__ = ("_origins", "index", "keyring", "landing", "plans", "ports", "table", "upstreams")

    def __init__(
        self,
        table: Table,
        index: RouteIndex,
        keyring: Keyring,
        plans: tuple[RoutePlan, ...],
        landing: bytes = b"",
        ports: Mapping[int, PortRoutes] = NO_PORTS,
        upstreams: Mapping[str, Upstream] = _NO_UPSTREAMS,
    ) -> None:
        """`index` finds places in `plans`, which stand in the order of the table's routes: those of the own port.

        `ports`: likewise the routes of each port of listeners. `upstreams`: what the plans are for, by name.

        `landing`: the path of the gateway's own page, to which a browser that opens `/` is sent where no route
        takes it; b"" for none.
        """
        self.table = table
        self.index = index
        self.keyring = keyring
        self.plans = plans
        self.landing = landing
        self.ports = ports
        self.upstreams = upstreams
        self._origins: dict[str, PolicyOrigin] = {}

    def origin(self, policy: str) -> PolicyOrigin:
        """One and the same object for all that name a policy: the ring of decisions keeps thousands of them."""
        known = self._origins.get(policy)
        if known is None:
            known = self._origins[policy] = _origin(self.table, policy)
        return known


def _origin(table: Table, policy: str) -> PolicyOrigin:
    resources = table.resources
    read = resources.read.get(resources.uids.get(policy, ""))
    return policy, read[0].generation if read is not None else None


def plan_routes(
    table: Table, last: Plans | None = None, upstreams: Mapping[str, Upstream] = _NO_UPSTREAMS
) -> tuple[RoutePlan, ...]:
    """The routes of `table` in its order, not bound yet; changes nothing, so any thread may do it.

    `last`: the plans in force, bound; those whose settings and `upstreams` are the same objects are among the new ones.
    """
    known = {} if last is None else _serving_on(last, upstreams)
    compiled: dict[int, tuple[Rule, ...]] = {}
    origins: dict[str, PolicyOrigin] = {}
    plans = []
    kept = map(known.get, map(id, table.routes))
    for position, (settings, serving) in enumerate(zip(table.routes, kept, strict=True)):
        if serving is not None:
            plans.append(serving)
            continue
        limit = settings.rate_limit
        rules: tuple[Rule, ...] = ()
        if limit.value is not None:
            if id(limit.value) not in compiled:  # one policy's rules are shared by all its routes
                compiled[id(limit.value)] = compile_rules(limit.origin.policy, limit.value)
            rules = compiled[id(limit.value)]
        names = (limit.origin.policy, settings.timeout.origin.policy)
        for name in names:
            if name not in origins:
                origins[name] = _origin(table, name)
        plans.append(RoutePlan(settings, rules, position, *(origins[name] for name in names)))
    return tuple(plans)


def _serving_on(last: Plans, upstreams: Mapping[str, Upstream]) -> dict[int, RoutePlan]:
    """By the identity of their settings: plans at listeners, which no place among all plans is kept of."""
    have_all = last.upstreams.items() <= upstreams.items()  # as after nearly every edit of a route
    return {
        id(settings): plan
        for settings, plan in zip(last.table.routes, last.plans, strict=True)
        if settings.route.listeners and (have_all or _leads_to(plan, upstreams))
    }


def _leads_to(plan: RoutePlan, upstreams: Mapping[str, Upstream]) -> bool:
    led_to = (*(target.upstream for target in plan.targets), *(mirror.upstream for mirror in plan.mirrors))
    return all(upstreams.get(upstream.name) is upstream for upstream in led_to)


def bind(
    plans: Plans,
    upstreams: Mapping[str, Upstream],
    breaker_named: Callable[[str], Breaker],
    counts: Counts,
    budget_of: Callable[[str], RetryBudget],
) -> Iterator[None]:
    """Binds `plans` to everything that has a life of its own, asked for by name; yields after each SLICE.

    `breaker_named` must not change a breaker that is in use: what is in force does, until all is bound.
    """
    targets: dict[tuple[str, str], Target] = {}
    alike: dict[tuple[Target, ...], tuple[Target, ...]] = {}
    for number, (settings, plan) in enumerate(zip(plans.table.routes, plans.plans, strict=True), 1):
        if plan.is_bound:
            continue
        of_route = []
        for weighted, breaker in zip(settings.route.upstreams, settings.breakers, strict=True):
            key = (str(weighted.name), breaker)
            if key not in targets:
                cells = counts.upstream(key[0], breaker)
                targets[key] = Target(upstreams[key[0]], breaker_named(breaker), cells)
            target, forwarding = targets[key], forwarding_to(settings.route, weighted)
            if forwarding is not None or weighted.redirect is not None:
                target = Target(
                    target.upstream, target.breaker, target.counts, None, forwarding, weighted.redirect
                )
            of_route.append(target)
        led_to = tuple(of_route)
        plan.targets = alike.setdefault(led_to, led_to)
        plan.mirrors = tuple(
            MirrorTarget(upstreams[str(mirror.name)], mirror.share, counts.upstream(str(mirror.name)))
            for mirror in settings.route.mirrors
        )
        plan.counts = counts.route(plan.name)
        if plan.retry is not None:
            plan.budget = budget_of(plan.name)
        plan.is_bound = True
        if number % SLICE == 0:
            yield

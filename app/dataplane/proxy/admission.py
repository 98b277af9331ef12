"""May this request pass, and where to? One function, its steps in order: route, key, limits, breaker.

Decides without waiting and returns a value; the exchange does what it says. The states it moves (buckets,
breaker) are given to it, as is the time.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeAlias

from app.breaker.awaited_permit import AwaitedPermit, BreakerVerdict
from app.breaker.values import BreakerRejection, NotAdmitted, Permit
from app.config import model
from app.dataplane.codec.cors import Preflight, preflight_of
from app.dataplane.codec.field_lines import pairs_of
from app.dataplane.codec.request import Request
from app.dataplane.proxy.entrance import OWN_PORT
from app.dataplane.proxy.listener_route import NO_ROUTE_HERE, not_allowed, route_by_listener
from app.dataplane.proxy.routes import Plans, RoutePlan, RuleSet, Target
from app.dataplane.proxy.shadow import ShadowCall, ShadowLimit
from app.foundation.reasons import Reason, Rejection
from app.keys.keyring import Client
from app.keys.presented import presented_key
from app.limits.limiter import Admitted, Limited, Limiter, Verdict, Waiting
from app.limits.rule import Rule, bucket_key
from app.policy.model import LimitKey
from app.routing.index import NotAllowed
from app.routing.weights import choose

__all__ = [
    "Admission",
    "Admit",
    "Grant",
    "Landing",
    "Redirect",
    "Reject",
    "Wait",
    "WaitForPermit",
    "decide",
    "resume",
    "resume_at_breaker",
]

KEPT_REJECTIONS: Final = 256  # so that a flood is rejected with bytes made once: saves 3 µs a rejection
_KEY_REJECTIONS: Final = {
    reason: Rejection(reason, detail)
    for reason, detail in (
        (Reason.KEY_MISSING, "send your key as X-API-Key or as Authorization: Bearer"),
        (Reason.KEY_UNKNOWN, "this key is not known here"),
        (Reason.KEY_EXPIRED, "this key is past its end; ask for a new one"),
    )
}
_KEY_MISSING: Final = _KEY_REJECTIONS[Reason.KEY_MISSING]
_NO_WEIGHT: Final = Rejection(Reason.NO_ROUTE, "every upstream of this route has weight 0")
_CLIENT: Final = LimitKey.CLIENT
_CLIENT_IP: Final = LimitKey.CLIENT_IP
_GLOBAL: Final = LimitKey.GLOBAL


class Admit:
    """To `target`. `permit` and `shadow` are its breakers' leave: they go back exactly once.

    `limit_lines`, here and below: header lines of the limits for the response, b"" on a route without.
    """

    __slots__ = ("client", "key", "limit_lines", "permit", "route", "shadow", "target")

    def __init__(
        self,
        found: "_Found",
        limit_lines: bytes,
        target: Target,
        permit: Permit,
        shadow: ShadowCall | None,
    ) -> None:
        self.route: RoutePlan = found.route
        self.client = found.client
        self.key = found.key
        self.limit_lines = limit_lines
        self.target = target
        self.permit = permit
        self.shadow = shadow


class Reject:
    """`route` None: no route was found. `target`: set where its breaker rejects or it has no endpoint, `rule` where
    that limit does."""

    __slots__ = ("client", "limit_lines", "rejection", "route", "rule", "target")

    def __init__(
        self,
        rejection: Rejection,
        route: RoutePlan | None = None,
        client: Client | None = None,
        limit_lines: bytes = b"",
        target: Target | None = None,
        rule: Rule | None = None,
    ) -> None:
        self.rejection = rejection
        self.route = route
        self.client = client
        self.limit_lines = limit_lines
        self.target = target
        self.rule = rule


class Redirect:
    """To where `redirect` says: the route's, or the one of an upstream of it."""

    __slots__ = ("client", "limit_lines", "redirect", "route")

    def __init__(self, found: "_Found", limit_lines: bytes, redirect: model.Redirect) -> None:
        self.route: RoutePlan = found.route
        self.client = found.client
        self.limit_lines = limit_lines
        self.redirect = redirect


class Grant:
    """To a preflight request: what the route's `cors` says."""

    __slots__ = ("asked", "client", "route")

    def __init__(self, route: RoutePlan, asked: Preflight) -> None:
        self.route: RoutePlan = route
        self.client: Client | None = None
        self.asked = asked


class Landing:
    """To the gateway's own page at `path`: a browser opened `/`, which is no route's."""

    __slots__ = ("client", "path", "route")

    def __init__(self, path: bytes) -> None:
        self.route: RoutePlan | None = None
        self.client: Client | None = None
        self.path = path


class Wait:
    """For the store of a limit: `resume` goes on from the verdict that `waiting` gets."""

    __slots__ = ("client", "found", "route", "rules", "waiting")

    def __init__(self, found: "_Found", rules: RuleSet, waiting: Waiting) -> None:
        self.found = found
        self.rules = rules
        self.route: RoutePlan = found.route
        self.client = found.client
        self.waiting = waiting


class WaitForPermit:
    """For the owner of the breaker of `target`: `resume_at_breaker` goes on from its verdict."""

    __slots__ = ("client", "found", "limit_lines", "route", "target", "waiting")

    def __init__(self, found: "_Found", limit_lines: bytes, target: Target, waiting: AwaitedPermit) -> None:
        self.found = found
        self.limit_lines = limit_lines
        self.target = target
        self.route: RoutePlan = found.route
        self.client = found.client
        self.waiting = waiting


Admission = Admit | Reject | Redirect | Grant | Landing | Wait | WaitForPermit
Passed: TypeAlias = Admit | Reject | Redirect | WaitForPermit


class _Found:
    """What the head alone says: route, client and its key."""

    __slots__ = ("client", "key", "route")

    def __init__(self, route: RoutePlan, client: Client | None, key: bytes | None) -> None:
        self.route = route
        self.client = client
        self.key = key


def decide(
    request: Request,
    routes: Plans,
    limiter: Limiter,
    random: Callable[[], float],
    now_s: float,
    wall_s: float,
) -> Admission:
    """`random`: gives 0 ≤ … < 1. `wall_s`: for the end of keys. Never raises."""
    if request.peer.port != OWN_PORT:
        taken = route_by_listener(request, routes)
        if isinstance(taken, Rejection):
            return Reject(taken)
        route = taken
    else:
        index = routes.index
        pairs = pairs_of(request.fields) if index.reads_fields else ()
        position = index.find(request.host, request.method, request.path, request.query, pairs)
        if isinstance(position, NotAllowed):
            return Reject(not_allowed(position))
        if position < 0:
            lands = routes.landing and _is_browser_at_root(request)
            return Landing(routes.landing) if lands else Reject(NO_ROUTE_HERE)
        route = routes.plans[position]
    if route.not_forwarded is not None and route.not_forwarded.holds(request.path):
        return Reject(NO_ROUTE_HERE, route)
    if route.cors is not None and request.method == b"OPTIONS":
        asked = preflight_of(request.fields)
        if asked is not None:
            return Grant(route, asked)  # browsers send it without a key (Fetch §4.8)
    client: Client | None = None
    key: bytes | None = None
    if route.needs_key:
        key, _ = presented_key(request.x_api_key, request.authorization)
        if key is None:
            return Reject(_KEY_MISSING, route)
        owner = routes.keyring.check(key, wall_s)
        if not isinstance(owner, Client):
            return Reject(_KEY_REJECTIONS[owner], route)
        client = owner
    if route.shadow_limit is not None:
        _look_in_the_shadow(route.shadow_limit, request, client, now_s)
    if not route.rules:
        return _pass(_Found(route, client, key), b"", random, now_s)
    rules = route.rules_for(client.tier if client is not None else None)
    if not rules.rules:
        return _pass(_Found(route, client, key), b"", random, now_s)
    verdict = limiter.admit(rules.rules, _buckets(rules.rules, request, client), now_s)
    if isinstance(verdict, Limited):  # first, and without what only those need that go on: floods end here
        return _reject_by_limit(route, client, rules, verdict)
    found = _Found(route, client, key)
    if isinstance(verdict, Waiting):
        return Wait(found, rules, verdict)
    return _judge_limits(found, rules, verdict, random, now_s)


def resume(wait: Wait, verdict: Verdict, random: Callable[[], float], now_s: float) -> Passed:
    """Go on with an admission that was waiting."""
    return _judge_limits(wait.found, wait.rules, verdict, random, now_s)


def resume_at_breaker(wait: WaitForPermit, verdict: BreakerVerdict, now_s: float) -> Admit | Reject:
    """Go on with an admission that was waiting for a permit."""
    if isinstance(verdict, BreakerRejection):
        return _reject_by_breaker(wait.found, wait.limit_lines, wait.target, verdict)
    target = wait.target
    shadow = target.shadow.admit(now_s) if target.shadow is not None else None
    return Admit(wait.found, wait.limit_lines, target, verdict, shadow)


def _is_browser_at_root(request: Request) -> bool:
    """Programs, which do not ask for HTML by name, get the 404 that their configuration deserves."""
    if request.path != b"/" or request.method not in (b"GET", b"HEAD"):
        return False
    return any(field.name == b"accept" and b"text/html" in field.value.lower() for field in request.fields)


def _buckets(rules: tuple[Rule, ...], request: Request, client: Client | None) -> list[bytes]:
    if len(rules) == 1:  # the common case: a comprehension is a call more
        return [_bucket(rules[0], request, client)]
    return [_bucket(rule, request, client) for rule in rules]


def _bucket(rule: Rule, request: Request, client: Client | None) -> bytes:
    """Who shares the bucket (kubernetes design: `rules[].key`)."""
    kind = rule.key
    if kind is _CLIENT:
        return client.bucket if client is not None else bucket_key(request.client_ip.encode())
    if kind is _CLIENT_IP:
        return bucket_key(request.client_ip.encode())
    if kind is _GLOBAL:
        return b""
    for field in request.fields:
        if field.name == rule.header:
            return bucket_key(field.value)
    return bucket_key(None)


def _look_in_the_shadow(limit: ShadowLimit, request: Request, client: Client | None, now_s: float) -> None:
    tier = client.tier if client is not None else None
    rules = [rule for rule in limit.rules if rule.covers(tier)]
    if rules:
        limit.look(rules, [_bucket(rule, request, client) for rule in rules], now_s)


def _judge_limits(
    found: _Found, rules: RuleSet, verdict: Verdict, random: Callable[[], float], now_s: float
) -> Passed:
    if isinstance(verdict, Admitted):
        for cell in rules.allowed:
            cell.number += 1
        return _pass(found, _limit_lines(rules.policy_line, verdict.header), random, now_s)
    if isinstance(verdict, Limited):
        return _reject_by_limit(found.route, found.client, rules, verdict)
    route, rule = found.route, verdict.rule
    route.counts.count_decision(rule.name, "store_down")
    lines = _limit_lines(rules.policy_line, verdict.header)
    return Reject(_unanswered(rule), route, found.client, lines, rule=rule)


def _reject_by_limit(route: RoutePlan, client: Client | None, rules: RuleSet, verdict: Limited) -> Reject:
    """With the rejection and the header lines of the last one, where that had to wait as long."""
    rule, wait_s, header = verdict.rule, verdict.retry_after_s, verdict.header
    limited = rules.limited[rule.name]
    limited.cell.number += 1
    rejection = limited.rejection
    if rejection is None or wait_s != limited.wait_s:
        rejection = limited.rejection = _used_up(rule.name, wait_s)
        limited.wait_s = wait_s
    if header != limited.header:
        limited.header, limited.lines = header, _kept_lines(rules.policy_line, header)
    return Reject(rejection, route, client, limited.lines, rule=rule)


def _limit_lines(policy_line: bytes, header: bytes) -> bytes:
    return b"%bratelimit: %b\r\n" % (policy_line, header)


def _unanswered(rule: Rule) -> Rejection:
    detail = f"the limit {rule.name} cannot be counted now, and lets nobody pass meanwhile; try again"
    return Rejection(Reason.LIMIT_STORE_DOWN, detail, retry_after_s=1)


@lru_cache(KEPT_REJECTIONS)
def _used_up(rule: str, wait_s: int) -> Rejection:
    """Apart from the header lines, which change with every rule of the route that others use."""
    detail = f"the limit {rule} is used up; try again in {wait_s} s"
    return Rejection(Reason.RATE_LIMITED, detail, retry_after_s=wait_s)


@lru_cache(KEPT_REJECTIONS)
def _kept_lines(policy_line: bytes, header: bytes) -> bytes:
    """In the ring of decisions all that have the same lines share one object."""
    return _limit_lines(policy_line, header)


@lru_cache(KEPT_REJECTIONS)
def _rejected_by(breaker: str, reason: Reason, wait_s: int) -> Rejection:
    detail = (
        f"{breaker} failed too often; requests are tried again in {wait_s} s"
        if reason is Reason.BREAKER_OPEN
        else f"{breaker} is being tried with few requests; try again in {wait_s} s"
    )
    return Rejection(reason, detail, retry_after_s=wait_s)


def _pass(found: _Found, limit_lines: bytes, random: Callable[[], float], now_s: float) -> Passed:
    """Redirect, or ask the breaker of the upstream that is this request's."""
    route = found.route
    if route.redirect is not None:
        return Redirect(found, limit_lines, route.redirect)
    targets = route.targets
    at = 0 if len(targets) == 1 else choose(route.weights, random())
    if at < 0:
        return Reject(_NO_WEIGHT, route, found.client, limit_lines)
    target = targets[at]
    if target.redirect is not None:
        return Redirect(found, limit_lines, target.redirect)
    upstream = target.upstream
    if not upstream.addresses and upstream.rejection is not None:
        return Reject(upstream.rejection, route, found.client, limit_lines, target)
    permit = target.breaker.admit(now_s)
    if isinstance(permit, NotAdmitted):
        if isinstance(permit, AwaitedPermit):
            return WaitForPermit(found, limit_lines, target, permit)
        return _reject_by_breaker(found, limit_lines, target, permit)
    shadow = target.shadow.admit(now_s) if target.shadow is not None else None
    return Admit(found, limit_lines, target, permit, shadow)


def _reject_by_breaker(
    found: _Found, limit_lines: bytes, target: Target, verdict: BreakerRejection
) -> Reject:
    rejection = _rejected_by(target.breaker.name, verdict.reason, verdict.retry_after_s)
    return Reject(rejection, found.route, found.client, limit_lines, target)

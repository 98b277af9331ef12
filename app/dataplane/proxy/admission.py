"""May this request pass, and where to? One function, its steps in order: route, key, limits, breaker.

Decides without waiting and answers with a value; the exchange does what it says. The states it moves
(buckets, breaker) are given to it, as is the time.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, Protocol

from app.breaker.purgatory_state import CallState
from app.breaker.values import Refusal
from app.dataplane.proxy.routes import Plans, RoutePlan, Target
from app.dataplane.proxy.shadow import ShadowCall, ShadowLimit, ShadowLook
from app.errors import Reason, Refuse
from app.keys.keyring import Client
from app.keys.presented import presented_key
from app.limits.limiter import Admitted, Limited, Limiter, Unanswered, Verdict, Waiting
from app.limits.rule import Rule, bucket_key
from app.policy.model import LimitKey
from app.routing.index import NotAllowed
from app.routing.weights import choose

__all__ = ["Admission", "Asking", "Recognised", "decide", "resume"]

FOREVER_S = float("inf")
KEPT_REFUSALS = 256  # so that a flood is answered with bytes made once: saves 3 µs a refusal
_KEY_REFUSALS = {
    reason: Refuse(reason, detail)
    for reason, detail in (
        (Reason.KEY_MISSING, "send your key as X-API-Key or as Authorization: Bearer"),
        (Reason.KEY_UNKNOWN, "this key is not known here"),
        (Reason.KEY_EXPIRED, "this key is past its end; ask for a new one"),
    )
}
# in Python 3.11 naming an enum's member takes 0.05 µs
_CLIENT: Final = LimitKey.CLIENT
_CLIENT_IP: Final = LimitKey.CLIENT_IP
_GLOBAL: Final = LimitKey.GLOBAL
_NO_ROUTE = Refuse(Reason.NO_ROUTE, "no route matches this host and path")


class Asking(Protocol):
    """What admission wants to know of a request."""

    @property
    def method(self) -> bytes: ...
    @property
    def path(self) -> bytes: ...
    @property
    def query(self) -> bytes | None: ...
    @property
    def host(self) -> bytes: ...
    @property
    def fields(self) -> Sequence[tuple[bytes, bytes]]: ...
    @property
    def x_api_key(self) -> bytes | None: ...
    @property
    def authorization(self) -> bytes | None: ...
    @property
    def client_ip(self) -> str: ...

    recognised: "Recognised | None"


class Recognised:
    """What a request's head alone says under one table: route, client, which limits apply to whom.

    Kept with the request, so that one which a client sends again is recognised once (saves 3 µs). It holds
    for `plans` only, and no longer than the client's key. `refuse`: the head alone is reason enough.
    """

    __slots__ = (
        "client",
        "key",
        "keys",
        "plan",
        "plans",
        "policy_line",
        "refuse",
        "rules",
        "shadow",
        "until_wall_s",
    )

    def __init__(self, plans: Plans) -> None:
        self.plans = plans
        self.plan: RoutePlan | None = None
        self.client: Client | None = None
        self.key: bytes | None = None
        self.until_wall_s = FOREVER_S
        self.refuse: Refuse | None = None
        self.rules: Sequence[Rule] = ()
        self.keys: Sequence[bytes] = ()
        self.policy_line = b""
        self.shadow: ShadowLook | None = None


class Admission:
    """What was found out, also where the request is refused; the exchange keeps it to the end.

    `call` is the breaker's leave: whoever holds it must give it back exactly once. `limit_lines`: header
    lines of the limits for the answer, b"" on a route without. `waiting`: a limit's store is being asked, and
    `resume` goes on from its verdict. `shadow` is set only where `call` is and the target has one.
    """

    __slots__ = ("call", "client", "key", "limit_lines", "plan", "refuse", "shadow", "target", "waiting")

    shadow: ShadowCall

    def __init__(self, known: Recognised) -> None:
        self.plan = known.plan
        self.client = known.client
        self.key = known.key
        self.refuse = known.refuse
        self.target: Target | None = None
        self.call: CallState | None = None
        self.limit_lines = b""
        self.waiting: Waiting | None = None


def decide(
    request: Asking, plans: Plans, limiter: Limiter, random: Callable[[], float], now_s: float, wall_s: float
) -> Admission:
    """Look at `refuse` first: set, it is the answer. Else `plan` redirects, or `target`, `call` are set; or
    none of it, and `waiting` tells later."""
    known = request.recognised
    if known is None or known.plans is not plans or wall_s > known.until_wall_s:
        known = request.recognised = _recognise(request, plans, wall_s)
    admission = Admission(known)
    plan = known.plan
    if plan is None or known.refuse is not None:
        return admission
    if known.shadow is not None:
        known.shadow(now_s)
    if known.rules:
        outcome = limiter.admit(known.rules, known.keys, now_s)
        if isinstance(outcome, Waiting):
            admission.waiting = outcome
            admission.limit_lines = known.policy_line
            return admission
        _judge_limits(plan, known.rules, known.policy_line, outcome, admission)
        if admission.refuse is not None:
            return admission
    if plan.redirect is None:
        _take_breaker(plan, admission, random, now_s)
    return admission


def resume(admission: Admission, verdict: Verdict, random: Callable[[], float], now_s: float) -> None:
    """Go on with an admission that was waiting; then it stands as `decide` leaves one."""
    plan, waiting = admission.plan, admission.waiting
    assert plan is not None and waiting is not None  # noqa: S101, PT018
    admission.waiting = None
    _judge_limits(plan, waiting.rules, admission.limit_lines, verdict, admission)
    if admission.refuse is None and plan.redirect is None:
        _take_breaker(plan, admission, random, now_s)


def _recognise(request: Asking, plans: Plans, wall_s: float) -> Recognised:
    known = Recognised(plans)
    found = plans.index.find(request.host, request.method, request.path, request.query or b"", request.fields)
    if type(found) is not int or found < 0:
        known.refuse = _nothing_found(found)
        return known
    plan = known.plan = plans.plans[found]
    if plan.not_forwarded is not None and plan.not_forwarded.holds(request.path):
        known.refuse = _NO_ROUTE
    elif plan.needs_key:
        known.refuse = _check_key(request, known, wall_s)
    if plan.rules and known.refuse is None:
        _choose_rules(request, plan, known)
    if plan.shadow_limit is not None and known.refuse is None:
        known.shadow = _shadow_look(request, plan.shadow_limit, known.client)
    return known


def _nothing_found(found: object) -> Refuse:
    if not isinstance(found, NotAllowed):
        return _NO_ROUTE
    allow = b", ".join(found.allow)
    detail = f"this path takes {allow.decode('latin-1')}"
    return Refuse(Reason.METHOD_NOT_ALLOWED, detail, headers=((b"allow", allow),))


def _check_key(request: Asking, known: Recognised, wall_s: float) -> Refuse | None:
    key, _ = presented_key(request.x_api_key, request.authorization)
    if key is None:
        return _KEY_REFUSALS[Reason.KEY_MISSING]
    owner = known.plans.keyring.check(key, wall_s)
    if isinstance(owner, Client):
        known.client = owner
        known.key = key
        known.until_wall_s = owner.until_wall_s
        return None
    if owner is Reason.KEY_EXPIRED:
        known.until_wall_s = -FOREVER_S  # looked at each time: clocks are set back now and then
    return _KEY_REFUSALS[owner]


def _bucket(rule: Rule, request: Asking, client: Client | None) -> bytes:
    """Who shares the bucket (kubernetes design: `rules[].key`)."""
    if rule.key is _CLIENT:
        return client.bucket if client is not None else bucket_key(request.client_ip.encode())
    if rule.key is _CLIENT_IP:
        return bucket_key(request.client_ip.encode())
    if rule.key is _GLOBAL:
        return b""
    for name, value in request.fields:
        if name == rule.header:
            return bucket_key(value)
    return bucket_key(None)


def _choose_rules(request: Asking, plan: RoutePlan, known: Recognised) -> None:
    client = known.client
    known.rules, known.policy_line = plan.limits_for(client.tier if client is not None else None)
    known.keys = [_bucket(rule, request, client) for rule in known.rules]


def _shadow_look(request: Asking, limit: ShadowLimit, client: Client | None) -> ShadowLook | None:
    tier = client.tier if client is not None else None
    rules = [rule for rule in limit.rules if rule.covers(tier)]
    keys = [_bucket(rule, request, client) for rule in rules]
    return ShadowLook(limit, rules, keys) if rules else None


def _judge_limits(
    plan: RoutePlan, rules: Sequence[Rule], policy_line: bytes, verdict: Verdict, admission: Admission
) -> None:
    admission.limit_lines = b"%bratelimit: %b\r\n" % (policy_line, verdict.header)
    if not isinstance(verdict, Admitted):
        admission.refuse = _limit_refusal(plan, verdict)
        return
    decisions = plan.counts.decisions
    for rule in rules:
        decision = (rule.name, "allowed")
        decisions[decision] = decisions.get(decision, 0) + 1


def _limit_refusal(plan: RoutePlan, verdict: Limited | Unanswered) -> Refuse:
    rule = verdict.rule.name
    if isinstance(verdict, Limited):
        plan.counts.count_decision(rule, "limited")
        return _used_up(rule, verdict.retry_after_s)
    plan.counts.count_decision(rule, "store_down")
    detail = f"the limit {rule} cannot be counted now, and lets nobody pass meanwhile; try again"
    return Refuse(Reason.LIMIT_STORE_DOWN, detail, retry_after_s=1)


@lru_cache(KEPT_REFUSALS)
def _used_up(rule: str, wait_s: int) -> Refuse:
    detail = f"the limit {rule} is used up; try again in {wait_s} s"
    return Refuse(Reason.RATE_LIMITED, detail, retry_after_s=wait_s)


@lru_cache(KEPT_REFUSALS)
def _refused_by(breaker: str, reason: Reason, wait_s: int) -> Refuse:
    detail = (
        f"{breaker} failed too often; requests are tried again in {wait_s} s"
        if reason is Reason.BREAKER_OPEN
        else f"{breaker} is being tried with few requests; try again in {wait_s} s"
    )
    return Refuse(reason, detail, retry_after_s=wait_s)


def _take_breaker(plan: RoutePlan, admission: Admission, random: Callable[[], float], now_s: float) -> None:
    targets = plan.targets
    at = 0 if len(targets) == 1 else choose(plan.weights, random())
    if at < 0:
        admission.refuse = Refuse(Reason.NO_ROUTE, "every upstream of this route has weight 0")
        return
    target = admission.target = targets[at]
    call = target.breaker.admit(now_s)
    if isinstance(call, Refusal):
        admission.refuse = _refused_by(target.breaker.name, call.reason, call.retry_after_s)
        return
    admission.call = call
    if target.shadow is not None:
        admission.shadow = target.shadow.admit(now_s)

"""May this request pass, and where to? One function, its steps in order: route, key, limits, breaker.

Decides without waiting and answers with a value; the exchange does what it says. The states it moves
(buckets, breaker) are given to it, as is the time.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from app.breaker.purgatory_state import CallState
from app.breaker.values import Refusal
from app.dataplane.plan import Plans, RoutePlan, Target, policy_fields
from app.errors import Reason, Refuse
from app.keys.keyring import Client
from app.keys.presented import presented_key
from app.limits.limiter import Limited, Limiter
from app.limits.rule import Rule, bucket_key
from app.policy.model import LimitKey
from app.routing.index import NotAllowed
from app.routing.weights import choose

__all__ = ["Admission", "Asking", "decide"]

_KEY_DETAILS = {
    Reason.KEY_MISSING: "send your key as X-API-Key or as Authorization: Bearer",
    Reason.KEY_UNKNOWN: "this key is not known here",
    Reason.KEY_EXPIRED: "this key is past its end; ask for a new one",
}
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


class Admission:
    """What was found out, also where the request is refused; the exchange keeps it to the end.

    `call` is the breaker's leave: whoever holds it must give it back exactly once. `limit_lines`: header
    lines of the limits for the answer, b"" on a route without.
    """

    __slots__ = ("call", "client", "key", "limit_lines", "plan", "refuse", "target")

    def __init__(self) -> None:
        self.plan: RoutePlan | None = None
        self.client: Client | None = None
        self.key: bytes | None = None
        self.target: Target | None = None
        self.call: CallState | None = None
        self.refuse: Refuse | None = None
        self.limit_lines = b""


def decide(
    request: Asking, plans: Plans, limiter: Limiter, random: Callable[[], float], now_s: float, wall_s: float
) -> Admission:
    """Look at `refuse` first: set, it is the answer. Else `plan` redirects, or `target`, `call` are set."""
    admission = Admission()
    found = plans.index.find(request.host, request.method, request.path, request.query or b"", request.fields)
    if type(found) is not int or found < 0:
        admission.refuse = _nothing_found(found)
        return admission
    plan = admission.plan = plans.plans[found]
    if request.path in plan.not_forwarded:
        admission.refuse = _NO_ROUTE
        return admission
    if plan.needs_key:
        refuse = _check_key(request, plans, admission, wall_s)
        if refuse is not None:
            admission.refuse = refuse
            return admission
    if plan.rules:
        refuse = _check_limits(request, plan, limiter, admission, now_s)
        if refuse is not None:
            admission.refuse = refuse
            return admission
    if plan.redirect is None:
        _take_breaker(plan, admission, random, now_s)
    return admission


def _nothing_found(found: object) -> Refuse:
    if not isinstance(found, NotAllowed):
        return _NO_ROUTE
    allow = b", ".join(found.allow)
    detail = f"this path takes {allow.decode('latin-1')}"
    return Refuse(Reason.METHOD_NOT_ALLOWED, detail, headers=((b"allow", allow),))


def _check_key(request: Asking, plans: Plans, admission: Admission, wall_s: float) -> Refuse | None:
    key, _ = presented_key(request.x_api_key, request.authorization)
    if key is None:
        return Refuse(Reason.KEY_MISSING, _KEY_DETAILS[Reason.KEY_MISSING])
    owner = plans.keyring.check(key, wall_s)
    if isinstance(owner, Client):
        admission.client = owner
        admission.key = key
        return None
    return Refuse(owner, _KEY_DETAILS[owner])


def _bucket(rule: Rule, request: Asking, client: Client | None) -> bytes:
    """Who shares the bucket (kubernetes design: `rules[].key`)."""
    if rule.key is LimitKey.CLIENT:
        return client.bucket if client is not None else bucket_key(request.client_ip.encode())
    if rule.key is LimitKey.CLIENT_IP:
        return bucket_key(request.client_ip.encode())
    if rule.key is LimitKey.GLOBAL:
        return b""
    for name, value in request.fields:
        if name == rule.header:
            return bucket_key(value)
    return bucket_key(None)


def _check_limits(
    request: Asking, plan: RoutePlan, limiter: Limiter, admission: Admission, now_s: float
) -> Refuse | None:
    client = admission.client
    rules: Sequence[Rule] = plan.rules
    policy_line = plan.policy_line
    if plan.simple_rule and client is not None:
        keys: Sequence[bytes] = (client.bucket,)
    else:
        tier = client.tier if client is not None else None
        rules = [rule for rule in rules if rule.covers(tier)]
        keys = [_bucket(rule, request, client) for rule in rules]
        if not rules:
            return None
        if len(rules) < len(plan.rules):  # another tier's rules are no policy for this client
            policy_line = policy_fields(rules)
    verdict = limiter.admit(rules, keys, now_s)
    admission.limit_lines = policy_line + b"ratelimit: " + verdict.header + b"\r\n"
    decisions = plan.counts.decisions
    if isinstance(verdict, Limited):
        plan.counts.count_decision(verdict.rule.name, "limited")
        detail = f"the limit {verdict.rule.name} is used up; try again in {verdict.retry_after_s} s"
        return Refuse(Reason.RATE_LIMITED, detail, retry_after_s=verdict.retry_after_s)
    for rule in rules:
        decision = (rule.name, "allowed")
        decisions[decision] = decisions.get(decision, 0) + 1
    return None


def _take_breaker(plan: RoutePlan, admission: Admission, random: Callable[[], float], now_s: float) -> None:
    targets = plan.targets
    at = 0 if len(targets) == 1 else choose(plan.weights, random())
    if at < 0:
        admission.refuse = Refuse(Reason.NO_ROUTE, "every upstream of this route has weight 0")
        return
    target = admission.target = targets[at]
    call = target.breaker.admit(now_s)
    if isinstance(call, Refusal):
        wait = call.retry_after_s
        detail = (
            f"{target.breaker.name} failed too often; requests are tried again in {wait} s"
            if call.reason is Reason.BREAKER_OPEN
            else f"{target.breaker.name} is being tried with few requests; try again in {wait} s"
        )
        admission.refuse = Refuse(call.reason, detail, retry_after_s=wait)
        return
    admission.call = call

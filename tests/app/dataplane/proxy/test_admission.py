from dataclasses import dataclass, field

import pytest

from app.breaker.registry import Breakers
from app.config.parse import parse_config
from app.dataplane.proxy.admission import Recognised, decide, resume
from app.dataplane.proxy.completion import Verdict
from app.dataplane.proxy.shadow import ShadowBreaker, ShadowLimit
from app.errors import Reason
from app.limits.limiter import Limiter, Waiting
from app.limits.memory import MemoryLimiter
from app.limits.rule import compile_rules
from app.limits.shared import SharedLimiter
from app.telemetry.counts import Counts
from tests.fakes.lease_store import SimulatedStore
from tests.fakes.plans import plans_of

NOW_S, WALL_S = 100.0, 1_700_000_000.0
ROUTE = "{{name: r, match: {{path: {{prefix: {path}}}}}, upstream: {upstream}, auth: {auth}}}"
UPSTREAMS = (
    'upstreams: {one: {endpoints: ["http://127.0.0.1:9"]}, two: {endpoints: ["http://127.0.0.1:8"]}}\n'
)


@dataclass
class Asked:
    path: bytes = b"/"
    method: bytes = b"GET"
    query: bytes | None = None
    host: bytes = b"h"
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    x_api_key: bytes | None = None
    authorization: bytes | None = None
    client_ip: str = "192.0.2.1"
    recognised: Recognised | None = None


def config(path="/", upstream="one", auth="none", stanzas=""):
    text = UPSTREAMS + "routes: [" + ROUTE.format(path=path, upstream=upstream, auth=auth) + "]\n"
    if stanzas:
        text += f"policies: [{{name: p, spec: {{targetRefs: [{{kind: Gateway}}], {stanzas}}}}}]\n"
    return text


def limits(*rules):
    return f"rateLimit: {{rules: [{', '.join(rules)}]}}"


class Door:
    """Asks about one request after the other, on the same state."""

    def __init__(self, text, **environment):
        self.plans = plans_of(text, **environment)
        self.limiter: Limiter = MemoryLimiter()
        self.random = 0.0

    def ask(self, now_s=NOW_S, **request):
        return decide(Asked(**request), self.plans, self.limiter, lambda: self.random, now_s, WALL_S)

    def reason(self, **request):
        refuse = self.ask(**request).refuse
        return None if refuse is None else refuse.reason


async def test_an_admitted_request_has_its_target_and_the_breakers_leave():
    admission = Door(config()).ask()
    assert (admission.refuse, admission.limit_lines) == (None, b"")
    assert admission.target.upstream.name == "one"
    assert admission.call is not None


async def test_what_no_route_matches_is_refused():
    assert Door(config("/a")).reason(path=b"/b") is Reason.NO_ROUTE


async def test_a_method_that_no_route_of_the_path_takes_is_told_the_others():
    refuse = (
        Door(config().replace("{prefix: /}}", "{prefix: /}, methods: [GET, PUT]}")).ask(method=b"POST").refuse
    )
    assert refuse.reason is Reason.METHOD_NOT_ALLOWED
    assert refuse.headers == ((b"allow", b"GET, PUT"),)
    assert "GET, PUT" in refuse.detail


async def test_the_built_in_route_keeps_the_services_own_pages_to_itself():
    door = Door("", auth="none")
    assert door.reason(path=b"/metrics") is Reason.NO_ROUTE
    assert door.reason(path=b"/%6detrics/x") is Reason.NO_ROUTE


async def test_a_key_is_wanted_before_a_limit_counts():
    door = Door(
        config(auth="key", stanzas=limits("{name: a, key: Client, requests: 1, period: 1h}")), api_key="k"
    )
    assert door.reason() is Reason.KEY_MISSING
    assert door.reason(x_api_key=b"other") is Reason.KEY_UNKNOWN
    admission = door.ask(x_api_key=b"k")
    assert (admission.refuse, admission.client.name, admission.key) == (None, "default", b"k")
    assert door.reason(authorization=b"Bearer k") is Reason.RATE_LIMITED


@pytest.mark.parametrize(
    ("key", "same", "other"),
    [
        ("key: ClientIP", {"client_ip": "192.0.2.1"}, {"client_ip": "192.0.2.2"}),
        ("key: Client", {"client_ip": "192.0.2.1"}, {"client_ip": "192.0.2.2"}),
        ("key: Header, header: X-T", {"fields": [(b"a", b""), (b"x-t", b"1")]}, {"fields": [(b"x-t", b"2")]}),
        ("key: Header, header: X-T", {"fields": []}, {"fields": [(b"x-t", b"")]}),
    ],
)
async def test_a_rule_has_a_bucket_for_each_of_its_kind(key, same, other):
    door = Door(config(stanzas=limits(f"{{name: a, {key}, requests: 1, period: 1h}}")))
    assert [door.reason(**same), door.reason(**same), door.reason(**other)] == [
        None,
        Reason.RATE_LIMITED,
        None,
    ]


async def test_a_global_rule_has_one_bucket():
    door = Door(config(stanzas=limits("{name: a, key: Global, requests: 1, period: 1h}")))
    assert [door.reason(), door.reason(client_ip="192.0.2.2")] == [None, Reason.RATE_LIMITED]


async def test_a_refusal_by_a_limit_tells_when_to_come_back():
    door = Door(config(stanzas=limits("{name: a, key: Global, requests: 1, period: 1h}")))
    door.ask()
    admission = door.ask()
    assert admission.refuse.retry_after_s == 3600
    assert b'ratelimit-policy: "a";q=1;w=3600\r\nratelimit: "a";r=0' in admission.limit_lines
    assert admission.call is None
    assert door.plans.plans[0].counts.decisions == {("a", "allowed"): 1, ("a", "limited"): 1}


async def test_only_the_rules_of_the_clients_tier_count_and_are_told():
    gold = "{name: g, key: Global, requests: 1, period: 1h, tiers: [gold]}"
    everybody = "{name: e, key: Global, requests: 5, period: 1h}"
    admission = Door(config(stanzas=limits(gold, everybody))).ask()
    assert b'"g"' not in admission.limit_lines
    assert b'ratelimit-policy: "e";q=5;w=3600\r\n' in admission.limit_lines


async def test_without_a_rule_for_the_client_nothing_is_told():
    door = Door(config(stanzas=limits("{name: g, key: Global, requests: 1, period: 1h, tiers: [gold]}")))
    assert [door.ask().limit_lines for _ in range(2)] == [b"", b""]


async def test_weights_choose_the_target_by_chance():
    door = Door(config(upstream="[{name: one, weight: 9}, {name: two, weight: 1}]"))
    assert door.ask().target.upstream.name == "one"
    door.random = 0.95
    assert door.ask().target.upstream.name == "two"


async def test_a_route_whose_weights_are_all_zero_leads_nowhere():
    door = Door(config(upstream="[{name: one, weight: 9}, {name: two, weight: 1}]"))
    door.plans.plans[0].weights = (0, 0)  # a file cannot say so; an HTTPRoute can
    refuse = door.ask().refuse
    assert (refuse.reason, refuse.detail) == (Reason.NO_ROUTE, "every upstream of this route has weight 0")


async def test_an_open_breaker_refuses_and_then_lets_one_probe_in():
    stanza = "circuitBreaker: {consecutiveFailures: 1, openDuration: 10s, halfOpenRequests: 1}"
    door = Door(config(stanzas=stanza))
    admission = door.ask()
    admission.target.breaker.fail(admission.call, NOW_S)
    refuse = door.ask(now_s=NOW_S + 1).refuse
    assert (refuse.reason, refuse.retry_after_s) == (Reason.BREAKER_OPEN, 9)
    assert door.ask(now_s=NOW_S + 11).refuse is None
    refuse = door.ask(now_s=NOW_S + 11).refuse
    assert (refuse.reason, refuse.retry_after_s) == (Reason.BREAKER_PROBING, 1)
    assert "is being tried" in refuse.detail


async def test_a_redirect_takes_no_breaker():
    text = "routes: [{name: r, match: {path: {prefix: /}}, auth: none, redirect: {host: new.example}}]\n"
    admission = Door(text).ask()
    assert (admission.refuse, admission.target, admission.call) == (None, None, None)
    assert admission.plan.redirect is not None


SHARED = "{name: s, key: Global, requests: 1, period: 1h}"


class SharedDoor(Door):
    """Over a store that answers when it is told to."""

    def __init__(self, text, **environment):
        super().__init__(text, **environment)
        self.limiter = self.shared = SharedLimiter(lambda: None)
        self.shared.set_up(1)
        self.store = SimulatedStore()

    def resumed(self, admission):
        verdicts = []
        admission.waiting.on_verdict = lambda verdict, now_s: verdicts.append(verdict)
        while calls := self.shared.next_calls(10, NOW_S):
            self.shared.landed(calls, self.store.answer([call.sent for call in calls], NOW_S), NOW_S)
        resume(admission, verdicts[0], lambda: self.random, NOW_S)
        return admission


async def test_a_limit_that_must_ask_its_store_leaves_the_request_waiting():
    admission = SharedDoor(config(stanzas=limits(SHARED))).ask()
    assert isinstance(admission.waiting, Waiting)
    assert (admission.refuse, admission.target, admission.call) == (None, None, None)


async def test_the_stores_answer_goes_on_where_the_request_waited():
    door = SharedDoor(config(stanzas=limits(SHARED)))
    admission = door.resumed(door.ask())
    assert (admission.waiting, admission.refuse) == (None, None)
    assert admission.target.upstream.name == "one"
    assert admission.call is not None
    assert admission.limit_lines == b'ratelimit-policy: "s";q=1;w=3600\r\nratelimit: "s";r=0;t=3600\r\n'


async def test_or_refuses_it_there():
    door = SharedDoor(config(stanzas=limits(SHARED)))
    waiting = [door.ask(), door.ask()]
    resumed = [door.resumed(waiting[0])]
    assert waiting[1].waiting.is_over
    assert resumed[0].refuse is None
    assert door.reason() is Reason.RATE_LIMITED


async def test_a_limit_that_lets_nobody_pass_without_its_store_says_so():
    text = config(stanzas=f"rateLimit: {{rules: [{SHARED}], onStoreFailure: Closed}}")
    door = SharedDoor(text)
    door.shared.set_down(NOW_S)
    refuse = door.ask().refuse
    assert (refuse.reason, refuse.retry_after_s) == (Reason.LIMIT_STORE_DOWN, 1)
    assert "the limit s cannot be counted" in refuse.detail
    assert door.plans.plans[0].counts.decisions == {("s", "store_down"): 1}


async def test_a_redirect_that_waited_takes_no_breaker():
    text = "routes: [{name: r, match: {path: {prefix: /}}, auth: none, redirect: {host: new.example}}]\n"
    text += f"policies: [{{name: p, spec: {{targetRefs: [{{kind: Gateway}}], {limits(SHARED)}}}}}]\n"
    door = SharedDoor(text)
    admission = door.resumed(door.ask())
    assert (admission.refuse, admission.target, admission.call) == (None, None, None)
    assert admission.plan.redirect is not None


def shadowed(door, *rules):
    """The door's only route with a limit in Shadow mode beside it; what that counts."""
    counts = Counts("1")
    (plan,) = door.plans.plans
    text = config(stanzas=limits(*rules))
    limit = parse_config(text.encode(), "gw").policies[0].spec.rate_limit
    assert limit is not None
    plan.shadow_limit = ShadowLimit(
        compile_rules("trial", limit), "Gateway", MemoryLimiter(), counts, plan.counts
    )
    return counts


async def test_a_shadow_limit_looks_at_every_request_and_refuses_none():
    door = Door(config())
    counts = shadowed(door, "{name: all, key: ClientIP, requests: 1, period: 1m}")
    assert [door.reason() for _ in range(3)] == [None] * 3
    assert door.ask().limit_lines == b""
    assert counts.shadow_refusals == {("trial", "Gateway", "rate_limited"): 3}


async def test_a_shadow_limit_of_other_tiers_does_not_look():
    door = Door(config())
    counts = shadowed(door, "{name: gold, key: Client, tiers: [gold], requests: 0, period: 1m}")
    assert door.reason() is None
    assert counts.shadow_refusals == {}


async def test_a_shadow_limit_does_not_see_who_has_no_key():
    door = Door(config(auth="key"), api_key="k")
    counts = shadowed(door, "{name: all, key: Global, requests: 0, period: 1m}")
    assert door.reason() is Reason.KEY_MISSING
    assert counts.shadow_refusals == {}
    assert door.reason(x_api_key=b"k") is None
    assert counts.shadow_refusals == {("trial", "Gateway", "rate_limited"): 1}


async def test_a_shadow_breaker_sees_what_the_enforced_one_lets_pass():
    counts = Counts("1")
    door = Door(config(stanzas="circuitBreaker: {consecutiveFailures: 1}"))
    (target,) = door.plans.plans[0].targets
    target.shadow = ShadowBreaker(
        Breakers().get("trial one", target.breaker.settings), "trial", "Gateway", counts
    )
    first = door.ask()
    assert first.call is not None
    first.shadow.end(Verdict.FAILURE, True, NOW_S)
    target.breaker.succeed(first.call, NOW_S)
    assert door.ask().refuse is None
    assert counts.shadow_refusals == {("trial", "Gateway", "breaker_open"): 1}
    target.breaker.fail(door.ask().call, NOW_S)
    assert door.reason() is Reason.BREAKER_OPEN
    assert counts.shadow_refusals == {("trial", "Gateway", "breaker_open"): 2}

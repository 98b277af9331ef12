from hashlib import sha256

import pytest

from app.breaker.registry import Breakers
from app.breaker.values import Outcome
from app.config.model import KeyEntry, KeyScheme
from app.config.parsing.config_file import parse_config
from app.dataplane.proxy.admission import (
    Grant,
    Landing,
    Redirect,
    Reject,
)
from app.dataplane.proxy.shadow import ShadowBreaker, ShadowLimit
from app.foundation.reasons import Reason, Rejection
from app.keys.keyring import Client, Keyring
from app.limits.memory import MemoryLimiter
from app.limits.rule import compile_rules
from app.telemetry.counts import Counts
from tests.fakes.door import NOW_S, WALL_S, Door, config, limits


async def test_an_admitted_request_has_its_target_and_the_breakers_leave():
    admission = Door(config()).admit()
    assert (admission.limit_lines, admission.client, admission.key) == (b"", None, None)
    assert (admission.route.name, admission.target.upstream.name) == ("r", "one")
    assert admission.shadow is None
    admission.target.breaker.succeed(admission.permit, NOW_S)


async def test_what_no_route_matches_is_rejected():
    admission = Door(config("/a")).reject("/b")
    assert admission.rejection.reason is Reason.NO_ROUTE
    assert (admission.route, admission.client, admission.target) == (None, None, None)


async def test_a_route_may_be_chosen_by_a_field():
    text = config().replace("{prefix: /}}", "{prefix: /}, headers: {X-Stage: beta}}")
    door = Door(text)
    assert door.reason() is Reason.NO_ROUTE
    assert door.admit(fields=["x-stage: beta"]).route.name == "r"


async def test_a_method_that_no_route_of_the_path_takes_is_told_the_others():
    door = Door(config().replace("{prefix: /}}", "{prefix: /}, methods: [GET, PUT]}"))
    rejection = door.reject(method="POST").rejection
    assert rejection.reason is Reason.METHOD_NOT_ALLOWED
    assert rejection.headers == ((b"allow", b"GET, PUT"),)
    assert "GET, PUT" in rejection.detail


async def test_the_built_in_route_keeps_the_services_own_pages_to_itself():
    door = Door("", auth="none")
    assert door.reason("/metrics") is Reason.NO_ROUTE
    assert door.reason("/%6detrics/x") is Reason.NO_ROUTE
    assert door.reason("/cache/x") is None


CORS = "cors: {allowOrigins: ['https://a.example']}"
PREFLIGHT = ["origin: https://a.example", "access-control-request-method: PUT"]


async def test_a_preflight_request_needs_neither_key_nor_limit():
    text = config(auth="key", stanzas=limits("{name: l, key: Global, requests: 0, period: 1s}"))
    door = Door(text.replace("auth: key", f"auth: key, {CORS}"), api_key="0123456789abcdef")
    granted = door.ask(method="OPTIONS", fields=PREFLIGHT)
    assert isinstance(granted, Grant)
    assert (granted.route.name, granted.asked.origin, granted.asked.method) == (
        "r",
        b"https://a.example",
        b"PUT",
    )
    assert door.reason(method="PUT", fields=PREFLIGHT) is Reason.KEY_MISSING
    assert door.reason(method="OPTIONS", fields=PREFLIGHT[:1]) is Reason.KEY_MISSING


async def test_without_cors_a_preflight_request_is_one_like_any_other():
    assert Door(config()).admit(method="OPTIONS", fields=PREFLIGHT).route.name == "r"


async def test_a_key_is_wanted_before_a_limit_counts():
    door = Door(
        config(auth="key", stanzas=limits("{name: a, key: Client, requests: 1, period: 1h}")), api_key="k"
    )
    assert door.reason() is Reason.KEY_MISSING
    assert door.reason(fields=["x-api-key: other"]) is Reason.KEY_UNKNOWN
    admission = door.admit(fields=["x-api-key: k"])
    assert (admission.client, admission.key) == (Client("default"), b"k")
    rejected = door.reject(fields=["authorization: Bearer k"])
    assert rejected.rejection.reason is Reason.RATE_LIMITED
    assert (rejected.client, rejected.route) == (Client("default"), admission.route)


async def test_a_key_past_its_end_is_told_so():
    door = Door(config(auth="key"), api_key="k")
    entry = KeyEntry("acme", KeyScheme.SHA256, sha256(b"old").digest(), not_after_wall_s=WALL_S - 1)
    door.plans.keyring = Keyring.build((entry,), None)
    assert door.reason(fields=["x-api-key: old"]) is Reason.KEY_EXPIRED


@pytest.mark.parametrize(
    ("key", "same", "other"),
    [
        ("key: ClientIP", {"peer_ip": "192.0.2.1"}, {"peer_ip": "192.0.2.2"}),
        ("key: Client", {"peer_ip": "192.0.2.1"}, {"peer_ip": "192.0.2.2"}),
        ("key: Header, header: X-T", {"fields": ["a:", "X-T: 1"]}, {"fields": ["x-t: 2"]}),
        ("key: Header, header: X-T", {"fields": []}, {"fields": ["x-t:"]}),
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
    assert [door.reason(), door.reason(peer_ip="192.0.2.2")] == [None, Reason.RATE_LIMITED]


async def test_clients_behind_a_trusted_proxy_have_buckets_of_their_own():
    door = Door(config(stanzas=limits("{name: a, key: ClientIP, requests: 1, period: 1h}")))
    told = [
        door.reason(peer_ip="10.0.0.1", trusted="10.0.0.0/8", fields=[f"x-forwarded-for: {client}"])
        for client in ("192.0.2.1", "192.0.2.2", "192.0.2.1")
    ]
    assert told == [None, None, Reason.RATE_LIMITED]


async def test_a_rejection_by_a_limit_tells_when_to_come_back():
    door = Door(config(stanzas=limits("{name: a, key: Global, requests: 1, period: 1h}")))
    door.admit()
    admission = door.reject()
    assert admission.rejection.retry_after_s == 3600
    assert b'ratelimit-policy: "a";q=1;w=3600\r\nratelimit: "a";r=0' in admission.limit_lines
    assert admission.target is None
    assert door.plans.plans[0].counts.decisions == {("a", "allowed"): 1, ("a", "limited"): 1}


async def test_what_a_rejection_tells_follows_the_time():
    door = Door(config(stanzas=limits("{name: a, key: Global, requests: 1, period: 1h}")))
    door.admit()
    for waited_s in (0, 0, 1800, 600):
        admission, left_s = door.reject(now_s=NOW_S + waited_s), 3600 - waited_s
        assert admission.rejection.retry_after_s == left_s
        assert admission.rejection.detail.endswith(f"try again in {left_s} s")
        assert b'ratelimit: "a";r=0;t=%d\r\n' % left_s in admission.limit_lines


async def test_of_several_rules_each_tells_its_own_time():
    minute = "{name: m, key: Global, requests: 1, period: 1m}"
    client = "{name: c, key: ClientIP, requests: 1, period: 1h}"
    door = Door(config(stanzas=limits(minute, client)))
    door.admit(peer_ip="192.0.2.1")
    told = [door.reject(peer_ip=f"192.0.2.{last}").rejection for last in (1, 2, 1)]
    assert [(each.retry_after_s, "limit c " in each.detail) for each in told] == [
        (3600, True),
        (60, False),
        (3600, True),
    ]


async def test_only_the_rules_of_the_clients_tier_count_and_are_told():
    gold = "{name: g, key: Global, requests: 1, period: 1h, tiers: [gold]}"
    everybody = "{name: e, key: Global, requests: 5, period: 1h}"
    admission = Door(config(stanzas=limits(gold, everybody))).admit()
    assert b'"g"' not in admission.limit_lines
    assert b'ratelimit-policy: "e";q=5;w=3600\r\n' in admission.limit_lines


async def test_without_a_rule_for_the_client_nothing_is_told():
    door = Door(config(stanzas=limits("{name: g, key: Global, requests: 1, period: 1h, tiers: [gold]}")))
    assert [door.admit().limit_lines for _ in range(2)] == [b"", b""]


async def test_weights_choose_the_target_by_chance():
    door = Door(config(upstream="[{name: one, weight: 9}, {name: two, weight: 1}]"))
    assert door.admit().target.upstream.name == "one"
    door.random = 0.95
    assert door.admit().target.upstream.name == "two"


async def test_a_route_whose_weights_are_all_zero_leads_nowhere():
    door = Door(config(upstream="[{name: one, weight: 9}, {name: two, weight: 1}]"))
    door.plans.plans[0].weights = (0, 0)  # a file cannot say so; an HTTPRoute can
    admission = door.reject()
    assert admission.route is door.plans.plans[0]
    assert admission.rejection == Rejection(Reason.NO_ROUTE, "every upstream of this route has weight 0")


async def test_an_open_breaker_rejects_and_then_lets_one_probe_in():
    stanza = "circuitBreaker: {consecutiveFailures: 1, openDuration: 10s, halfOpenRequests: 1}"
    door = Door(config(stanzas=stanza))
    admission = door.admit()
    admission.target.breaker.fail(admission.permit, NOW_S)
    rejected = door.reject(now_s=NOW_S + 1)
    assert (rejected.rejection.reason, rejected.rejection.retry_after_s) == (Reason.BREAKER_OPEN, 9)
    assert rejected.target is admission.target
    probe = door.admit(now_s=NOW_S + 11)
    assert probe.permit.is_probe
    rejected = door.reject(now_s=NOW_S + 11)
    assert (rejected.rejection.reason, rejected.rejection.retry_after_s) == (Reason.BREAKER_PROBING, 1)
    assert "is being tried" in rejected.rejection.detail


async def test_a_redirect_takes_no_breaker():
    text = "routes: [{name: r, match: {path: {prefix: /}}, auth: none, redirect: {host: new.example}}]\n"
    admission = Door(text).ask()
    assert isinstance(admission, Redirect)
    assert admission.route.redirect is not None


BROWSER = ("Accept: text/html,*/*;q=0.8",)


@pytest.mark.parametrize(
    ("landing", "target", "method", "fields", "lands"),
    [
        (b"/monitor", "/", "GET", BROWSER, True),
        (b"/monitor", "/", "HEAD", ("Accept: Text/HTML",), True),
        (b"/monitor", "/?q=1", "GET", BROWSER, True),
        (b"/monitor", "/", "GET", ("Accept: */*",), False),
        (b"/monitor", "/", "GET", (), False),
        (b"/monitor", "/", "POST", BROWSER, False),
        (b"/monitor", "/other", "GET", BROWSER, False),
        (b"", "/", "GET", BROWSER, False),
    ],
)
async def test_a_browser_at_a_root_without_a_route_lands_on_the_own_page(
    landing, target, method, fields, lands
):
    admission = Door(config("/orders"), landing=landing).ask(target, method, fields=fields)
    if lands:
        assert isinstance(admission, Landing)
        assert (admission.path, admission.route, admission.client) == (b"/monitor", None, None)
    else:
        assert isinstance(admission, Reject)
        assert admission.rejection.reason is Reason.NO_ROUTE


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


async def test_a_shadow_limit_looks_at_every_request_and_rejects_none():
    door = Door(config())
    counts = shadowed(door, "{name: all, key: ClientIP, requests: 1, period: 1m}")
    assert [door.reason() for _ in range(3)] == [None] * 3
    assert door.admit().limit_lines == b""
    assert counts.shadow_rejections == {("trial", "Gateway", "rate_limited"): 3}


async def test_a_shadow_limit_of_other_tiers_does_not_look():
    door = Door(config())
    counts = shadowed(door, "{name: gold, key: Client, tiers: [gold], requests: 0, period: 1m}")
    assert door.reason() is None
    assert counts.shadow_rejections == {}


async def test_a_shadow_limit_does_not_see_who_has_no_key():
    door = Door(config(auth="key"), api_key="k")
    counts = shadowed(door, "{name: all, key: Global, requests: 0, period: 1m}")
    assert door.reason() is Reason.KEY_MISSING
    assert counts.shadow_rejections == {}
    assert door.reason(fields=["x-api-key: k"]) is None
    assert counts.shadow_rejections == {("trial", "Gateway", "rate_limited"): 1}


async def test_a_shadow_breaker_sees_what_the_enforced_one_lets_pass():
    counts = Counts("1")
    door = Door(config(stanzas="circuitBreaker: {consecutiveFailures: 1}"))
    (target,) = door.plans.plans[0].targets
    target.shadow = ShadowBreaker(
        Breakers().get("trial one", target.breaker.settings), "trial", "Gateway", counts
    )
    first = door.admit()
    assert first.shadow is not None
    first.shadow.end(Outcome.FAILURE, True, NOW_S)
    target.breaker.succeed(first.permit, NOW_S)
    target.breaker.fail(door.admit().permit, NOW_S)
    assert counts.shadow_rejections == {("trial", "Gateway", "breaker_open"): 1}
    assert door.reason() is Reason.BREAKER_OPEN
    assert counts.shadow_rejections == {("trial", "Gateway", "breaker_open"): 1}


async def test_equal_rejections_are_one_value():
    door = Door(config(stanzas=limits("{name: a, key: Global, requests: 1, period: 1h}")))
    door.admit()
    assert door.reject().rejection is door.reject().rejection


@pytest.mark.parametrize("reason", [Reason.NO_ENDPOINTS, Reason.NO_BACKEND])
async def test_an_upstream_without_endpoints_rejects_its_share_and_no_breaker_counts_it(reason):
    door = Door(config(upstream="[{name: one, weight: 1}, {name: two, weight: 1}]"))
    first, second = door.plans.plans[0].targets
    rejection = first.upstream.rejection = Rejection(reason, "none")
    assert door.admit().target is first  # a rejection alone is no reason while there are endpoints
    first.upstream.addresses.clear()
    rejected = door.reject()
    assert (rejected.rejection, rejected.target) == (rejection, first)
    door.random = 0.9
    assert door.admit().target is second


async def test_an_upstream_whose_name_is_being_looked_up_rejects_nothing():
    door = Door(config())
    door.plans.plans[0].targets[0].upstream.addresses.clear()
    assert door.reason() is None

import pytest

from app.config.environment import EnvironmentRules
from app.config.idle_policies import find_idle_policies
from app.config.parsing.config_file import parse_config
from app.config.table import compile_table
from app.schema.faults import spell

ROUTES = """
upstreams: {orders: {endpoints: [http://o]}, unused: {endpoints: [http://u]}}
routes:
  - {name: orders, upstream: orders, match: {path: {prefix: /orders}}}
  - {name: all, upstream: cache}
  - {name: old, match: {path: {exact: /old}}, redirect: {path: /orders}}
policies:
"""
BREAKER = "circuitBreaker: {consecutiveFailures: 5}"
OVERRIDE = "circuitBreaker: {override: {state: Open, until: '2099-01-01T00:00:00Z'}}"


def idle(*policies: str) -> list[tuple[str, str]]:
    """Places and messages, for policies p0, p1 … as targets and stanza."""
    text = ROUTES + "".join(
        f"  - {{name: p{index}, spec: {{{policy}}}}}\n" for index, policy in enumerate(policies)
    )
    config = parse_config(text.encode(), "gw.yaml")
    table = compile_table(config, EnvironmentRules(api_key="k" * 43), 0)
    return [(spell(found.path), found.what) for found in find_idle_policies(config.policies, table).found]


def at(target: str, stanza: str, mode: str = "") -> str:
    return f"targetRefs: [{{{target}}}], {mode}{stanza}"


GATEWAY, ORDERS, ALL, OLD = (
    "kind: Gateway",
    "kind: Route, name: orders",
    "kind: Route, name: all",
    "kind: Route, name: old",
)
TIMEOUT = "timeout: {request: 1s}"
RETRY = "retry: {attempts: 2}"
LIMIT = "rateLimit: {rules: [{name: per-client, key: Client, requests: 5, period: 1s}]}"
SHADOW = "mode: Shadow, "


@pytest.mark.parametrize(
    "policies",
    [
        [at(GATEWAY, TIMEOUT), at(ORDERS, TIMEOUT)],
        [at(GATEWAY, BREAKER), at("kind: Upstream, name: orders", BREAKER)],
        [at(GATEWAY, OVERRIDE), at(GATEWAY, "circuitBreaker: {override: {state: Auto}}")],
        [at(GATEWAY, BREAKER, SHADOW), at(GATEWAY, BREAKER)],
        [at(GATEWAY, LIMIT, SHADOW), at(OLD, LIMIT)],
        [at(ORDERS, f"{TIMEOUT}, {RETRY}, {LIMIT}")],
    ],
    ids=["partly beaten", "upstream", "override", "shadow breaker", "limit of a redirect", "all"],
)
def test_what_is_in_force_somewhere_has_an_effect(policies):
    assert idle(*policies) == []


def test_a_stanza_that_is_beaten_everywhere_says_by_whom():
    upstreams = "targetRefs: [{kind: Upstream, name: orders}, {kind: Upstream, name: cache}]"
    assert idle(at(GATEWAY, f"{BREAKER}, {TIMEOUT}"), f"{upstreams}, {BREAKER}") == [
        (
            "policies[0].spec.circuitBreaker",
            "has no effect: p1 (Upstream/cache), p1 (Upstream/orders) beats it wherever it applies",
        )
    ]


def test_many_winners_are_counted():
    targets = "targetRefs: [{kind: Upstream, name: orders}, {kind: Upstream, name: cache}]"
    routes = [at(one, BREAKER) for one in (ORDERS, ALL)]
    overrides = idle(f"{targets}, {OVERRIDE}", at(ORDERS, OVERRIDE), at(ALL, OVERRIDE), *routes)
    assert overrides == [
        (
            "policies[0].spec.circuitBreaker.override",
            "has no effect: p1 (Route/orders), p2 (Route/all) beats it wherever it applies",
        )
    ]


@pytest.mark.parametrize(
    ("policy", "place", "targets"),
    [
        (at(OLD, TIMEOUT), "timeout", "Route/old"),
        (at(OLD, RETRY), "retry", "Route/old"),
        (at("kind: Upstream, name: unused", BREAKER), "circuitBreaker", "Upstream/unused"),
        (at("kind: Upstream, name: unused", OVERRIDE), "circuitBreaker.override", "Upstream/unused"),
    ],
)
def test_what_no_request_meets_has_no_effect(policy, place, targets):
    assert idle(policy) == [(f"policies[0].spec.{place}", f"has no effect: no request meets it at {targets}")]


def test_of_more_than_three_winners_three_are_named():
    routes = "".join(
        f"  - {{name: r{n}, upstream: cache, match: {{path: {{exact: /{n}}}}}}}\n" for n in range(5)
    )
    policies = "".join(
        f"  - {{name: q{n}, spec: {{{at(f'kind: Route, name: r{n}', TIMEOUT)}}}}}\n" for n in range(5)
    )
    text = f"routes:\n{routes}policies:\n{policies}  - {{name: q, spec: {{{at(GATEWAY, TIMEOUT)}}}}}\n"
    config = parse_config(text.encode(), "gw.yaml")
    (found,) = find_idle_policies(
        config.policies, compile_table(config, EnvironmentRules(api_key="k" * 43), 0)
    ).found
    assert "q0 (Route/r0), q1 (Route/r1), q2 (Route/r2) and 2 more beats it" in found.what

"""The table under policies for objects of the cluster: an HTTPRoute and its rules, Services, Gateways."""

from app.config.environment import EnvironmentRules
from app.config.model import (
    Auth,
    Config,
    Endpoint,
    Match,
    Route,
    RouteName,
    Upstream,
    UpstreamName,
    WeightedUpstream,
)
from app.config.resources import Resources
from app.config.table import compile_table
from app.policy.model import Policy
from app.policy.parse import parse_spec

ORDERS, CART = "service/shop/orders/8080", "service/shop/cart/80"
NOON_S = 1_800_000_000.0


def ref(kind, name, section=None):
    group = "" if kind == "Service" else "gateway.networking.k8s.io"
    own = {"group": group, "kind": kind, "name": name}
    return own if section is None else {**own, "sectionName": section}


def policy(name, target, namespace="shop", mode="Enforce", **stanzas):
    spec = parse_spec({"targetRefs": [target], "mode": mode, **stanzas})
    return Policy(f"{namespace}/{name}", spec, namespace)


def route(name, *upstreams):
    shares = tuple(WeightedUpstream(UpstreamName(upstream)) for upstream in upstreams)
    return Route(RouteName(name), Match(), shares, auth=Auth.NONE)


ROUTES = (
    route("httproute/shop/web/0", ORDERS),
    route("httproute/shop/web/cart", CART, ORDERS),
    route("httproute/shop/other/0", ORDERS),
)


def compiled(*policies, routes=ROUTES):
    upstreams = [Upstream(UpstreamName(name), (Endpoint("127.0.0.1", 9),)) for name in (ORDERS, CART)]
    config = Config(upstreams=tuple(upstreams), routes=routes)
    return compile_table(config, EnvironmentRules(), 1, (), Resources(policies), NOON_S)


def breaker(failures):
    return {"circuitBreaker": {"consecutiveFailures": failures}}


def test_a_policy_for_an_httproute_covers_its_rules_and_one_for_a_rule_beats_it():
    whole = policy("whole", ref("HTTPRoute", "web"), timeout={"request": "5s"})
    rule = policy("rule", ref("HTTPRoute", "web", "cart"), timeout={"request": "2s"})
    first, cart, other = compiled(whole, rule).routes
    assert [one.timeout.value.request_s for one in (first, cart, other)] == [5.0, 2.0, 30.0]
    assert [origin.policy for _, origin in cart.timeout.losers] == ["shop/whole", "built-in"]


def test_rules_share_the_breaker_that_is_set_for_their_whole_route():
    table = compiled(policy("b", ref("HTTPRoute", "web"), **breaker(7)))
    assert [one.breakers for one in table.routes] == [
        (f"{ORDERS}@httproute/shop/web",),
        (f"{CART}@httproute/shop/web", f"{ORDERS}@httproute/shop/web"),
        (ORDERS,),
    ]
    assert {name: one.value.consecutive_failures for name, one in table.breakers.items()} == {
        f"{ORDERS}@httproute/shop/web": 7,
        f"{CART}@httproute/shop/web": 7,
        ORDERS: 3,
    }


def test_a_rule_with_a_breaker_has_one_of_its_own():
    table = compiled(
        policy("b", ref("HTTPRoute", "web", "cart"), **breaker(7)),
        policy("w", ref("HTTPRoute", "web"), **breaker(8)),
    )
    assert table.routes[1].breakers == (
        f"{CART}@httproute/shop/web/cart",
        f"{ORDERS}@httproute/shop/web/cart",
    )
    assert table.breakers[f"{CART}@httproute/shop/web/cart"].value.consecutive_failures == 7


def test_a_service_has_one_breaker_for_each_port_whatever_route_leads_there():
    table = compiled(policy("s", ref("Service", "orders"), **breaker(9)))
    assert [one.breakers for one in table.routes] == [(ORDERS,), (CART, ORDERS), (ORDERS,)]
    assert table.breakers[ORDERS].value.consecutive_failures == 9
    assert table.breakers[CART].value.consecutive_failures == 3


def test_routes_of_which_policies_name_the_same_share_one_value():
    first, cart, other = compiled(policy("w", ref("HTTPRoute", "web"), timeout={"request": "5s"})).routes
    assert first.timeout is cart.timeout
    assert other.timeout is not first.timeout


def test_a_shadow_for_a_rule_runs_beside_the_shared_breaker():
    shadow = policy("s", ref("HTTPRoute", "web", "cart"), mode="Shadow", **breaker(1))
    settings = compiled(shadow).routes[1]
    assert settings.breakers == (CART, ORDERS)
    assert settings.shadow_breakers == (
        f"{CART}@httproute/shop/web/cart",
        f"{ORDERS}@httproute/shop/web/cart",
    )

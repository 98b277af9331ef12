"""What is in force for routes of the cluster: policies for an HTTPRoute and its rules, Services, Gateways."""

from app.config.environment import EnvironmentRules
from app.config.model import (
    Auth,
    Config,
    Endpoint,
    Listener,
    ListenerName,
    Match,
    Route,
    RouteName,
    Tables,
    Upstream,
    UpstreamName,
    WeightedUpstream,
)
from app.config.resources import Resources
from app.config.table import compile_table
from app.policy.effective import Source
from app.policy.model import Policy, Retry, Timeout
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


def route(name, *upstreams, listeners=(), **given):
    shares = tuple(WeightedUpstream(UpstreamName(upstream)) for upstream in upstreams)
    where = tuple(ListenerName(listener) for listener in listeners)
    return Route(RouteName(name), Match(), shares, auth=Auth.NONE, listeners=where, **given)


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
        ORDERS: None,
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
    assert table.breakers[CART].value.consecutive_failures is None


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


EDGE, INNER = "infra/edge/http", "infra/inner/http"
TWO_GATEWAYS = (
    route("httproute/shop/web/0", ORDERS, listeners=(EDGE, INNER, "infra/edge/https")),
    route("httproute/shop/web/cart", CART, listeners=(INNER,)),
)


def edge(name="edge", **stanzas):
    return policy(name, ref("Gateway", "edge"), "infra", **stanzas)


def test_a_gateways_policy_is_for_what_its_listeners_take():
    at_edge, at_inner, cart = compiled(edge(timeout={"request": "5s"}), routes=TWO_GATEWAYS).routes
    assert at_edge.route.listeners == (EDGE, "infra/edge/https")
    assert at_inner.route.listeners == (INNER,)
    assert [one.timeout.value.request_s for one in (at_edge, at_inner, cart)] == [5.0, 30.0, 30.0]
    assert at_edge.route.name == at_inner.route.name


def test_a_listener_of_a_listener_set_is_its_gateways():
    more = ListenerName("listenerset/team/more/http")
    routes = (route("httproute/shop/web/0", ORDERS, listeners=(more,)),)
    resources = Resources(
        (edge(timeout={"request": "5s"}),),
        tables=Tables(listeners=(Listener(more, 20_001, gateway="infra/edge"),)),
    )
    upstream = Upstream(UpstreamName(ORDERS), (Endpoint("127.0.0.1", 9),))
    config = Config(upstreams=(upstream,), routes=routes)
    (settings,) = compile_table(config, EnvironmentRules(), 1, (), resources, NOON_S).routes
    assert settings.timeout.value.request_s == 5.0


def test_a_route_of_several_gateways_stays_one_where_no_policy_names_any():
    first, _ = compiled(policy("w", ref("HTTPRoute", "web"), timeout={}), routes=TWO_GATEWAYS).routes
    assert first.route is TWO_GATEWAYS[0]


def test_a_gateways_breaker_is_one_of_its_own_and_the_others_go_on_with_theirs():
    table = compiled(edge(**breaker(7)), routes=TWO_GATEWAYS)
    own = f"{ORDERS}@gateway/infra/edge"
    assert [one.breakers for one in table.routes] == [(own,), (ORDERS,), (CART,)]
    assert table.breakers[own].value.consecutive_failures == 7
    assert table.breakers[ORDERS].value.consecutive_failures is None


def test_a_services_breaker_is_one_for_all_gateways_whatever_theirs_say():
    table = compiled(
        edge(**breaker(7)), policy("s", ref("Service", "orders"), **breaker(9)), routes=TWO_GATEWAYS
    )
    assert [one.breakers for one in table.routes] == [(ORDERS,), (ORDERS,), (CART,)]
    assert table.breakers[ORDERS].value.consecutive_failures == 9


def test_an_override_for_a_gateway_holds_no_requests_of_another_one():
    forced = {"circuitBreaker": {"override": {"state": "Open", "until": "2027-01-15T09:00:00Z"}}}
    table = compiled(edge(**forced), policy("s", ref("Service", "orders"), **breaker(9)), routes=TWO_GATEWAYS)
    own = f"{ORDERS}@gateway/infra/edge"
    assert [one.breakers for one in table.routes] == [(own,), (ORDERS,), (CART,)]
    assert set(table.overrides) == {own}
    assert table.breakers[own].value.consecutive_failures == 9


def test_a_shadow_for_a_gateway_judges_its_requests_only():
    limit = {"rules": [{"name": "r", "key": "Global", "requests": 1, "period": "1s"}]}
    shadow = edge(mode="Shadow", rateLimit=limit, **breaker(1))
    at_edge, at_inner, _ = compiled(shadow, routes=TWO_GATEWAYS).routes
    assert at_edge.shadow_breakers == (f"{ORDERS}@gateway/infra/edge",)
    assert at_edge.shadow_limit is not None
    assert (at_inner.shadow_breakers, at_inner.shadow_limit) == ((None,), None)


def test_what_an_httproute_says_itself_beats_its_gateway_and_loses_to_a_policy_for_it():
    own = Timeout(request_s=7.0)
    routes = (route("httproute/shop/web/0", ORDERS, listeners=(EDGE,), timeout=own, retry=Retry(2)),)
    (alone,) = compiled(edge(timeout={"request": "5s"}), routes=routes).routes
    assert (alone.timeout.value, alone.retry.value) == (own, Retry(2))
    assert alone.timeout.origin.target == "Route/httproute/shop/web/0"
    assert [origin.policy for _, origin in alone.timeout.losers] == ["infra/edge", "built-in"]
    whole = policy("w", ref("HTTPRoute", "web"), timeout={"request": "6s"})
    (beaten,) = compiled(whole, routes=routes).routes
    assert (beaten.timeout.value.request_s, beaten.retry.value) == (6.0, Retry(2))


def test_what_a_route_of_a_file_says_itself_comes_from_the_file():
    (settings,) = compiled(routes=(route("orders", ORDERS, timeout=Timeout(request_s=7.0)),)).routes
    assert settings.timeout.origin.source is Source.FILE


def test_the_gateways_own_limit_and_breaker_are_for_routes_of_a_file_alone():
    routes = (*ROUTES, route("main", "orders"))
    upstreams = [
        Upstream(UpstreamName(name), (Endpoint("127.0.0.1", 9),)) for name in (ORDERS, CART, "orders")
    ]
    config = Config(upstreams=tuple(upstreams), routes=routes)
    table = compile_table(config, EnvironmentRules(rate_limit="5-S"), 1, (), Resources(()), NOON_S)
    limits = [settings.rate_limit.value is not None for settings in table.routes]
    assert limits == [False, False, False, True]
    assert table.breakers["orders"].value.consecutive_failures == 3
    own = table.breakers[ORDERS].value
    assert (own.consecutive_failures, own.failure_rate, own.slow_calls) == (None, None, None)


def test_a_policy_for_every_route_limits_those_of_the_cluster_too():
    rule = {"name": "all", "key": "Global", "requests": 1, "period": "1s"}
    table = compiled(policy("p", {"kind": "Gateway"}, rateLimit={"rules": [rule]}, **breaker(7)))
    assert all(settings.rate_limit.value is not None for settings in table.routes)
    assert table.breakers[ORDERS].value.consecutive_failures == 7

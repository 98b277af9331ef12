import pytest

from app.operator.policy.explain import OWN, explain, is_known, read_target
from app.policy.model import TargetGroup, TargetKind, TargetRef
from app.schema.faults import BadValue
from tests.app.operator.samples import WALL_S, policy

GATEWAY_API = TargetGroup.GATEWAY_API
ROUTE = TargetRef(TargetKind.ROUTE, "orders")


def made(name, target, created="2026-01-01T00:00:00Z", **stanzas):
    return policy(name, created=created, spec={"targetRefs": [target], **stanzas})


GATEWAY = made("all", {"kind": "Gateway"}, timeout={"request": "30s"}, retry={"attempts": 1})
OWN_ROUTE = made("orders", {"kind": "Route", "name": "orders"}, timeout={"request": "10s"})
LATE = made("late", {"kind": "Route", "name": "orders"}, "2026-02-01T00:00:00Z", timeout={"request": "1s"})


def rows(target, *policies):
    shown = explain(policies, "shop", target, WALL_S).rows
    return {(f"{row.stanza} {row.part}".strip(), row.mode): row for row in shown}


def test_the_more_specific_policy_wins_and_the_beaten_one_is_named():
    row = rows(ROUTE, GATEWAY, OWN_ROUTE)["timeout", "Enforce"]
    assert (row.winner, row.spec_json, row.losers) == (
        "shop/orders (Route/orders)",
        '{"request":"10s"}',
        ("shop/all (Gateway)",),
    )


def test_a_stanza_that_no_policy_sets_is_the_gateways_own():
    row = rows(ROUTE, GATEWAY)["rateLimit", "Enforce"]
    assert (row.winner, row.spec_json, row.losers) == (OWN, "", ())


def test_a_loser_is_shown_with_its_reason():
    ((name, why),) = explain([OWN_ROUTE, LATE], "shop", ROUTE, WALL_S).not_in_force
    assert (name, why.startswith("Conflicted: timeout of Route/orders")) == ("shop/late", True)


def test_a_loser_elsewhere_is_not_shown():
    assert explain([OWN_ROUTE, LATE], "shop", TargetRef(TargetKind.GATEWAY), WALL_S).not_in_force == ()


def test_one_that_cannot_be_read_is_always_shown():
    broken = made("broken", {"kind": "Gateway"}, timeout={"request": "x"})
    assert explain([broken], "shop", ROUTE, WALL_S).not_in_force[0][1].startswith("Invalid: ")


def test_other_namespaces_do_not_count():
    assert rows(ROUTE, policy("far", namespace="far", spec=GATEWAY.spec))["retry", "Enforce"].winner == OWN


def test_an_upstream_has_a_breaker_only():
    assert list(rows(TargetRef(TargetKind.UPSTREAM, "cache"), GATEWAY)) == [("circuitBreaker", "Enforce")]


def test_a_named_gateway_gets_its_own_policies():
    named = made("edge", {"kind": "Gateway", "name": "edge"}, timeout={"request": "5s"})
    found = rows(TargetRef(TargetKind.GATEWAY, "inner"), GATEWAY, named)
    assert found["timeout", "Enforce"].winner == "shop/all (Gateway)"


def test_what_is_shadowed_is_shown_beside():
    shadow = made("try", {"kind": "Gateway"}, mode="Shadow", circuitBreaker={"consecutiveFailures": 2})
    found = rows(ROUTE, shadow)
    assert [key for key in found if key[1] == "Shadow"] == [("circuitBreaker", "Shadow")]


def breaker(name, target, failures=2, **more):
    return made(name, target, circuitBreaker={"consecutiveFailures": failures, **more})


def test_a_route_is_shown_what_the_breaker_of_each_upstream_would_be():
    """Policies do not tell where a route goes, so the general answer alone would be wrong for `cache`."""
    cache = breaker("cache", {"kind": "Upstream", "name": "cache"})
    found = rows(ROUTE, breaker("all", {"kind": "Gateway"}), cache)
    assert found["circuitBreaker", "Enforce"].winner == "shop/all (Gateway)"
    row = found["circuitBreaker to cache", "Enforce"]
    assert (row.winner, row.losers) == ("shop/cache (Upstream/cache)", ("shop/all (Gateway)",))


def test_an_upstream_that_changes_nothing_of_a_stanza_is_no_row():
    edge = made("edge", {"kind": "Gateway", "name": "edge"}, timeout={"request": "5s"})
    found = rows(ROUTE, edge, breaker("cache", {"kind": "Upstream", "name": "cache"}))
    assert [key for key, _ in found if " to " in key] == ["circuitBreaker to cache"]


def test_a_loser_on_a_level_below_is_shown():
    late = made("late", {"kind": "Gateway"}, "2026-02-01T00:00:00Z", timeout={"request": "1s"})
    for target in (ROUTE, TargetRef(TargetKind.UPSTREAM, "cache"), TargetRef(TargetKind.GATEWAY, "edge")):
        ((name, _),) = explain([GATEWAY, late], "shop", target, WALL_S).not_in_force
        assert name == "shop/late"


def test_a_breaker_of_the_routes_own_is_the_only_row():
    cache = breaker("cache", {"kind": "Upstream", "name": "cache"})
    found = rows(ROUTE, cache, breaker("own", {"kind": "Route", "name": "orders"}))
    assert [key for key in found if key[0].startswith("circuitBreaker")] == [("circuitBreaker", "Enforce")]


def test_a_policy_for_one_gateway_by_name_is_shown_apart_from_what_the_others_do():
    edge = made("edge", {"kind": "Gateway", "name": "edge"}, timeout={"request": "5s"})
    found = rows(ROUTE, GATEWAY, edge)
    assert found["timeout", "Enforce"].winner == "shop/all (Gateway)"
    row = found["timeout at edge", "Enforce"]
    assert (row.winner, row.losers) == ("shop/edge (Gateway/edge)", ("shop/all (Gateway)",))
    assert ("retry at edge", "Enforce") not in found


def override(state, until):
    only = {"override": {"state": state, "until": until}}
    return made("drill", {"kind": "Route", "name": "orders"}, circuitBreaker=only)


def test_an_override_is_shown_while_it_lasts_and_lies_on_top_of_the_settings():
    found = rows(ROUTE, breaker("all", {"kind": "Gateway"}), override("Open", "2099-01-01T00:00:00Z"))
    row = found["override", "Enforce"]
    assert (row.winner, row.spec_json) == (
        "shop/drill (Route/orders)",
        '{"state":"Open","until":"2099-01-01T00:00:00Z"}',
    )
    assert found["circuitBreaker", "Enforce"].winner == "shop/all (Gateway)"


def test_an_override_that_has_ended_is_not_shown():
    assert ("override", "Enforce") not in rows(ROUTE, override("Open", "2020-01-01T00:00:00Z"))


def test_whether_a_policy_names_the_target_is_shown_for_losers_too():
    assert explain([OWN_ROUTE], "shop", ROUTE, WALL_S).is_named
    assert not explain([GATEWAY], "shop", ROUTE, WALL_S).is_named


@pytest.mark.parametrize(
    ("kind", "name", "known"),
    [
        (TargetKind.ROUTE, "orders", True),
        (TargetKind.ROUTE, "cache", False),
        (TargetKind.UPSTREAM, "cache", True),
        (TargetKind.GATEWAY, "edge", True),
        (TargetKind.GATEWAY, "inner", False),
        (TargetKind.GATEWAY, None, True),
    ],
)
def test_a_target_is_known_by_its_kind(kind, name, known):
    names = {"gateways": ["edge"], "routes": ["orders"], "upstreams": ["cache"]}
    assert is_known(TargetRef(kind, name), names) is known


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("shop/Route/orders", ("shop", ROUTE)),
        ("shop/route/orders", ("shop", ROUTE)),
        ("shop/Gateway", ("shop", TargetRef(TargetKind.GATEWAY))),
        ("shop/Gateway/edge", ("shop", TargetRef(TargetKind.GATEWAY, "edge"))),
        ("shop/HTTPRoute/web", ("shop", TargetRef(TargetKind.HTTP_ROUTE, "web", GATEWAY_API))),
        (
            "shop/grpcroute/web/v1.cart",
            ("shop", TargetRef(TargetKind.GRPC_ROUTE, "web", GATEWAY_API, "v1.cart")),
        ),
        ("shop/Service/orders", ("shop", TargetRef(TargetKind.SERVICE, "orders", TargetGroup.CORE))),
        ("shop/gtw/edge", ("shop", TargetRef(TargetKind.GATEWAY, "edge", GATEWAY_API))),
        (
            "shop/Gateway.gateway.networking.k8s.io/edge",
            ("shop", TargetRef(TargetKind.GATEWAY, "edge", GATEWAY_API)),
        ),
    ],
)
def test_a_target_is_read_as_people_write_it(text, read):
    assert read_target(text) == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shop",
        "shop/orders",
        "/Route/orders",
        "shop/Route",
        "shop/Upstream/",
        "shop/Route/a/b",
        "shop/Route/Orders",
        "*/Gateway",
        "../Gateway",
        "Shop/Gateway",
        "shop/Gateway/x y",
    ],
)
def test_what_names_no_target_is_rejected(text):
    with pytest.raises(BadValue):
        read_target(text)


def test_policies_for_objects_say_nothing_about_a_gateways_own_configuration():
    edge = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge"}
    objects = made("objects", edge, timeout={"request": "5s"})
    assert rows(ROUTE, objects)["timeout", "Enforce"].winner == OWN
    assert ("timeout at edge", "Enforce") not in rows(ROUTE, objects)

"""Who wins for an object of the cluster, with what it hangs together with."""

from app.operator.policy.explain import OWN
from app.operator.policy.explain_objects import Neighbours, explain_object
from app.policy.model import TargetGroup, TargetKind, TargetRef
from tests.app.operator.samples import WALL_S, policy

API = TargetGroup.GATEWAY_API
WEB = TargetRef(TargetKind.HTTP_ROUTE, "web", API)
CART = TargetRef(TargetKind.HTTP_ROUTE, "web", API, "cart")
ORDERS = TargetRef(TargetKind.SERVICE, "orders", TargetGroup.CORE)
EDGE = TargetRef(TargetKind.GATEWAY, "edge", API)
TWO = Neighbours(
    "tidegate",
    "tidegate",
    ("gateway/infra/edge", "gateway/infra/inner"),
    ("service/bank/pay", "service/shop/orders"),
)
ONE = Neighbours("tidegate", "tidegate", ("gateway/infra/edge",), ("service/shop/orders",))


def ref(kind, name, section=None):
    own = {"group": "" if kind == "Service" else str(API), "kind": kind, "name": name}
    return own if section is None else {**own, "sectionName": section}


def made(name, target, namespace="shop", **stanzas):
    created = stanzas.pop("created", "2026-01-01T00:00:00Z")
    return policy(name, namespace=namespace, created=created, spec={"targetRefs": [target], **stanzas})


def breaker(failures):
    return {"circuitBreaker": {"consecutiveFailures": failures}}


FORCED = {"circuitBreaker": {"override": {"state": "Open", "until": "2030-01-01T00:00:00Z"}}}
ALL = made("all", {"kind": "Gateway"}, "tidegate", timeout={"request": "30s"})
AT_EDGE = made("edge", ref("Gateway", "edge"), "infra", timeout={"request": "20s"})
OF_WEB = made("web", ref("HTTPRoute", "web"), timeout={"request": "10s"})
OF_CART = made("cart", ref("HTTPRoute", "web", "cart"), timeout={"request": "6s"})


def rows(target, *policies, neighbours=ONE, namespace="shop"):
    shown = explain_object(policies, namespace, target, neighbours, WALL_S).rows
    return {(f"{row.stanza} {row.part}".strip(), row.mode): row for row in shown}


def test_the_whole_chain_is_shown_from_the_rule_to_the_release():
    row = rows(CART, ALL, AT_EDGE, OF_WEB, OF_CART)["timeout", "Enforce"]
    assert (row.winner, row.losers) == (
        "shop/cart (HTTPRoute/web/cart)",
        (
            "shop/web (HTTPRoute/web)",
            "infra/edge (Gateway.gateway.networking.k8s.io/edge)",
            "tidegate/all (Gateway)",
        ),
    )


def test_a_rule_that_differs_from_its_route_has_a_row():
    found = rows(WEB, OF_WEB, OF_CART)
    assert found["timeout", "Enforce"].winner == "shop/web (HTTPRoute/web)"
    assert found["timeout in rule cart", "Enforce"].winner == "shop/cart (HTTPRoute/web/cart)"


def test_gateways_have_rows_where_they_differ_only():
    found = rows(WEB, ALL, AT_EDGE, neighbours=TWO)
    assert found["timeout at infra/edge", "Enforce"].winner.startswith("infra/edge")
    assert found["timeout at infra/inner", "Enforce"].winner == "tidegate/all (Gateway)"
    assert found["rateLimit", "Enforce"].winner == OWN


def test_a_services_breaker_stands_in_a_row_of_its_own():
    own = made("s", ref("Service", "orders"), **breaker(4))
    found = rows(WEB, own)
    assert found["circuitBreaker", "Enforce"].winner == OWN
    assert found["circuitBreaker to shop/orders", "Enforce"].winner == "shop/s (Service/orders)"
    assert found["circuitBreaker to shop/orders", "Enforce"].spec_json == '{"consecutiveFailures":4}'
    assert list(rows(ORDERS, own)) == [("circuitBreaker", "Enforce")]


def test_a_service_without_a_policy_has_the_breaker_of_each_gateway():
    at_edge = made("edge", ref("Gateway", "edge"), "infra", **breaker(4))
    found = rows(ORDERS, at_edge, neighbours=TWO)
    assert found["circuitBreaker at infra/edge", "Enforce"].winner.startswith("infra/edge")
    assert found["circuitBreaker at infra/inner", "Enforce"].winner == OWN


def test_a_gateway_is_asked_for_itself():
    found = rows(EDGE, ALL, AT_EDGE, namespace="infra", neighbours=Neighbours("tidegate"))
    assert found["timeout", "Enforce"].losers == ("tidegate/all (Gateway)",)


def test_what_other_releases_and_other_namespaces_say_does_not_count():
    other = made("other", {"kind": "Gateway", "name": "other"}, "tidegate", timeout={"request": "1s"})
    far = made("far", {"kind": "Gateway"}, "far", timeout={"request": "1s"})
    twin = made("twin", ref("HTTPRoute", "web"), "far", timeout={"request": "1s"})
    assert rows(WEB, other, far, twin)["timeout", "Enforce"].winner == OWN


def test_a_shadow_and_an_override_are_shown_beside():
    shadow = made("try", ref("HTTPRoute", "web"), mode="Shadow", **breaker(2))
    forced = made(
        "drill",
        ref("Service", "orders"),
        circuitBreaker={"override": {"state": "Open", "until": "2030-01-01T00:00:00Z"}},
    )
    found = rows(WEB, shadow, forced)
    assert found["circuitBreaker", "Shadow"].winner == "shop/try (HTTPRoute/web)"
    assert found["override to shop/orders", "Enforce"].winner == "shop/drill (Service/orders)"
    assert ("override", "Enforce") not in found


def test_who_lost_a_conflict_about_it_is_shown_and_others_are_not():
    late = made("late", ref("HTTPRoute", "web"), created="2026-02-01T00:00:00Z", timeout={"request": "1s"})
    elsewhere = [
        made("a", ref("HTTPRoute", "other"), timeout={"request": "1s"}),
        made("b", ref("HTTPRoute", "other"), created="2026-02-01T00:00:00Z", timeout={"request": "1s"}),
    ]
    explained = explain_object([OF_WEB, late, *elsewhere], "shop", CART, ONE, WALL_S)
    assert [name for name, _ in explained.not_in_force] == ["shop/late"]
    assert not explained.is_named
    assert explain_object([OF_WEB], "shop", WEB, ONE, WALL_S).is_named


def test_a_release_policy_that_lost_is_about_everything_it_serves():
    late = made(
        "late", {"kind": "Gateway"}, "tidegate", created="2026-02-01T00:00:00Z", timeout={"request": "1s"}
    )
    assert explain_object([ALL, late], "shop", WEB, ONE, WALL_S).not_in_force[0][0] == "tidegate/late"
    assert explain_object([ALL, late], "shop", WEB, Neighbours(), WALL_S).not_in_force == ()


def test_one_that_cannot_be_read_is_shown_in_its_namespace():
    broken = made("broken", ref("HTTPRoute", "web"), timeout={"request": "x"})
    far = made("far", ref("HTTPRoute", "web"), "far", timeout={"request": "x"})
    explained = explain_object([broken, far], "shop", WEB, ONE, WALL_S)
    assert [name for name, _ in explained.not_in_force] == ["shop/broken"]

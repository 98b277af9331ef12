import pytest

from app.operator.explain import OWN, explain, read_target
from app.policy.model import TargetKind, TargetRef
from app.policy.units import BadValue
from tests.app.operator.samples import policy

ROUTE = TargetRef(TargetKind.ROUTE, "orders")


def made(name, target, created="2026-01-01T00:00:00Z", **stanzas):
    return policy(name, created=created, spec={"targetRefs": [target], **stanzas})


GATEWAY = made("all", {"kind": "Gateway"}, timeout={"request": "30s"}, retry={"attempts": 1})
OWN_ROUTE = made("orders", {"kind": "Route", "name": "orders"}, timeout={"request": "10s"})
LATE = made("late", {"kind": "Route", "name": "orders"}, "2026-02-01T00:00:00Z", timeout={"request": "1s"})


def rows(target, *policies):
    return {(row.stanza, row.mode): row for row in explain(policies, "shop", target).rows}


def test_the_more_specific_policy_wins_and_the_beaten_one_is_named():
    row = rows(ROUTE, GATEWAY, OWN_ROUTE)["timeout", "Enforce"]
    assert (row.winner, row.says, row.beaten) == (
        "shop/orders (Route/orders)",
        '{"request":"10s"}',
        ("shop/all (Gateway)",),
    )


def test_a_stanza_that_no_policy_sets_is_the_gateways_own():
    row = rows(ROUTE, GATEWAY)["rateLimit", "Enforce"]
    assert (row.winner, row.says, row.beaten) == (OWN, "", ())


def test_a_loser_is_told_with_its_reason():
    ((name, why),) = explain([OWN_ROUTE, LATE], "shop", ROUTE).out
    assert (name, why.startswith("Conflicted: timeout of Route/orders")) == ("shop/late", True)


def test_a_loser_elsewhere_is_not_told():
    assert explain([OWN_ROUTE, LATE], "shop", TargetRef(TargetKind.GATEWAY)).out == ()


def test_one_that_cannot_be_read_is_told_always():
    broken = made("broken", {"kind": "Gateway"}, timeout={"request": "x"})
    assert explain([broken], "shop", ROUTE).out[0][1].startswith("Invalid: ")


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


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("shop/Route/orders", ("shop", ROUTE)),
        ("shop/route/orders", ("shop", ROUTE)),
        ("shop/Gateway", ("shop", TargetRef(TargetKind.GATEWAY))),
        ("shop/Gateway/edge", ("shop", TargetRef(TargetKind.GATEWAY, "edge"))),
    ],
)
def test_a_target_is_read_as_people_write_it(text, read):
    assert read_target(text) == read


@pytest.mark.parametrize("text", ["", "shop", "shop/orders", "/Route/orders", "shop/Route", "shop/Upstream/"])
def test_what_names_no_target_is_refused(text):
    with pytest.raises(BadValue):
        read_target(text)

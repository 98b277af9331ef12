"""Who reaches whom where network policies are enforced: the chart's, judged as Kubernetes judges them."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.deploy.render import Object, found, objects, profile, rendered

NAME = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Place:
    """A pod: its namespace and labels."""

    namespace: str
    labels: tuple[tuple[str, str], ...]


def of(component: str, instance: str = "tidegate") -> Place:
    names = {"name": "tidegate", "instance": instance, "component": component}
    return Place("tidegate", tuple((f"app.kubernetes.io/{key}", value) for key, value in names.items()))


PLACES = {name: of(name) for name in ("gateway", "cache", "operator", "valkey", "test")}
PLACES |= {
    "another release's gateway": of("gateway", "other"),
    "neighbour": Place("tidegate", (("app", "shop"),)),
    "prometheus": Place("monitoring", (("app", "prometheus"),)),
    "stranger": Place("shop", (("app", "shop"),)),
}


def fits(selector: Object, labels: dict[str, str]) -> bool:
    assert selector.keys() <= {"matchLabels"}
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def is_peer(peer: Object, place: Place, namespace: str) -> bool:
    """Whether a peer of a policy in `namespace` is `place`; an ipBlock is none of our pods."""
    if "ipBlock" in peer:
        return False
    in_namespace = (
        fits(peer["namespaceSelector"], {NAME: place.namespace})
        if "namespaceSelector" in peer
        else place.namespace == namespace
    )
    return in_namespace and fits(peer.get("podSelector", {}), dict(place.labels))


def lets(policies: list[Object], subject: Place, other: Place, port: Any, way: str) -> bool:
    """Whether the policies of `subject` let it be reached by (Ingress), or reach (Egress), `other`."""
    mine = [
        one
        for one in policies
        if one["metadata"]["namespace"] == subject.namespace
        and way in one["spec"]["policyTypes"]
        and fits(one["spec"]["podSelector"], dict(subject.labels))
    ]
    rules = [(rule, one) for one in mine for rule in one["spec"].get(way.lower()) or []]
    direction = {"Ingress": "from", "Egress": "to"}[way]
    return not mine or any(
        # no list, or an empty one, means everybody
        (
            not rule.get(direction)
            or any(is_peer(peer, other, one["metadata"]["namespace"]) for peer in rule[direction])
        )
        and (not rule.get("ports") or port in [each["port"] for each in rule["ports"]])
        for rule, one in rules
    )


def who_reaches(target: str, port: str, values: Object | None = None) -> set[str]:
    policies = [one for one in objects(values) if one["kind"] == "NetworkPolicy"]
    return {
        name
        for name, place in PLACES.items()
        if lets(policies, PLACES[target], place, port, "Ingress")
        and lets(policies, place, PLACES[target], port, "Egress")
    }


SILENT = {"valkey"}  # reaches nobody
BUSY_ELSEWHERE = {"operator"}  # reaches names and the API server


def test_everybody_reaches_the_public_port():
    assert who_reaches("gateway", "http") == PLACES.keys() - SILENT - BUSY_ELSEWHERE


def test_the_releases_namespace_and_monitoring_reach_the_admin_port():
    outside = {"stranger"}
    assert who_reaches("gateway", "admin") == PLACES.keys() - SILENT - BUSY_ELSEWHERE - outside


def test_the_admin_port_can_be_left_to_monitoring_alone():
    values: Object = {"gateway": {"networkPolicy": {"adminFrom": []}}}
    assert who_reaches("gateway", "admin", values) == {"prometheus"}


def test_only_gateways_and_monitoring_reach_the_cache_service():
    assert who_reaches("cache", "http") == {"gateway", "prometheus"}


def test_the_values_let_others_reach_the_cache_service():
    assert who_reaches("cache", "http", profile("ha")) == {"gateway", "prometheus", "stranger"}


def test_only_gateways_and_cache_services_reach_valkey():
    assert who_reaches("valkey", "redis") == {"gateway", "cache"}


@pytest.mark.parametrize(("component", "port"), [("gateway", "side"), ("valkey", "redis")])
def test_a_rule_of_yours_lets_somebody_else_in(component, port):
    rule = {"from": [{"namespaceSelector": {"matchLabels": {NAME: "shop"}}}], "ports": [{"port": port}]}
    before, after = (
        who_reaches(component, port, {component: {"networkPolicy": {"ingress": rules}}})
        for rules in ([], [rule])
    )
    assert after - before == {"stranger"}


def test_only_gateways_reach_the_operators_sync_port():
    assert who_reaches("operator", "sync") == {"gateway"}


def test_the_releases_own_tests_and_monitoring_reach_the_operators_admin_port():
    assert who_reaches("operator", "admin") == {"test", "prometheus"}


@pytest.mark.parametrize(
    ("component", "port"), [("gateway", "admin"), ("cache", "http"), ("operator", "admin")]
)
def test_a_prometheus_elsewhere_is_admitted_by_its_namespace(component, port):
    values = {"monitoring": {"namespaceSelector": {"matchLabels": {NAME: "shop"}}}}
    reached = who_reaches(component, port, values)
    assert "stranger" in reached
    assert "prometheus" not in reached


def test_several_namespaces_of_monitoring_are_admitted_by_an_expression():
    some = {"key": NAME, "operator": "In", "values": ["observability", "prometheus"]}
    selector = {"matchLabels": None, "matchExpressions": [some]}
    policy = found(
        objects({"monitoring": {"namespaceSelector": selector}}), "NetworkPolicy", "tidegate-cache"
    )
    (peer,) = policy["spec"]["ingress"][1]["from"]
    assert peer == {"namespaceSelector": {"matchExpressions": [some]}}


@pytest.mark.parametrize("component", ["gateway", "cache"])
def test_upstreams_names_and_a_redis_outside_are_reached_as_without_a_policy(component):
    policy = found(objects(), "NetworkPolicy", f"tidegate-{component}")["spec"]
    assert policy["policyTypes"] == ["Ingress"]
    assert "egress" not in policy


def test_valkey_reaches_nobody():
    policy = found(objects(), "NetworkPolicy", "tidegate-valkey")["spec"]
    assert ("Egress" in policy["policyTypes"], policy["egress"]) == (True, [])


def test_a_restricted_gateway_reaches_what_it_needs_and_what_the_values_add():
    made = [one for one in objects(profile("ha")) if one["kind"] == "NetworkPolicy"]
    reached = {
        (name, port)
        for name, place in PLACES.items()
        for port in ("http", "admin", "sync", "redis")
        if lets(made, PLACES["gateway"], place, port, "Egress")
    }
    shop = {("stranger", port) for port in ("http", "admin", "sync", "redis")}
    assert reached == {("cache", "http"), ("operator", "sync"), ("valkey", "redis")} | shop
    names = Place("kube-system", (("k8s-app", "kube-dns"),))
    assert lets(made, PLACES["gateway"], names, 53, "Egress")


@pytest.mark.parametrize("component", ["gateway", "cache", "valkey", "operator"])
def test_each_policy_can_be_left_to_somebody_else(component):
    made = objects({component: {"networkPolicy": {"enabled": False}}})
    names = {one["metadata"]["name"] for one in made if one["kind"] == "NetworkPolicy"}
    others = {"gateway", "cache", "valkey", "operator"} - {component}
    assert names == {f"tidegate-{other}" for other in others}


def test_the_notes_tell_which_prometheus_is_admitted():
    values = profile("monitoring")
    assert '{"matchLabels":{"kubernetes.io/metadata.name":"monitoring"}}' in rendered(values)["NOTES.txt"]
    assert "monitoring.namespaceSelector" not in rendered()["NOTES.txt"]

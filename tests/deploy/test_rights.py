"""The operator's rights are the documented ones, and nobody else has any."""

import pytest

from app.config.sync.snapshot_parts import ALL_PARTS
from app.operator.kube.kinds import GATEWAY_API_DEFINITIONS
from tests.deploy.render import found, objects, profile

WATCH = {
    ("tidegate.dev", "resiliencepolicies", ("get", "list", "watch")),
    ("tidegate.dev", "resiliencepolicies/status", ("get", "patch", "update")),
    ("discovery.k8s.io", "endpointslices", ("get", "list", "watch")),
    ("", "events", ("create", "patch")),
}
PROBE = {("gateway.networking.k8s.io", "gatewayclasses", ("list",))}
GATEWAY_API = {
    "backendtlspolicies",
    "gatewayclasses",
    "gateways",
    "grpcroutes",
    "httproutes",
    "listenersets",
    "referencegrants",
}
REVIEW = {("authentication.k8s.io", "tokenreviews", ("create",))}


def rights(role):
    return {
        (group, resource, tuple(rule["verbs"]))
        for rule in role["rules"]
        if "resourceNames" not in rule
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def named(role):
    return {
        (resource, name, tuple(rule["verbs"]))
        for rule in role["rules"]
        for name in rule.get("resourceNames", [])
        for resource in rule["resources"]
    }


def test_a_namespaced_operator_has_a_role_in_its_namespace_and_one_right_of_the_cluster():
    made = objects()
    assert rights(found(made, "Role", "tidegate-operator")) == WATCH
    assert rights(found(made, "ClusterRole", "tidegate:tidegate:operator")) == REVIEW | PROBE


def test_routes_from_the_cluster_need_to_read_it_and_to_write_statuses_services_and_slices():
    granted = rights(found(objects(profile("gateway-api")), "ClusterRole", "tidegate:tidegate:operator"))
    group = "gateway.networking.k8s.io"
    assert {
        resource for where, resource, verbs in granted if where == group and "watch" in verbs
    } == GATEWAY_API
    statuses = {resource for _, resource, verbs in granted if verbs == ("patch",)}
    assert statuses == {f"{kind}/status" for kind in GATEWAY_API - {"referencegrants"}} | {"ingresses/status"}
    assert {
        (resource, verbs) for where, resource, verbs in granted if where == "" and resource != "events"
    } == {
        ("configmaps", ("list", "watch")),
        ("namespaces", ("list", "watch")),
        ("secrets", ("list", "watch")),
        ("services", ("create", "delete", "list", "patch", "watch")),
    }
    assert ("discovery.k8s.io", "endpointslices", ("create", "delete", "list", "patch", "watch")) in granted


def test_of_definitions_it_may_read_those_of_gateway_api_by_name():
    role = found(objects(profile("gateway-api")), "ClusterRole", "tidegate:tidegate:operator")
    assert named(role) == {("customresourcedefinitions", name, ("get",)) for name in GATEWAY_API_DEFINITIONS}


def test_without_gateway_api_there_is_no_right_to_it():
    made = objects({"gatewayAPI": {"enabled": False}})
    assert rights(found(made, "ClusterRole", "tidegate:tidegate:operator")) == REVIEW


def test_the_operator_may_touch_the_snapshots_configmaps_and_one_secret_by_name():
    parts = {("configmaps", f"tidegate-snapshot-{part}", ("get", "update")) for part in ALL_PARTS}
    assert named(found(objects(), "Role", "tidegate-operator")) == parts | {
        ("configmaps", "tidegate-snapshot", ("get", "update")),
        ("secrets", "tidegate-sync-ca", ("get", "update")),
    }


@pytest.mark.parametrize("name", ["cert-manager", "own-secret"])
def test_with_a_certificate_of_yours_it_may_touch_no_secret(name):
    made = objects(profile(name))
    (role,) = (one for one in made if one["kind"] == "Role")
    assert {resource for resource, _, _ in named(role)} == {"configmaps"}


def test_an_operator_of_all_namespaces_watches_them_by_a_cluster_role():
    made = objects(profile("cert-manager"))
    assert rights(found(made, "Role", "tidegate-operator")) == set()
    assert rights(found(made, "ClusterRole", "tidegate:tidegate:operator")) == WATCH | REVIEW | PROBE


@pytest.mark.parametrize("name", ["default", "ha", "cert-manager", "own-secret"])
def test_no_right_is_a_wildcard(name):
    for one in objects(profile(name)):
        if one["kind"] in {"Role", "ClusterRole"}:
            for rule in one["rules"]:
                assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]


def test_only_the_operator_is_bound_to_a_role():
    for one in objects():
        if one["kind"] in {"RoleBinding", "ClusterRoleBinding"}:
            assert [subject["name"] for subject in one["subjects"]] == ["tidegate-operator"]


def test_people_who_may_view_or_edit_a_namespace_may_do_so_with_policies():
    made = objects()
    view = found(made, "ClusterRole", "tidegate:tidegate:policies-view")
    edit = found(made, "ClusterRole", "tidegate:tidegate:policies-edit")
    aggregate = "rbac.authorization.k8s.io/aggregate-to-"
    assert view["metadata"]["labels"][aggregate + "view"] == "true"
    assert (
        edit["metadata"]["labels"].items()
        >= {aggregate + "edit": "true", aggregate + "admin": "true"}.items()
    )
    assert (
        "tidegate.dev",
        "resiliencepolicies",
        ("create", "delete", "deletecollection", "patch", "update"),
    ) in rights(edit)
    assert ("tidegate.dev", "resiliencepolicies/status", ("get",)) in rights(view)


def test_rights_can_be_left_to_somebody_else():
    made = objects({"rbac": {"create": False, "aggregate": False}})
    assert [one for one in made if "rbac" in one["apiVersion"]] == []

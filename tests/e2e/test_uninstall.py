"""What stays when a release goes: what `keep` promises, and Valkey's claim."""

import pytest

from tests.e2e.cluster import CRD, eventually, run

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]
NAMESPACE = "e2e-uninstall"


def test_uninstall_leaves_the_definition_the_policies_and_valkeys_claim(space):
    space.install("--set", "gateway.replicas=1,cache.replicas=1")
    space.apply_policy("limits", targetRefs=[{"kind": "Gateway"}], timeout={"request": "5s"})
    space.wait_ready("limits")
    space.helm("uninstall", "tidegate", "--wait", "--timeout", "120s")
    kinds = (
        "pods,deployments,statefulsets,services,secrets,serviceaccounts,roles,rolebindings,networkpolicies"
    )
    left = eventually(
        lambda: (
            [
                f"{one['kind']}/{one['metadata']['name']}"
                for one in space.get(kinds)["items"]
                if one["metadata"]["name"] not in {"default", "kube-root-ca.crt"}
            ]
            == []
        ),
        "everything to be gone",
    )
    claims = [one["metadata"]["name"] for one in space.get("pvc")["items"]]
    policies = [one["metadata"]["name"] for one in space.get("rsp")["items"]]
    wide = run("kubectl", "get", "clusterroles,clusterrolebindings", "-o", "name")
    assert left
    assert (claims, policies) == (["data-tidegate-valkey-0"], ["limits"])
    assert run("kubectl", "get", "crd", CRD, "-o", "name")
    assert f"{space.name}:" not in wide


def test_a_policy_can_be_deleted_without_an_operator(space):
    space.apply_policy("orphan", targetRefs=[{"kind": "Gateway"}], timeout={"request": "5s"})
    space.kubectl("delete", "rsp", "orphan", "--wait", "--timeout=10s")
    assert [one for one in space.get("rsp")["items"] if one["metadata"]["name"] == "orphan"] == []

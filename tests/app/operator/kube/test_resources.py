from typing import Any

import pytest

from app.operator.kube.resources import Pod, read_pods, read_policy, selected_labels

METADATA = {"namespace": "shop", "name": "orders", "uid": "u", "generation": 3, "resourceVersion": "9"}


def slice_of(*endpoints, labels=None):
    return {"metadata": {"namespace": "shop", "labels": labels}, "endpoints": list(endpoints)}


def endpoint(name="gw-0", kind="Pod", namespace="shop", **conditions):
    ref = {"kind": kind, "name": name, "namespace": namespace, "uid": f"uid-{name}"}
    return {"conditions": conditions, "targetRef": ref}


def test_a_selector_asks_for_labels():
    assert selected_labels("app.kubernetes.io/name=tidegate,job=a=b") == {
        "app.kubernetes.io/name": "tidegate",
        "job": "a=b",
    }


def test_a_policy_is_read_with_its_status():
    found: Any = read_policy({"metadata": METADATA, "spec": {"a": 1}, "status": {"b": 2}})
    assert (found.uid, found.generation, found.spec, found.status) == ("u", 3, {"a": 1}, {"b": 2})


def test_a_policy_that_is_being_deleted_is_gone_already():
    assert read_policy({"metadata": METADATA | {"deletionTimestamp": "2026-01-01T00:00:00Z"}}) is None


def test_a_policy_without_spec_and_status_is_read_as_empty():
    found: Any = read_policy({"metadata": METADATA, "spec": None})
    assert (found.spec, found.status) == ({}, {})


@pytest.mark.parametrize(
    ("conditions", "counts"),
    [
        ({"ready": True}, True),
        ({}, True),
        ({"ready": None}, True),
        ({"ready": False}, False),
        ({"ready": False, "serving": True}, True),
        ({"ready": False, "serving": True, "terminating": True}, False),
        ({"ready": False, "serving": False, "terminating": False}, False),
    ],
)
def test_a_pod_counts_while_it_takes_traffic(conditions, counts):
    assert bool(read_pods([slice_of(endpoint(**conditions))])) is counts


def test_a_pod_behind_two_services_counts_once():
    assert len(read_pods([slice_of(endpoint(ready=True)), slice_of(endpoint(ready=True))])) == 1


def test_the_gateways_name_is_the_services_instance_label():
    found = read_pods([slice_of(endpoint(), labels={"app.kubernetes.io/instance": "edge"})])
    assert found == {"uid-gw-0": Pod("uid-gw-0", "gw-0", "shop", "edge")}


def test_the_namespace_is_the_slices_where_the_reference_names_none():
    assert read_pods([slice_of(endpoint(namespace=None))])["uid-gw-0"].namespace == "shop"


@pytest.mark.parametrize("other", [{"conditions": {}}, endpoint(kind="Node"), {"targetRef": {"kind": "Pod"}}])
def test_what_is_no_pod_is_left_out(other):
    assert read_pods([slice_of(other), {"metadata": {"namespace": "shop"}, "endpoints": None}]) == {}

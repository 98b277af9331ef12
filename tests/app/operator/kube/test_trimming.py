"""What is kept of an object, and what counts as a change of it."""

import pytest

from app.operator.kube.kinds import CONFIG_MAP, ENDPOINT_SLICE, GATEWAY, NAMESPACE, SECRET, SERVICE
from app.operator.kube.trimming import is_going, is_same_content, trimmed


def body(**parts):
    return {"metadata": {"name": "a", "uid": "u", "resourceVersion": "1"}, **parts}


def test_managed_fields_and_what_kubectl_applied_last_are_left_out():
    given = body(spec={"a": 1})
    given["metadata"] |= {
        "managedFields": [{"manager": "kubectl"}],
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "mine": "kept"},
    }
    found = trimmed(GATEWAY, given)
    assert found["metadata"] == {
        "name": "a",
        "uid": "u",
        "resourceVersion": "1",
        "annotations": {"mine": "kept"},
    }
    assert found["spec"] == {"a": 1}


@pytest.mark.parametrize("kind", [SECRET, CONFIG_MAP])
def test_of_secrets_and_configmaps_only_certificates_are_kept(kind):
    found = trimmed(kind, body(type="kubernetes.io/tls", data={"ca.crt": "x", "huge": "y"}))
    assert found["data"] == {"ca.crt": "x"}


def test_a_secret_keeps_its_type_and_may_be_empty():
    assert trimmed(SECRET, body(type="Opaque")) == {
        "metadata": body()["metadata"],
        "type": "Opaque",
        "data": {},
    }


def test_of_an_endpoint_nothing_is_kept_that_routes_do_not_need():
    endpoint = {"addresses": ["10.0.0.1"], "hints": {}, "nodeName": "n", "conditions": {"ready": True}}
    found = trimmed(ENDPOINT_SLICE, body(addressType="IPv4", endpoints=[endpoint], ports=[{"port": 80}]))
    assert found["endpoints"] == [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}, "nodeName": "n"}]
    assert trimmed(ENDPOINT_SLICE, body(addressType="IPv6"))["endpoints"] == []


def test_only_what_is_configuration_is_gone_as_soon_as_it_is_being_deleted():
    going = body()
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert is_going(GATEWAY, going)
    assert not is_going(GATEWAY, body())
    assert not is_going(NAMESPACE, going)


@pytest.mark.parametrize(
    ("kind", "before", "now", "is_same"),
    [
        (GATEWAY, body(spec={"a": 1}, status={"x": 1}), body(spec={"a": 1}, status={"x": 2}), True),
        (GATEWAY, body(spec={"a": 1}), body(spec={"a": 1}, status={}), True),
        (GATEWAY, body(spec={"a": 1}), body(spec={"a": 2}), False),
        (GATEWAY, body(), body(spec={"a": 2}), False),
        (SERVICE, body(status={"loadBalancer": {}}), body(status={"loadBalancer": {"ingress": []}}), False),
        (SERVICE, body(spec={}), body(spec={}), True),
    ],
)
def test_a_status_is_a_change_only_where_somebody_else_writes_it(kind, before, now, is_same):
    now["metadata"]["resourceVersion"] = "2"
    assert is_same_content(kind, before, now) is is_same


def test_a_label_is_a_change_and_a_version_is_none():
    labelled = body()
    labelled["metadata"] = {**labelled["metadata"], "labels": {"a": "b"}}
    assert not is_same_content(NAMESPACE, body(), labelled)

import sys

import pytest

from app.config.check import CheckedFile, check_paths
from app.operator.routes.offline import ManifestObjects

GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: shop}
spec:
  gatewayClassName: tidegate
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""
ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{name: web}]
  rules:
    - backendRefs: [{name: orders, port: 8080}]
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: other, namespace: shop}
spec: {ports: [{port: 80}]}
"""


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Checks one file of these documents: faults, warnings, and how much was checked and skipped."""
    monkeypatch.chdir(tmp_path)

    def checked(*documents):
        (tmp_path / "gw.yaml").write_text("---".join(documents))
        found = check_paths(["gw.yaml"], {}, ManifestObjects())
        return [str(one) for one in found.faults], [str(one) for one in found.warnings], found.files

    return checked


def test_good_manifests_are_valid_and_what_is_only_named_may_be_in_the_cluster(check):
    assert check(GATEWAY, ROUTE) == ([], [], (CheckedFile("gw.yaml", 2, 0),))


def test_a_value_that_is_not_supported_is_named_with_its_line_and_field(check):
    faults, _, _ = check(
        GATEWAY, ROUTE.replace("- backendRefs", "- sessionPersistence: {}\n      backendRefs")
    )
    assert faults == ["gw.yaml:15: spec.rules[0].sessionPersistence: is not supported; remove it"]


def test_a_route_without_its_gateway_is_judged_too(check):
    bad = ROUTE.replace(
        "- backendRefs", '- matches: [{path: {type: RegularExpression, value: "("}}]\n      backendRefs'
    )
    faults, _, _ = check(bad)
    assert [fault.partition(": is no regex")[0] for fault in faults] == [
        "gw.yaml:8: spec.rules[0].matches[0].path.value"
    ]


def test_a_service_that_is_missing_beside_others_is_a_warning(check):
    faults, warnings, files = check(GATEWAY, ROUTE, SERVICE)
    assert faults == []
    assert warnings == [
        "gw.yaml:15: spec.rules[0]: Service shop/orders does not exist; the status would say BackendNotFound"
    ]
    assert files == (CheckedFile("gw.yaml", 2, 1),)


def test_what_a_gateway_rejects_is_an_error_at_its_listener(check):
    faults, _, _ = check(GATEWAY.replace("protocol: HTTP}", "protocol: TCP}"))
    assert len(faults) == 1
    assert faults[0].startswith("gw.yaml:7: spec.listeners[0]: ")


def test_a_route_that_no_listener_takes_is_an_error(check):
    faults, _, _ = check(GATEWAY, ROUTE.replace("{name: web}", "{name: web, sectionName: https}"))
    assert len(faults) == 1
    assert faults[0].startswith(
        "gw.yaml:13: spec.parentRefs: Gateway shop/web has no listener with name https"
    )


def test_routes_of_other_classes_are_none_of_our_business(check):
    gateway = GATEWAY.replace("gatewayClassName: tidegate", "gatewayClassName: other")
    route = ROUTE.replace("- backendRefs", "- sessionPersistence: {}\n      backendRefs")
    assert check(gateway, route)[:2] == ([], [])


OWN_INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: orders, namespace: shop}
spec:
  ingressClassName: tidegate
  rules:
    - http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: orders, port: {number: 80}}}}]}
"""


@pytest.mark.parametrize(
    ("beside", "warnings"),
    [
        (ROUTE, 0),
        (OWN_INGRESS, 0),
        (GATEWAY, 1),
        (OWN_INGRESS.replace("ingressClassName: tidegate", "ingressClassName: other"), 1),
    ],
)
def test_a_configuration_without_routes_has_those_of_the_manifests_beside_it(
    tmp_path, monkeypatch, beside, warnings
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gw.yaml").write_text("routes: []\n")
    (tmp_path / "objects.yaml").write_text(beside)
    found = check_paths(["gw.yaml", "objects.yaml"], {}, ManifestObjects())
    assert (found.faults, len(found.warnings)) == ((), warnings)


def test_what_is_served_otherwise_than_written_is_a_warning(check):
    _, warnings, _ = check(ROUTE.replace("- backendRefs", "- retry: {attempts: 100}\n      backendRefs"))
    assert warnings == [
        "gw.yaml:8: spec.rules[0].retry.attempts: 10 are made at most, not 100; write what is meant"
    ]


def test_an_object_that_cannot_be_read_is_named_and_the_others_are_judged(check):
    faults, _, _ = check(ROUTE.replace("parentRefs: [{name: web}]", "parentRefs: web"), GATEWAY)
    assert faults == ["gw.yaml:6: spec.parentRefs: is a text; it must be a list"]


def test_an_ingress_without_a_class_of_ours_is_left_alone_and_another_is_judged(check):
    ingress = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  ingressClassName: tidegate
  defaultBackend: {resource: {apiGroup: x.y, kind: Bucket, name: a}}
"""
    faults, _, _ = check(ingress)
    assert faults == ["gw.yaml:5: spec: Bucket.x.y a cannot be an upstream; name a Service"]
    assert check(ingress.replace("Name: tidegate", "Name: other"))[0] == []


POLICY = """
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: tls, namespace: shop}
spec:
  targetRefs: [{group: "", kind: Service, name: other}]
  validation: {hostname: a.example, caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]}
"""
CONFIG_MAP = (
    "\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: unused, namespace: shop}\ndata: {ca.crt: CA}\n"
)


def test_both_conditions_of_a_policy_without_a_ca_are_one_warning(check):
    route = ROUTE.replace("name: orders, port: 8080", "name: other, port: 80")
    assert check(GATEWAY, route, SERVICE, POLICY)[:2] == ([], [])
    _, warnings, _ = check(GATEWAY, route, SERVICE, POLICY, CONFIG_MAP)
    assert len(warnings) == 1
    assert "ConfigMap shop/ca does not exist" in warnings[0]


def test_without_the_package_that_judges_certificates_they_count_as_good(check, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.x509", None)
    route = ROUTE.replace("name: orders, port: 8080", "name: other, port: 80")
    assert check(GATEWAY, route, SERVICE, POLICY, CONFIG_MAP)[:2] == ([], [])


def test_objects_of_other_groups_are_skipped(check):
    _, _, files = check("\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}\n")
    assert files == (CheckedFile("gw.yaml", 0, 1),)


TIDE = """
apiVersion: tidegate.dev/v1alpha1
kind: ResiliencePolicy
metadata: {name: p, namespace: shop}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: NAME}]
  timeout: {request: 10s}
"""


def test_a_policy_for_an_object_that_no_manifest_has_is_warned_of(check):
    assert check(GATEWAY, ROUTE, TIDE.replace("NAME", "orders"))[1] == []
    _, warnings, _ = check(GATEWAY, ROUTE, TIDE.replace("NAME", "ordersx"))
    assert len(warnings) == 1
    assert "names HTTPRoute/ordersx, which no manifest checked here has; did you mean orders?" in warnings[0]


def test_a_policy_for_an_object_alone_counts_as_good(check):
    assert check(TIDE.replace("NAME", "web"))[:2] == ([], [])

"""A cluster as the commands that ask it meet it: answers by hand, to be changed by a test."""

from typing import Any

from app.cli.fault_report import exit_code
from app.cli.kube.explanation import show_explained
from app.cli.kube.instances import show_instances
from tests.fakes.kubernetes_responses import Api, cluster, listed

SLICES = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"
POLICIES = "/apis/tidegate.dev/v1alpha1/namespaces/shop/resiliencepolicies"
NAMESPACE = "/api/v1/namespaces/shop"
NOW = "2026-11-27T03:34:35.000Z"
ROW = {
    "namespace": "shop",
    "pod": "gw-0",
    "gateway": "edge",
    "is_required": True,
    "state": "applied",
    "sequence": 7,
    "silent_s": 2.4,
    "error": "",
    "version": "0.1.0",
    "limit_store_up": None,
    "down": [],
    "down_total": 0,
    "rejected_policies": [],
}
DOWN = {
    "breaker": "orders",
    "state": "open",
    "reason": "probe_failed",
    "not_closed_since": "2026-11-27T03:34:12.000Z",
    "failed_probes": 2,
    "policies": ["shop/breakers"],
}
TARGETS = {"shop": {"gateways": ["edge"], "routes": ["cache", "orders"], "upstreams": ["cache"]}}


def asking(pod: str, path: str) -> tuple[str, str]:
    return "GET", f"/api/v1/namespaces/shop/pods/{pod}:9080/proxy{path}"


def operators(*pods: str, ready: bool = True) -> dict[str, Any]:
    endpoints = [
        {"targetRef": {"kind": "Pod", "name": pod}, "conditions": {"ready": ready}, "addresses": ["10.0.0.1"]}
        for pod in pods
    ]
    return listed({"metadata": {"name": "s"}, "endpoints": endpoints})


def gateways(*pods: str, port: int | None = 9080) -> dict[str, Any]:
    """Their EndpointSlice, with one endpoint that is no pod."""
    endpoints = [{"targetRef": {"kind": "Pod", "name": pod}, "addresses": ["10.0.0.1"]} for pod in pods]
    ports = [{"name": "admin", "port": port}] if port is not None else []
    return listed(
        {"metadata": {"name": "s"}, "endpoints": [*endpoints, {"addresses": ["::1"]}], "ports": ports}
    )


def resource(name: str, target: dict[str, str], **stanzas: Any) -> dict[str, Any]:
    metadata = {
        "namespace": "shop",
        "name": name,
        "uid": f"uid-{name}",
        "generation": 1,
        "resourceVersion": "1",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return {"metadata": metadata, "spec": {"targetRefs": [target], **stanzas}}


LIMITS = resource("limits", {"kind": "Gateway"}, timeout={"request": "5s"})
ORDERS = resource("orders", {"kind": "Route", "name": "orders"}, timeout={"request": "1s"})


def usual() -> dict[tuple[str, str], Any]:
    return {
        ("GET", SLICES): operators("op-0"),
        ("GET", POLICIES): listed(LIMITS, ORDERS),
        asking("op-0", "/v1/instances"): {"sequence": 7, "now": NOW, "instances": [ROW]},
        asking("op-0", "/v1/targets"): TARGETS,
    }


def status(answers: dict[tuple[str, str], Any], **options: Any) -> tuple[int, Api]:
    door, api = cluster(answers, tries=1)
    given: dict[str, Any] = {"connected": lambda _: door, **options}
    return exit_code(lambda: show_instances(None, **given)), api


def explained(answers: dict[tuple[str, str], Any], text: str = "shop/Route/orders") -> tuple[int, Api]:
    door, api = cluster(answers, tries=1)
    return exit_code(lambda: show_explained(text, connected=lambda _: door)), api

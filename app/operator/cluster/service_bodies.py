"""A Gateway's Service and its EndpointSlices as they are applied, and whether stored ones say the same. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.operator.kube.object_client import ObjectKey
from app.operator.routes.compiled import OWNED_LABEL, GatewayService
from app.operator.routes.objects.services import SERVICE_LABEL

__all__ = ["PodSlice", "gateway_slices", "says", "service_body", "slice_bodies"]

Json = Mapping[str, Any]
PodSlice = Json
"""An EndpointSlice of the gateways' own Service, as the API server holds it."""

MANAGED_LABEL = "endpointslice.kubernetes.io/managed-by"
MANAGER = "operator.tidegate.dev"

MAX_ENDPOINTS = 1_000
"""Of one slice (discovery/v1)."""


def service_body(wanted: GatewayService, operator_namespace: str) -> dict[str, Any]:
    """What is applied: all that we say of the Service; its addresses and node ports are the cluster's."""
    spec: dict[str, Any] = {
        "type": wanted.type,
        "ports": [
            {"name": one.name, "port": one.port, "protocol": "TCP", "targetPort": one.target}
            for one in wanted.ports
        ],
    }
    if wanted.address is not None:
        spec["loadBalancerIP" if wanted.type == "LoadBalancer" else "clusterIP"] = wanted.address
    return {"metadata": _metadata(wanted, wanted.key, operator_namespace, {}), "spec": spec}


def gateway_slices(slices: Iterable[Json], namespace: str, labels: Mapping[str, str]) -> list[PodSlice]:
    """Those of the gateways' own Services, which are in `namespace` and have all `labels`, by name."""
    found = [
        one
        for one in slices
        if one["metadata"].get("namespace") == namespace
        and labels.items() <= (one["metadata"].get("labels") or {}).items()
    ]
    return sorted(found, key=lambda one: str(one["metadata"]["name"]))


def slice_bodies(
    wanted: GatewayService, pods: Iterable[PodSlice], operator_namespace: str
) -> dict[ObjectKey, dict[str, Any]]:
    """The EndpointSlices that lead to the gateway pods, one for each kind of address and thousand pods.

    A pod counts once, also where several Services of the gateways lead to it. The pods' conditions are theirs.
    """
    found: dict[str, dict[tuple[str, ...], Json]] = {"IPv4": {}}
    for one in pods:
        if one.get("addressType") in ("IPv4", "IPv6"):
            endpoints = found.setdefault(one["addressType"], {})
            for endpoint in one.get("endpoints") or ():
                endpoints.setdefault(tuple(endpoint["addresses"]), endpoint)
    ports = [{"name": one.name, "port": one.target, "protocol": "TCP"} for one in wanted.ports]
    bodies = {}
    for family, by_address in found.items():
        endpoints_of = [by_address[addresses] for addresses in sorted(by_address)]
        for first in range(0, len(endpoints_of) or 1, MAX_ENDPOINTS):
            number = f"-{first // MAX_ENDPOINTS + 1}" if first else ""
            key = (wanted.key.namespace, f"{wanted.key.name}-{family.lower()}{number}")
            labels = {SERVICE_LABEL: wanted.key.name, MANAGED_LABEL: MANAGER}
            bodies[key] = {
                "metadata": _metadata(wanted, key, operator_namespace, labels),
                "addressType": family,
                "endpoints": [dict(one) for one in endpoints_of[first : first + MAX_ENDPOINTS]],
                "ports": ports,
            }
    return bodies


def says(stored: Any, applied: Any) -> bool:
    """Whether `stored` says at least what is `applied`; lists are compared item by item."""
    if isinstance(applied, Mapping):
        return isinstance(stored, Mapping) and all(
            name in stored and says(stored[name], value) for name, value in applied.items()
        )
    if isinstance(applied, list):
        if not isinstance(stored, list) or len(stored) != len(applied):
            return False
        return all(says(one, wanted) for one, wanted in zip(stored, applied, strict=True))
    return bool(stored == applied)


def _metadata(
    wanted: GatewayService, key: ObjectKey, operator_namespace: str, labels: Mapping[str, str]
) -> dict[str, Any]:
    namespace, name = key
    metadata: dict[str, Any] = {
        "namespace": namespace,
        "name": name,
        "labels": {**wanted.labels, **labels, OWNED_LABEL: operator_namespace},
        "annotations": dict(wanted.annotations),
    }
    owner = wanted.owner
    if owner is not None:
        metadata["ownerReferences"] = [
            {"apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid}
        ]
    return metadata

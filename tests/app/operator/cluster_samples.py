"""Objects of Gateway API as small as they can be, and what a compiler makes of them."""

from collections.abc import Mapping
from typing import Any

from app.operator.kube.resources import Condition
from app.operator.routes.compiled import (
    Compiled,
    GatewayService,
    ObjectId,
    ObjectStatus,
    Requirement,
    ServiceOwner,
    TargetPort,
    condition,
)
from app.operator.routes.objects.certificates import CertificatePair
from app.operator.routes.objects.metadata import ObjectKey

__all__ = [
    "CONTROLLER",
    "WEB",
    "ACCEPTED",
    "PROGRAMMED",
    "compiled",
    "gateway_body",
    "object_body",
    "pod_slice",
    "service",
    "service_body_of",
    "slice_body",
    "status",
]

CONTROLLER = "tidegate.dev/gateway-controller"
WEB = ObjectId("Gateway", ObjectKey("shop", "web"))
ACCEPTED = condition("Accepted", True, "Accepted", "it is")
PROGRAMMED = Condition("Programmed", "Unknown", "Pending", "nobody said yet")


def object_body(name: str, namespace: str = "shop", **parts: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name}, **parts}


def gateway_body(name: str = "web", port: int = 80) -> dict[str, Any]:
    listener = {"name": "http", "port": port, "protocol": "HTTP"}
    return object_body(name, spec={"gatewayClassName": "tidegate", "listeners": [listener]})


def service_body_of(name: str = "orders", port: int = 80, **spec: Any) -> dict[str, Any]:
    return object_body(name, spec={"ports": [{"port": port}], "selector": {"app": name}, **spec})


def slice_body(service_name: str, *addresses: str, port: int = 8080, name: str = "") -> dict[str, Any]:
    body = object_body(
        name or f"{service_name}-1",
        addressType="IPv4",
        endpoints=[{"addresses": [address], "conditions": {"ready": True}} for address in addresses],
        ports=[{"port": port, "protocol": "TCP"}],
    )
    body["metadata"]["labels"] = {"kubernetes.io/service-name": service_name}
    return body


def pod_slice(*addresses: str, namespace: str = "tidegate", family: str = "IPv4") -> dict[str, Any]:
    """Of the gateways' own Service."""
    body = object_body(
        "tidegate-gateway-x",
        namespace,
        addressType=family,
        endpoints=[{"addresses": [address], "conditions": {"ready": True}} for address in addresses],
        ports=[{"name": "http", "port": 8080, "protocol": "TCP"}],
    )
    body["metadata"]["labels"] = {"app": "gateway"}
    return body


def service(name: str = "tidegate-web", **changes: Any) -> GatewayService:
    parts: dict[str, Any] = {
        "key": ObjectKey("shop", name),
        "type": "ClusterIP",
        "owner": ServiceOwner("gateway.networking.k8s.io/v1", "Gateway", "web", "uid-web"),
        "labels": {"gateway.networking.k8s.io/gateway-name": "web"},
        "annotations": {},
        "ports": (TargetPort("p80", 80, 20_000),),
    }
    return GatewayService(**(parts | changes))


def status(
    *conditions: Condition, id_: ObjectId = WEB, uid: str = "u", generation: int = 1, **parts: Any
) -> ObjectStatus:
    return ObjectStatus(id_, uid, generation, conditions=conditions, **parts)


def compiled(
    *,
    upstreams: tuple[str, ...] = (),
    certificates: Mapping[str, CertificatePair] | None = None,
    statuses: tuple[ObjectStatus, ...] = (),
    services: tuple[GatewayService, ...] = (),
    requirements: Mapping[ObjectId, Requirement] | None = None,
    routes: tuple[str, ...] = (),
) -> Compiled:
    return Compiled(
        tables={
            "listeners": [],
            "upstreams": [{"name": name, "discovered": True} for name in upstreams],
            "routes": [{"name": name} for name in routes],
        },
        certificates=certificates or {},
        statuses={one.id: one for one in statuses},
        services={one.key: one for one in services},
        requirements=requirements or {},
        target_ports={},
    )

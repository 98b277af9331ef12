"""All objects of the cluster that routes depend on, at one moment, and how one of them is read from JSON. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from app.operator.routes.objects.certificates import (
    CertificatePair,
    ConfigMap,
    Secret,
    read_config_map,
    read_secret,
)
from app.operator.routes.objects.fields import Fields, Reading
from app.operator.routes.objects.gateways import (
    Gateway,
    GatewayClass,
    ListenerSet,
    read_gateway,
    read_gateway_class,
    read_listener_set,
)
from app.operator.routes.objects.ingress import Ingress, IngressClass, read_ingress, read_ingress_class
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.policies import (
    ReferenceGrant,
    TlsPolicy,
    read_reference_grant,
    read_tls_policy,
)
from app.operator.routes.objects.routes import Route, read_grpc_route, read_http_route
from app.operator.routes.objects.services import (
    EndpointSlice,
    Namespace,
    Service,
    read_endpoint_slice,
    read_namespace,
    read_service,
)

__all__ = [
    "KINDS",
    "Kind",
    "ListenerPort",
    "World",
    "WorldObject",
    "kind_of_body",
    "read_object",
    "read_world",
]

WorldObject = (
    ConfigMap
    | EndpointSlice
    | Gateway
    | GatewayClass
    | Ingress
    | IngressClass
    | ListenerSet
    | Namespace
    | ReferenceGrant
    | Route
    | Secret
    | Service
    | TlsPolicy
)


class Kind(NamedTuple):
    """A kind of object. `field`: where `World` keeps it; None for EndpointSlices, which travel apart."""

    api_version: str
    plural: str
    is_namespaced: bool
    field: str | None
    read: Callable[[Fields, Reading], WorldObject]


_GATEWAY_API = "gateway.networking.k8s.io"

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "GatewayClass": Kind(f"{_GATEWAY_API}/v1", "gatewayclasses", False, "classes", read_gateway_class),
        "Gateway": Kind(f"{_GATEWAY_API}/v1", "gateways", True, "gateways", read_gateway),
        "ListenerSet": Kind(f"{_GATEWAY_API}/v1", "listenersets", True, "listener_sets", read_listener_set),
        "HTTPRoute": Kind(f"{_GATEWAY_API}/v1", "httproutes", True, "http_routes", read_http_route),
        "GRPCRoute": Kind(f"{_GATEWAY_API}/v1", "grpcroutes", True, "grpc_routes", read_grpc_route),
        "ReferenceGrant": Kind(
            f"{_GATEWAY_API}/v1beta1", "referencegrants", True, "grants", read_reference_grant
        ),
        "BackendTLSPolicy": Kind(
            f"{_GATEWAY_API}/v1", "backendtlspolicies", True, "tls_policies", read_tls_policy
        ),
        "IngressClass": Kind(
            "networking.k8s.io/v1", "ingressclasses", False, "ingress_classes", read_ingress_class
        ),
        "Ingress": Kind("networking.k8s.io/v1", "ingresses", True, "ingresses", read_ingress),
        "Service": Kind("v1", "services", True, "services", read_service),
        "EndpointSlice": Kind("discovery.k8s.io/v1", "endpointslices", True, None, read_endpoint_slice),
        "Namespace": Kind("v1", "namespaces", False, "namespaces", read_namespace),
        "Secret": Kind("v1", "secrets", True, "secrets", read_secret),
        "ConfigMap": Kind("v1", "configmaps", True, "config_maps", read_config_map),
    }
)
"""By the name of the kind. ReferenceGrant is read at v1beta1, which every release of Gateway API serves."""


class ListenerPort(NamedTuple):
    """A port of a Gateway, which all its listeners with this number share."""

    gateway: ObjectKey
    port: int


@dataclass(frozen=True, slots=True)
class World:
    """By (namespace, name). An object that did not change should be the same value as before: results are kept by it.

    `target_ports` and `certificates`: what the last `compile` gave. Without them, at the start, the existing Services
    say the ports, and a certificate that is gone cannot serve on. `bundle_versions`: as `version_condition` takes them.
    """

    classes: Mapping[ObjectKey, GatewayClass] = field(default_factory=dict)
    gateways: Mapping[ObjectKey, Gateway] = field(default_factory=dict)
    listener_sets: Mapping[ObjectKey, ListenerSet] = field(default_factory=dict)
    http_routes: Mapping[ObjectKey, Route] = field(default_factory=dict)
    grpc_routes: Mapping[ObjectKey, Route] = field(default_factory=dict)
    grants: Mapping[ObjectKey, ReferenceGrant] = field(default_factory=dict)
    tls_policies: Mapping[ObjectKey, TlsPolicy] = field(default_factory=dict)
    ingress_classes: Mapping[ObjectKey, IngressClass] = field(default_factory=dict)
    ingresses: Mapping[ObjectKey, Ingress] = field(default_factory=dict)
    services: Mapping[ObjectKey, Service] = field(default_factory=dict)
    namespaces: Mapping[ObjectKey, Namespace] = field(default_factory=dict)
    secrets: Mapping[ObjectKey, Secret] = field(default_factory=dict)
    config_maps: Mapping[ObjectKey, ConfigMap] = field(default_factory=dict)
    target_ports: Mapping[ListenerPort, int] = field(default_factory=dict)
    certificates: Mapping[str, CertificatePair] = field(default_factory=dict, repr=False)
    bundle_versions: Mapping[str, str] = field(default_factory=dict)


def read_object(kind: str, body: Mapping[str, object]) -> WorldObject:
    """The value of an object of one of `KINDS`; raises ConfigFaults where a field has the wrong type."""
    reading = Reading(_label(kind, body))
    made = KINDS[kind].read(reading.top(body), reading)
    reading.raise_any()
    return made


def read_world(bodies: Iterable[Mapping[str, object]]) -> World:
    """From objects of any kind, as manifests hold them; those of other kinds are passed over.

    A manifest without a namespace is in `default`. Raises ConfigFaults for the first object that cannot be read.
    """
    found: dict[str, dict[ObjectKey, WorldObject]] = {}
    for body in bodies:
        kind = kind_of_body(body)
        if kind is None or kind.field is None:
            continue
        made = read_object(str(body["kind"]), _in_namespace(body) if kind.is_namespaced else body)
        found.setdefault(kind.field, {})[made.meta.key] = made
    fields: dict[str, Any] = dict(found)
    return World(**fields)


def kind_of_body(body: Mapping[str, object]) -> Kind | None:
    """None for a kind that is not ours, also where only its name is that of one; versions of a group read alike."""
    kind = KINDS.get(str(body.get("kind")))
    group, _, _ = str(body.get("apiVersion")).rpartition("/")
    return kind if kind is not None and group == kind.api_version.rpartition("/")[0] else None


def _in_namespace(body: Mapping[str, object]) -> Mapping[str, object]:
    metadata = body.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("namespace"):
        return body
    return {**body, "metadata": {**metadata, "namespace": "default"}}


def _label(kind: str, body: Mapping[str, object]) -> str:
    """As faults name the object, whatever its metadata look like."""
    metadata = body.get("metadata")
    named = metadata if isinstance(metadata, Mapping) else {}
    return f"{kind} {ObjectKey(str(named.get('namespace') or ''), str(named.get('name')))}"

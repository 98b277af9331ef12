"""Service, EndpointSlice and Namespace (v1, discovery.k8s.io/v1)."""

from dataclasses import dataclass

from app.operator.routes.objects.fields import Fields, Reading
from app.operator.routes.objects.metadata import Metadata, ObjectKey, read_metadata

__all__ = [
    "Endpoint",
    "EndpointSlice",
    "Namespace",
    "SERVICE_LABEL",
    "Service",
    "ServicePort",
    "SlicePort",
    "read_endpoint_slice",
    "read_namespace",
    "read_service",
]

SERVICE_LABEL = "kubernetes.io/service-name"
"""On an EndpointSlice: the Service that it belongs to."""


@dataclass(frozen=True, slots=True)
class Namespace:
    meta: Metadata


@dataclass(frozen=True, slots=True)
class ServicePort:
    """`name`: empty for the only port of a Service. `target`: a number, or the name of a container's port.

    `app_protocol`: such as `kubernetes.io/h2c` (GEP-1911).
    """

    name: str
    port: int
    protocol: str
    target: int | str
    app_protocol: str | None


@dataclass(frozen=True, slots=True)
class Service:
    """`type`: ClusterIP, NodePort, LoadBalancer or ExternalName. `has_selector`: the cluster fills its EndpointSlices.

    `cluster_ips`: without `None` of headless Services. `balancer_ips`, `balancer_hostnames`: from the status.
    """

    meta: Metadata
    type: str
    ports: tuple[ServicePort, ...]
    has_selector: bool
    cluster_ips: tuple[str, ...]
    external_name: str | None
    balancer_ips: tuple[str, ...]
    balancer_hostnames: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SlicePort:
    """`port`: None in a slice that stands for all ports."""

    name: str
    port: int | None
    protocol: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is unknown counts as the API says: ready, serving as it is ready, not terminating.

    `pod`: the UID of the pod behind it, empty where there is none.
    """

    addresses: tuple[str, ...]
    is_ready: bool
    is_serving: bool
    is_terminating: bool
    pod: str


@dataclass(frozen=True, slots=True)
class EndpointSlice:
    """`address_type`: IPv4, IPv6 or FQDN. `service`: whose endpoints these are; None without the label."""

    meta: Metadata
    service: ObjectKey | None
    address_type: str
    ports: tuple[SlicePort, ...]
    endpoints: tuple[Endpoint, ...]


def read_namespace(top: Fields, reading: Reading) -> Namespace:
    return Namespace(read_metadata(top))


def read_service(top: Fields, reading: Reading) -> Service:
    meta, spec = read_metadata(top), top.child("spec")
    addresses = spec.texts("clusterIPs") or (spec.text("clusterIP"),)
    balancers = top.child("status").child("loadBalancer").children("ingress")
    return Service(
        meta=meta,
        type=spec.text("type", "ClusterIP"),
        ports=tuple(_read_port(one) for one in spec.children("ports")),
        has_selector=bool(spec.labels("selector")),
        cluster_ips=tuple(address for address in addresses if address not in ("", "None")),
        external_name=spec.text("externalName") or None,
        balancer_ips=tuple(ip for one in balancers if (ip := one.text("ip"))),
        balancer_hostnames=tuple(name for one in balancers if (name := one.text("hostname"))),
    )


def read_endpoint_slice(top: Fields, reading: Reading) -> EndpointSlice:
    meta = read_metadata(top)
    service = meta.labels.get(SERVICE_LABEL)
    return EndpointSlice(
        meta=meta,
        service=None if service is None else ObjectKey(meta.namespace, service),
        address_type=top.text("addressType"),
        ports=tuple(
            SlicePort(one.text("name"), one.optional_integer("port"), one.text("protocol", "TCP"))
            for one in top.children("ports")
        ),
        endpoints=tuple(_read_endpoint(one) for one in top.children("endpoints")),
    )


def _read_port(fields: Fields) -> ServicePort:
    number = fields.integer("port")
    return ServicePort(
        name=fields.text("name"),
        port=number,
        protocol=fields.text("protocol", "TCP"),
        target=fields.integer_or_text("targetPort", number),
        app_protocol=fields.optional_text("appProtocol"),
    )


def _read_endpoint(fields: Fields) -> Endpoint:
    conditions, target = fields.child("conditions"), fields.child("targetRef")
    is_ready = conditions.flag("ready", True)
    return Endpoint(
        addresses=fields.texts("addresses"),
        is_ready=is_ready,
        is_serving=conditions.flag("serving", is_ready),
        is_terminating=conditions.flag("terminating"),
        pod=target.text("uid") if target.text("kind") == "Pod" else "",
    )

"""GatewayClass, Gateway and ListenerSet (gateway.networking.k8s.io/v1)."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.operator.routes.objects.fields import Fields, Reading
from app.operator.routes.objects.listeners import (
    AllowedNamespaces,
    Listener,
    read_allowed_namespaces,
    read_listeners,
)
from app.operator.routes.objects.metadata import Metadata, read_metadata
from app.operator.routes.objects.references import GATEWAY_GROUP, ObjectRef, read_object_ref

__all__ = [
    "Address",
    "ClientValidation",
    "Gateway",
    "GatewayClass",
    "Infrastructure",
    "ListenerSet",
    "read_gateway",
    "read_gateway_class",
    "read_listener_set",
]


@dataclass(frozen=True, slots=True)
class GatewayClass:
    """`parameters`: what `spec.parametersRef` names, if it is given."""

    meta: Metadata
    controller: str
    parameters: ObjectRef | None


@dataclass(frozen=True, slots=True)
class Address:
    """`type`: IPAddress, Hostname or a domain's own word. `value`: None asks for any address of that type."""

    type: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Infrastructure:
    """What everything that is made for a Gateway carries (GEP-1867)."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    parameters: ObjectRef | None


@dataclass(frozen=True, slots=True)
class ClientValidation:
    """How client certificates are checked (GEP-91). `mode`: AllowValidOnly or AllowInsecureFallback."""

    ca_refs: tuple[ObjectRef, ...]
    mode: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """`allowed_listeners`: which namespaces' ListenerSets may add listeners (None of them unless said).

    `client_validation`: for every HTTPS port but those of `port_client_validations`, where None switches it off.
    `upstream_certificate`: the client certificate that TLS upstreams are shown (GEP-3155).
    `unknown`: paths of fields that we do not know.
    """

    meta: Metadata
    class_name: str
    listeners: tuple[Listener, ...]
    addresses: tuple[Address, ...]
    infrastructure: Infrastructure
    allowed_listeners: AllowedNamespaces
    client_validation: ClientValidation | None
    port_client_validations: Mapping[int, ClientValidation | None]
    upstream_certificate: ObjectRef | None
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListenerSet:
    """Listeners that somebody else adds to a Gateway (GEP-1713)."""

    meta: Metadata
    parent: ObjectRef
    listeners: tuple[Listener, ...]
    unknown: tuple[str, ...]


def read_gateway_class(top: Fields, reading: Reading) -> GatewayClass:
    spec = top.child("spec")
    parameters = spec.optional_child("parametersRef")
    return GatewayClass(
        meta=read_metadata(top),
        controller=spec.text("controllerName"),
        parameters=None if parameters is None else read_object_ref(parameters, ""),
    )


def read_gateway(top: Fields, reading: Reading) -> Gateway:
    meta, spec = read_metadata(top), top.child("spec")
    tls = spec.child("tls")
    frontend = tls.child("frontend")
    upstream = tls.child("backend").optional_child("clientCertificateRef")
    return Gateway(
        meta=meta,
        class_name=spec.text("gatewayClassName"),
        listeners=read_listeners(spec),
        addresses=tuple(
            Address(one.text("type", "IPAddress"), one.text("value") or None)
            for one in spec.children("addresses")
        ),
        infrastructure=_read_infrastructure(spec.child("infrastructure")),
        allowed_listeners=read_allowed_namespaces(spec.child("allowedListeners").child("namespaces"), "None"),
        client_validation=_read_validation(frontend.child("default")),
        port_client_validations={
            one.integer("port"): _read_validation(one.child("tls")) for one in frontend.children("perPort")
        },
        upstream_certificate=None if upstream is None else read_object_ref(upstream, "Secret"),
        unknown=reading.unknown("spec"),
    )


def read_listener_set(top: Fields, reading: Reading) -> ListenerSet:
    meta, spec = read_metadata(top), top.child("spec")
    parent = read_object_ref(spec.child("parentRef"), "Gateway", GATEWAY_GROUP)
    return ListenerSet(meta, parent, read_listeners(spec), reading.unknown("spec"))


def _read_infrastructure(fields: Fields) -> Infrastructure:
    parameters = fields.optional_child("parametersRef")
    return Infrastructure(
        labels=fields.labels("labels"),
        annotations=fields.labels("annotations"),
        parameters=None if parameters is None else read_object_ref(parameters, ""),
    )


def _read_validation(fields: Fields) -> ClientValidation | None:
    validation = fields.optional_child("validation")
    if validation is None:
        return None
    refs = tuple(read_object_ref(one, "ConfigMap") for one in validation.children("caCertificateRefs"))
    return ClientValidation(refs, validation.text("mode", "AllowValidOnly"))

"""Ingress and IngressClass (networking.k8s.io/v1)."""

from dataclasses import dataclass

from app.operator.routes.objects.fields import Fields, Reading
from app.operator.routes.objects.metadata import Metadata, read_metadata
from app.operator.routes.objects.references import ObjectRef

__all__ = [
    "Ingress",
    "IngressClass",
    "IngressPath",
    "IngressRule",
    "IngressTls",
    "IngressUpstream",
    "read_ingress",
    "read_ingress_class",
]

_CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_DEFAULT_ANNOTATION = "ingressclass.kubernetes.io/is-default-class"


@dataclass(frozen=True, slots=True)
class IngressClass:
    meta: Metadata
    controller: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class IngressUpstream:
    """A Service in the Ingress's own namespace with one of `port` (its number) and `port_name`, or a `resource`."""

    service: str | None
    port: int | None
    port_name: str | None
    resource: ObjectRef | None


@dataclass(frozen=True, slots=True)
class IngressPath:
    """`type`: Exact, Prefix or ImplementationSpecific."""

    type: str
    path: str
    upstream: IngressUpstream


@dataclass(frozen=True, slots=True)
class IngressRule:
    """`host`: None takes all."""

    host: str | None
    paths: tuple[IngressPath, ...]


@dataclass(frozen=True, slots=True)
class IngressTls:
    """`secret`: in the Ingress's own namespace; None: the controller's own certificate, which we have not."""

    hosts: tuple[str, ...]
    secret: str | None


@dataclass(frozen=True, slots=True)
class Ingress:
    """`class_name`: from the spec, or from the annotation of old; None: the default class."""

    meta: Metadata
    class_name: str | None
    default_upstream: IngressUpstream | None
    rules: tuple[IngressRule, ...]
    tls: tuple[IngressTls, ...]
    unknown: tuple[str, ...]


def read_ingress_class(top: Fields, reading: Reading) -> IngressClass:
    meta = read_metadata(top)
    is_default = meta.annotations.get(_DEFAULT_ANNOTATION) == "true"
    return IngressClass(meta, top.child("spec").text("controller"), is_default)


def read_ingress(top: Fields, reading: Reading) -> Ingress:
    meta, spec = read_metadata(top), top.child("spec")
    default = spec.optional_child("defaultBackend")
    return Ingress(
        meta=meta,
        class_name=spec.optional_text("ingressClassName") or meta.annotations.get(_CLASS_ANNOTATION),
        default_upstream=None if default is None else _read_upstream(default),
        rules=tuple(_read_rule(one) for one in spec.children("rules")),
        tls=tuple(
            IngressTls(one.texts("hosts"), one.text("secretName") or None) for one in spec.children("tls")
        ),
        unknown=reading.unknown("spec"),
    )


def _read_rule(fields: Fields) -> IngressRule:
    paths = tuple(
        IngressPath(one.text("pathType"), one.text("path", "/"), _read_upstream(one.child("backend")))
        for one in fields.child("http").children("paths")
    )
    return IngressRule(fields.text("host") or None, paths)


def _read_upstream(fields: Fields) -> IngressUpstream:
    service, resource = fields.child("service"), fields.optional_child("resource")
    port = service.child("port")
    return IngressUpstream(
        service=service.optional_text("name"),
        port=port.optional_integer("number"),
        port_name=port.optional_text("name"),
        # a TypedLocalObjectReference: its group stands under another key than Gateway API's
        resource=None
        if resource is None
        else ObjectRef(resource.text("apiGroup"), resource.text("kind"), resource.text("name")),
    )

"""A listener of a Gateway or ListenerSet, and which routes it takes (gateway.networking.k8s.io/v1)."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.operator.routes.objects.fields import Fields
from app.operator.routes.objects.metadata import LabelSelector, read_selector
from app.operator.routes.objects.references import GATEWAY_GROUP, ObjectRef, read_object_ref

__all__ = [
    "AllowedNamespaces",
    "Listener",
    "ListenerTls",
    "RouteKind",
    "read_allowed_namespaces",
    "read_listeners",
]


@dataclass(frozen=True, slots=True, order=True)
class RouteKind:
    group: str
    kind: str


@dataclass(frozen=True, slots=True)
class AllowedNamespaces:
    """`reach`: All, Same, None or Selector, as `from` says; `selector`: with the last one only."""

    reach: str
    selector: LabelSelector | None = None

    def takes(self, own: str, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether an object in `namespace`, which has `labels`, may attach to one in `own`."""
        match self.reach:
            case "All":
                return True
            case "Same":
                return namespace == own
            case "Selector":
                return self.selector is not None and self.selector.takes(labels)
        return False


@dataclass(frozen=True, slots=True)
class ListenerTls:
    """`mode`: Terminate or Passthrough. `options`: words of implementations; we know none."""

    mode: str
    certificates: tuple[ObjectRef, ...]
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Listener:
    """`protocol`: HTTP, HTTPS, TLS, TCP, UDP or a domain's own word. `hostname`: None or `""` takes all.

    `kinds`: the kinds of routes it takes; empty: those of its protocol.
    """

    name: str
    port: int
    protocol: str
    hostname: str | None
    tls: ListenerTls | None
    namespaces: AllowedNamespaces
    kinds: tuple[RouteKind, ...]


def read_listeners(spec: Fields) -> tuple[Listener, ...]:
    """Those of `spec.listeners`, in their order."""
    return tuple(_read_listener(one) for one in spec.children("listeners"))


def read_allowed_namespaces(fields: Fields, default: str) -> AllowedNamespaces:
    selector = fields.optional_child("selector")
    return AllowedNamespaces(
        fields.text("from", default), None if selector is None else read_selector(selector)
    )


def _read_listener(fields: Fields) -> Listener:
    tls, allowed = fields.optional_child("tls"), fields.child("allowedRoutes")
    return Listener(
        name=fields.text("name"),
        port=fields.integer("port"),
        protocol=fields.text("protocol"),
        hostname=fields.optional_text("hostname"),
        tls=None if tls is None else _read_tls(tls),
        namespaces=read_allowed_namespaces(allowed.child("namespaces"), "Same"),
        kinds=tuple(
            RouteKind(one.text("group", GATEWAY_GROUP), one.text("kind")) for one in allowed.children("kinds")
        ),
    )


def _read_tls(fields: Fields) -> ListenerTls:
    return ListenerTls(
        mode=fields.text("mode", "Terminate"),
        certificates=tuple(read_object_ref(one, "Secret") for one in fields.children("certificateRefs")),
        options=fields.labels("options"),
    )

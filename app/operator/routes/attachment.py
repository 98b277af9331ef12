"""Which listeners a route is attached to, and for which hosts: what the compiler of rules starts from. Pure."""

from dataclasses import dataclass

from app.operator.kube.resources import Condition
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.references import ParentRef
from app.operator.routes.objects.routes import Route

__all__ = ["INGRESS_PARENT", "AttachedListener", "AttachedRoute", "Attachment"]

INGRESS_PARENT = ParentRef("networking.k8s.io", "IngressClass", "")
"""The parent of routes that stand for an Ingress (of kind `Ingress`): all Ingresses share their listeners."""


@dataclass(frozen=True, slots=True)
class AttachedListener:
    """`name`: in the document. `hosts`: what route and listener both take; empty: all hosts.

    `port`: the one that clients connect to. `protocol`: http or https. `upstream_certificate`: name of the client
    certificate in the document that its Gateway shows to TLS upstreams (GEP-3155); None without one.
    """

    name: str
    hosts: tuple[str, ...]
    port: int
    protocol: str
    gateway: ObjectKey
    upstream_certificate: str | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A route at one of its parents. `accepted`: the condition `Accepted` as far as attachment decides it.

    Without `listeners` nothing may be routed for this parent.
    """

    parent: ParentRef
    accepted: Condition
    listeners: tuple[AttachedListener, ...] = ()


@dataclass(frozen=True, slots=True)
class AttachedRoute:
    """A route with those of its parents that are ours, in their order; a route without any is none of our business."""

    route: Route
    attachments: tuple[Attachment, ...]

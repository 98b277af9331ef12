"""Which listeners a route is attached to, and for which hosts: what the compiler of rules starts from
(Gateway API v1.7.0: ParentReference, AllowedRoutes, RouteStatus). Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.operator.kube.resources import Condition
from app.operator.routes.compiled import ObjectId, condition
from app.operator.routes.hostnames import reached
from app.operator.routes.ingress_listeners import IngressListener
from app.operator.routes.listeners import PlacedListener
from app.operator.routes.objects.listeners import RouteKind
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.references import GATEWAY_GROUP, ParentRef
from app.operator.routes.objects.routes import Route

__all__ = [
    "INGRESS_PARENT",
    "AttachedListener",
    "AttachedRoute",
    "Attachment",
    "Parent",
    "attach",
    "attach_ingress",
]

INGRESS_PARENT = ParentRef("networking.k8s.io", "IngressClass", "")
"""The parent of routes that stand for an Ingress (of kind `Ingress`): all Ingresses share their listeners."""


@dataclass(frozen=True, slots=True)
class AttachedListener:
    """`name`: in the document. `hosts`: the route's own that the listener reaches; empty: all of the listener's.

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

    `listeners`: those that serve; without them nothing may be routed for this parent. `counted`: names in the document
    of all that it is attached to, also those that serve nothing (`attachedRoutes`).
    """

    parent: ParentRef
    accepted: Condition
    listeners: tuple[AttachedListener, ...] = ()
    counted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AttachedRoute:
    """A route with those of its parents that are ours, in their order; a route without any is none of our business."""

    route: Route
    attachments: tuple[Attachment, ...]


@dataclass(frozen=True, slots=True)
class Parent:
    """A Gateway or ListenerSet of ours, as routes see it. `is_serving`: whether its listeners may serve at all."""

    id: ObjectId
    gateway: ObjectKey
    listeners: tuple[PlacedListener, ...]
    is_serving: bool
    fault: str = ""
    upstream_certificate: str | None = None


def attach(
    route: Route, parents: Mapping[ObjectId, Parent], namespace_labels: Mapping[str, str]
) -> AttachedRoute | None:
    """None for a route that has no parent of ours. `namespace_labels`: of the route's namespace."""
    attachments = []
    for ref in dict.fromkeys(route.parents):
        parent = _parent(ref, route, parents)
        if parent is not None:
            attachments.append(_attachment(ref, route, parent, namespace_labels))
    return AttachedRoute(route, tuple(attachments)) if attachments else None


def attach_ingress(route: Route, listeners: Sequence[IngressListener], gateway: ObjectKey) -> AttachedRoute:
    """A route that stands for an Ingress; `gateway`: what its listeners count as."""
    attached = tuple(
        AttachedListener(one.name, hosts, one.port, str(one.document["protocol"]), gateway)
        for one in listeners
        if (hosts := reached(one.host, route.hostnames)) is not None
    )
    accepted = condition("Accepted", True, "Accepted", "the Ingress is served")
    names = frozenset(one.name for one in attached)
    return AttachedRoute(route, (Attachment(INGRESS_PARENT, accepted, attached, names),))


def _parent(ref: ParentRef, route: Route, parents: Mapping[ObjectId, Parent]) -> Parent | None:
    if ref.group != GATEWAY_GROUP:
        return None
    return parents.get(ObjectId(ref.kind, ref.key_from(route.meta.namespace)))


def _attachment(ref: ParentRef, route: Route, parent: Parent, labels: Mapping[str, str]) -> Attachment:
    named = [one for one in parent.listeners if _is_meant(ref, one)]
    if not named:
        return Attachment(ref, condition("Accepted", False, "NoMatchingParent", _no_listener(ref, parent)))
    kind = RouteKind(GATEWAY_GROUP, route.kind)
    allowed = [one for one in named if _allows(one, kind, route.meta.namespace, labels)]
    if not allowed:
        message = (
            f"no listener of {_spelled(parent)} that it names takes {route.kind}s from namespace "
            f"{route.meta.namespace}; see allowedRoutes"
        )
        return Attachment(ref, condition("Accepted", False, "NotAllowedByListeners", message))
    hosts = {one.name: reached(one.spec.hostname or "", route.hostnames) for one in allowed}
    taken = [one for one in allowed if hosts[one.name] is not None]
    if not taken:
        message = f"no hostname of it is one that a listener of {_spelled(parent)} takes"
        return Attachment(ref, condition("Accepted", False, "NoMatchingListenerHostname", message))
    listeners = tuple(
        AttachedListener(
            name=one.name,
            hosts=hosts[one.name] or (),
            port=one.spec.port,
            protocol=one.spec.protocol.lower(),
            gateway=parent.gateway,
            upstream_certificate=parent.upstream_certificate,
        )
        for one in taken
        if one.is_served and parent.is_serving
    )
    accepted = condition("Accepted", True, "Accepted", f"attached to {_spelled(parent)}")
    return Attachment(ref, accepted, listeners, frozenset(one.name for one in taken))


def _is_meant(ref: ParentRef, listener: PlacedListener) -> bool:
    return ref.section_name in (None, listener.spec.name) and ref.port in (None, listener.spec.port)


def _allows(listener: PlacedListener, kind: RouteKind, namespace: str, labels: Mapping[str, str]) -> bool:
    own = listener.owner.key.namespace
    return kind in listener.kinds and listener.spec.namespaces.takes(own, namespace, labels)


def _spelled(parent: Parent) -> str:
    return f"{parent.id.kind} {parent.id.key}"


def _no_listener(ref: ParentRef, parent: Parent) -> str:
    if not parent.listeners:
        return f"{_spelled(parent)} has no listeners{f': {parent.fault}' if parent.fault else ''}"
    wanted = []
    if ref.section_name is not None:
        wanted.append(f"name {ref.section_name}")
    if ref.port is not None:
        wanted.append(f"port {ref.port}")
    known = ", ".join(f"{one.spec.name} ({one.spec.port})" for one in parent.listeners)
    return f"{_spelled(parent)} has no listener with {' and '.join(wanted)}; it has {known}"

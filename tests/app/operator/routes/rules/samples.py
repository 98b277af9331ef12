"""Worlds as these tests write them: manifests in short, and routes that are attached without Gateways being judged."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from app.operator.routes.attachment import INGRESS_PARENT, AttachedListener, AttachedRoute, Attachment
from app.operator.routes.compiled import CompiledRules, ObjectStatus, condition
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.references import GATEWAY_GROUP, ParentRef
from app.operator.routes.objects.routes import Route
from app.operator.routes.rules.ingress import ingress_routes
from app.operator.routes.world import KINDS, World, read_world

__all__ = ["HTTP", "attach", "attach_all", "golden_text", "listener", "world_of"]

ACCEPTED = condition("Accepted", True, "Accepted", "Attached to its parent")


def listener(name: str = "shop/web/http", **given: Any) -> AttachedListener:
    """On port 80 of the Gateway shop/web, for all hosts."""
    return AttachedListener(
        name=name,
        hosts=tuple(given.get("hosts", ())),
        port=given.get("port", 80),
        protocol=given.get("protocol", "http"),
        gateway=ObjectKey(*given.get("gateway", "shop/web").split("/")),
        upstream_certificate=given.get("certificate"),
    )


HTTP = listener()


def world_of(text: str) -> World:
    """Objects are in `shop`, where nothing else is said, and in the API version that we read."""
    bodies = []
    for body in yaml.safe_load_all(textwrap.dedent(text)):
        if body and "kind" in body:
            kind = KINDS[body["kind"]]
            metadata = {**({"namespace": "shop"} if kind.is_namespaced else {}), **body["metadata"]}
            bodies.append({"apiVersion": kind.api_version, **body, "metadata": metadata})
    return read_world(bodies)


def attach(route: Route, *listeners: AttachedListener) -> AttachedRoute:
    """At one parent; hosts of the route, where the listener says none."""
    if route.kind == "Ingress":
        parent = INGRESS_PARENT
    else:
        parent = route.parents[0] if route.parents else ParentRef(GATEWAY_GROUP, "Gateway", "web")
    served = tuple(
        AttachedListener(
            one.name,
            one.hosts or route.hostnames,
            one.port,
            one.protocol,
            one.gateway,
            one.upstream_certificate,
        )
        for one in listeners
    )
    return AttachedRoute(route, (Attachment(parent, ACCEPTED, served),))


def attach_all(world: World, *listeners: AttachedListener) -> list[AttachedRoute]:
    """All routes and Ingresses, in the order of precedence."""
    routes: list[Route] = [*world.http_routes.values(), *world.grpc_routes.values()]
    routes.sort(key=lambda route: route.meta.age_order)
    for ingress in world.ingresses.values():
        routes += ingress_routes(ingress, world.services)
    return [attach(route, *(listeners or (HTTP,))) for route in routes]


def golden_text(compiled: CompiledRules) -> str:
    """What golden files hold: the document, and each status in short."""
    upstreams = [compiled.upstreams[name] for name in sorted(compiled.upstreams)]
    statuses = {f"{one.kind} {one.key}": _status(status) for one, status in compiled.statuses.items()}
    shown = {"routes": _plain(compiled.routes), "upstreams": _plain(upstreams), "statuses": statuses}
    return yaml.safe_dump(shown, sort_keys=False, width=120)


def _status(status: ObjectStatus) -> dict[str, Any]:
    entries = status.parents if status.parents is not None else status.ancestors
    return {
        f"{one.ref.namespace or '.'}/{one.ref.name}": {
            each.type: f"{each.status} {each.reason}: {each.message}" for each in one.conditions
        }
        for one in entries or ()
    }


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value

"""Which objects of the cluster policies may name, and the Gateways whose requests meet them. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from app.operator.routes.compiled import Compiled, Document
from app.operator.routes.object_names import object_names
from app.operator.routes.world import World
from app.policy.merge import target_text
from app.policy.model import TargetKind, TargetRef
from app.policy.objects import gateway_of, object_name, whole_of

__all__ = ["NOTHING_SERVED", "Attachments", "attachments_of"]


@dataclass(frozen=True, slots=True)
class Attachments:
    """By the names of `app/policy/objects.py`.

    `objects`: what exists: Gateways, routes, their rules, Services. `gateways`: of those of them that requests meet
    here, the Gateways that take these requests, sorted. `services`: of routes and rules, the
    Services that they send to. `is_served`: False where this operator serves no Gateway API at all.
    """

    objects: frozenset[str] = frozenset()
    gateways: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_served: bool = True

    def gateways_of(self, namespace: str, targets: Iterable[TargetRef]) -> tuple[str, ...]:
        """The Gateways whose requests meet one of the objects that a policy of `namespace` targets."""
        names = {object_name(target, namespace) for target in targets if target.is_object}
        return tuple(sorted({gateway for name in names for gateway in self.gateways.get(name, ())}))

    def absence(self, namespace: str, target: TargetRef) -> str | None:
        """Why a policy of `namespace` does nothing at `target`, an object; None where requests meet it."""
        name, shown = object_name(target, namespace), target_text(target)
        if name in self.gateways:
            return None
        if not self.is_served:
            return f"{shown} is an object of the cluster, and this operator serves none (gatewayAPI.enabled)"
        if name not in self.objects:
            return f"there is no {shown} in namespace {namespace}"
        if target.kind is TargetKind.GATEWAY:
            return f"{shown} is of a class that another controller serves"
        if target.kind is TargetKind.SERVICE:
            return f"no route of a Gateway here leads to {shown}"
        return f"no Gateway here takes requests for {shown}"


NOTHING_SERVED = Attachments(is_served=False)


def attachments_of(world: World, compiled: Compiled) -> Attachments:
    """From the objects and from what was compiled of them; O(routes + Services)."""
    gateways: dict[str, set[str]] = {}
    services: dict[str, set[str]] = {}
    for kind, key in compiled.statuses:
        if kind == "Gateway":
            gateways[f"gateway/{key}"] = {f"gateway/{key}"}
    said = {
        str(one["name"]): f"gateway/{one['gateway']}"
        for one in _mappings(compiled.tables.get("listeners"))
        if "gateway" in one
    }
    for route in _mappings(compiled.tables.get("routes")):
        rule = str(route["name"])
        listeners = [str(listener) for listener in _list(route.get("listeners"))]
        found = {said.get(listener) or gateway_of(listener) for listener in listeners}
        own = {gateway for gateway in found if gateway is not None}
        led_to = set(_services(route))
        for name in (rule, whole_of(rule) or rule):
            services.setdefault(name, set()).update(led_to)
            gateways.setdefault(name, set()).update(own)
        for name in led_to:
            gateways.setdefault(name, set()).update(own)
    return Attachments(frozenset(object_names(world)), _sorted(gateways), _sorted(services))


def _upstreams(route: Document) -> Iterator[str]:
    said = route.get("upstream")
    if isinstance(said, str):
        yield said
    for share in _mappings(said):
        yield str(share["name"])


def _services(route: Document) -> Iterator[str]:
    """Upstreams that are missing are no Service's."""
    for name in _upstreams(route):
        if name.startswith("service/"):
            yield whole_of(name) or name


def _mappings(value: object) -> Iterator[Document]:
    return (one for one in _list(value) if isinstance(one, Mapping))


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _sorted(found: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(sorted(names)) for name, names in found.items()}

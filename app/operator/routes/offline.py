"""Objects of Gateway API and Ingresses in files, judged as the operator would judge them, without a cluster. Pure.

What the files do not hold may be in the cluster: that it is missing counts only where they hold others of its kind.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from app.foundation.errors import ConfigFault, ConfigFaults
from app.operator.kube.resources import Condition
from app.operator.routes.compile import Compiler
from app.operator.routes.compiled import Compiled, ObjectId, ObjectStatus
from app.operator.routes.grants import Grants
from app.operator.routes.ingress_listeners import own_ingresses
from app.operator.routes.object_names import object_names
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.routes import Route
from app.operator.routes.rules.ingress import ingress_routes
from app.operator.routes.rules.route_compiler import RouteCompiler
from app.operator.routes.rules.rule import compile_rule
from app.operator.routes.rules.service_tls import ServiceTls
from app.operator.routes.rules.upstreams import UpstreamResolver
from app.operator.routes.settings import CONTROLLER, CompileSettings
from app.operator.routes.world import World, kind_of_body, read_world
from app.schema.document import Document
from app.schema.faults import Faults, Path

__all__ = ["ManifestObjects"]

_CLASS = "tidegate"
"""The chart's name for our classes: what carries it is ours, also where the class itself is in no file."""

_DEFAULT_NAMESPACE = "default"
_JUDGED = frozenset(
    {"BackendTLSPolicy", "GRPCRoute", "Gateway", "GatewayClass", "HTTPRoute", "Ingress", "ListenerSet"}
)
_NEEDED_KINDS = {
    "BackendNotFound": "Service",
    "InvalidCACertificateRef": "ConfigMap",
    "InvalidCertificateRef": "Secret",
    "InvalidClientCertificateRef": "Secret",
    "NoValidCACertificate": "ConfigMap",
    "RefNotPermitted": "ReferenceGrant",
}
"""By the reason of a condition: the kind of which an object is missing."""

# what listeners and rules say themselves, with their fields
_SUMMARIES = frozenset({"ListenersNotResolved", "ListenersNotValid", "UnsupportedValue"})
_BAD = {"Accepted": "False", "Conflicted": "True", "ResolvedRefs": "False"}
_TOKEN = re.compile(r"\[([0-9]+)\]|\[([^\]]*)\]|([^.\[\]]+)")


class _Given(NamedTuple):
    """An object where it stands."""

    document: Document
    path: Path
    body: Mapping[str, object]


@dataclass(slots=True)
class _Found:
    """What was found in one document."""

    faults: Faults = field(default_factory=Faults)
    warnings: Faults = field(default_factory=Faults)


class ManifestObjects:
    """The objects of all files; judged together at the end."""

    def __init__(self) -> None:
        self._given: list[_Given] = []

    def add(self, document: Document, path: Path, manifest: Mapping[str, object]) -> bool:
        """True for a kind that is judged; others that those may refer to are kept too."""
        if kind_of_body(manifest) is None:
            return False
        self._given.append(_Given(document, path, manifest))
        return manifest["kind"] in _JUDGED

    def findings(self) -> tuple[tuple[ConfigFault, ...], tuple[ConfigFault, ...]]:
        """Faults and warnings, by document and line."""
        judgement = _Judgement(self._given)
        judgement.judge()
        return judgement.located()

    def names(self) -> frozenset[str]:
        """Of what policies may target, by the names of `app/policy/objects.py`."""
        return frozenset(object_names(_Judgement(self._given).world))

    def has_routes(self) -> bool:
        """Whether there is a route or an Ingress that the operator serves."""
        return any(_routes(_Judgement(self._given).world))


class _Judgement:
    def __init__(self, given: Iterable[_Given]) -> None:
        self._found: dict[int, tuple[Document, _Found]] = {}
        self._places: dict[ObjectId, _Given] = {}
        self._said: set[tuple[ObjectId, str]] = set()
        bodies = [_class_body("gateway.networking.k8s.io/v1", "GatewayClass", "controllerName")]
        bodies.append(_class_body("networking.k8s.io/v1", "IngressClass", "controller"))
        bodies.extend(one.body for one in given if self._reads(one))
        self.world = read_world(bodies)

    def judge(self) -> None:
        world = self.world
        tls = ServiceTls(world.tls_policies.values(), world.config_maps, world.secrets, world.services)
        resolver = UpstreamResolver(world.services, Grants(world.grants.values()), tls)
        for route in _routes(world):
            self._judge_route(route, resolver)
        compiled = Compiler(CompileSettings(_DEFAULT_NAMESPACE), RouteCompiler(), ingress_routes).compile(
            world
        )
        self._judge_statuses(compiled)

    def located(self) -> tuple[tuple[ConfigFault, ...], tuple[ConfigFault, ...]]:
        found = self._found.values()
        return (
            tuple(fault for document, one in found for fault in document.located(one.faults)),
            tuple(fault for document, one in found for fault in document.located(one.warnings)),
        )

    def _reads(self, one: _Given) -> bool:
        """Whether the object can be read; what keeps it from that is noted."""
        try:
            world = read_world([one.body])
        except ConfigFaults as unreadable:
            for fault in unreadable.faults:
                self._faults_of(one).faults.add(
                    (*one.path, *_path(fault.path.partition(": ")[2])), fault.what, fault.fix
                )
            return False
        except ImportError:
            return False  # to judge certificates takes a package that only the operator has
        for key in (each for kind in _maps(world) for each in kind):
            self._places[ObjectId(str(one.body["kind"]), key)] = one
        return True

    def _faults_of(self, one: _Given) -> _Found:
        return self._found.setdefault(id(one.document), (one.document, _Found()))[1]

    def _judge_route(self, route: Route, resolver: UpstreamResolver) -> None:
        id_ = ObjectId(route.kind, route.meta.key)
        for index in range(len(route.rules)):
            rule = compile_rule(route, index, (), resolver)
            for fault in rule.faults:
                self._note(id_, fault.path, fault.what, fault.fix)
            for note in rule.notes:
                place, _, what = note.partition(": ")
                self._note(id_, place, what, "write what is meant", is_warning=True)
            for problem in rule.problems:
                place = "spec" if route.kind == "Ingress" else f"spec.rules[{index}]"
                self._judge_reason(id_, place, problem.reason, problem.message)

    def _judge_statuses(self, compiled: Compiled) -> None:
        for id_, status in compiled.statuses.items():
            if id_ not in self._places:
                continue  # the class that no file holds
            for place, condition in _conditions(id_, status):
                if _BAD.get(condition.type) == condition.status and condition.reason not in _SUMMARIES:
                    self._judge_reason(id_, place, condition.reason, condition.message)

    def _judge_reason(self, id_: ObjectId, place: str, reason: str, message: str) -> None:
        needed = _NEEDED_KINDS.get(reason)
        if needed is not None and all(one.kind != needed for one in self._places):
            return
        what, _, fix = message.rpartition("; ")
        if not what:
            what, fix = message, f"the status would say {reason}"
        self._note(id_, place, what, fix, is_warning=needed is not None)

    def _note(self, id_: ObjectId, place: str, what: str, fix: str, *, is_warning: bool = False) -> None:
        """Once, however many conditions say it."""
        if (id_, what) in self._said:
            return
        self._said.add((id_, what))
        one = self._places[id_]
        found = self._faults_of(one)
        (found.warnings if is_warning else found.faults).add((*one.path, *_path(place)), what, fix)


def _class_body(api_version: str, kind: str, key: str) -> Mapping[str, object]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": _CLASS}, "spec": {key: CONTROLLER}}


def _routes(world: World) -> Iterator[Route]:
    """All but those that are for Gateways of other classes alone."""
    own = {one.meta.name for one in world.classes.values() if one.controller == CONTROLLER}
    strangers = {key for key, gateway in world.gateways.items() if gateway.class_name not in own}
    for route in (*world.http_routes.values(), *world.grpc_routes.values()):
        parents = [(ref.kind, ref.key_from(route.meta.namespace)) for ref in route.parents]
        if not parents or any(kind != "Gateway" or key not in strangers for kind, key in parents):
            yield route
    for ingress in own_ingresses(world, CONTROLLER):
        yield from ingress_routes(ingress, world.services)


def _maps(world: World) -> tuple[Mapping[ObjectKey, object], ...]:
    """All objects by kind."""
    return (
        world.classes,
        world.gateways,
        world.listener_sets,
        world.http_routes,
        world.grpc_routes,
        world.grants,
        world.tls_policies,
        world.ingress_classes,
        world.ingresses,
        world.services,
        world.namespaces,
        world.secrets,
        world.config_maps,
    )


def _conditions(id_: ObjectId, status: ObjectStatus) -> Iterator[tuple[str, Condition]]:
    """With the field that each is about; a route's references were judged with its rules."""
    for condition in status.conditions or ():
        yield "spec", condition
    for index, listener in enumerate(status.listeners or ()):
        for condition in listener.conditions:
            yield f"spec.listeners[{index}]", condition
    for entry in (*(status.parents or ()), *(status.ancestors or ())):
        for condition in entry.conditions:
            if status.parents is None or condition.type == "Accepted":
                yield "spec.parentRefs" if status.parents else "spec", condition


def _path(text: str) -> Path:
    """`spec.rules[0].matches` as keys and indexes."""
    return tuple(int(index) if index else quoted or name for index, quoted, name in _TOKEN.findall(text))

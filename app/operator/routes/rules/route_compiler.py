"""All attached routes as routes and upstreams of the document, with the statuses of what hangs on them. Pure.

A route is compiled again only when it, its listeners or what its references lead to changed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

from app.operator.routes.attachment import INGRESS_PARENT, AttachedRoute
from app.operator.routes.compiled import CompiledRules, Document, ObjectId, ObjectStatus
from app.operator.routes.grants import Grants
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.references import ObjectRef
from app.operator.routes.rules.rule import CompiledRule, ListenerGroup, Resolver, compile_rule
from app.operator.routes.rules.service_tls import ServiceTls
from app.operator.routes.rules.upstreams import ResolvedUpstream, UpstreamResolver, UpstreamUse
from app.operator.routes.rules.verdicts import accepted_listeners, parent_status
from app.operator.routes.world import World

__all__ = ["RouteCompiler", "compile_rules"]


class _Call(NamedTuple):
    ref: ObjectRef
    port: int | None
    use: UpstreamUse
    own_name: str


class _Recorder:
    """Keeps what was asked of a resolver, and what it said."""

    __slots__ = ("_resolver", "calls")

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self.calls: dict[_Call, ResolvedUpstream] = {}

    def resolve(self, ref: ObjectRef, port: int | None, use: UpstreamUse, own_name: str) -> ResolvedUpstream:
        call = _Call(ref, port, use, own_name)
        if call not in self.calls:
            self.calls[call] = self._resolver.resolve(*call)
        return self.calls[call]


@dataclass(frozen=True, slots=True)
class _Kept:
    """`calls`: what the result rests on, beside the route and its listeners; they are for `services`.

    The rest is what the route adds to the result, in the shape in which it is put together. `counted`: the listeners
    of the document that it counts for.
    """

    attached: AttachedRoute
    calls: Mapping[_Call, ResolvedUpstream]
    services: frozenset[ObjectKey]
    documents: tuple[Document, ...]
    upstreams: tuple[tuple[str, Document], ...]
    uses: tuple[tuple[ObjectKey, frozenset[ObjectKey]], ...]
    statuses: tuple[tuple[ObjectId, ObjectStatus], ...]
    counted: frozenset[str]

    def holds(self, resolver: Resolver) -> bool:
        return all(resolver.resolve(*call) == resolved for call, resolved in self.calls.items())


_documents = attrgetter("documents")


class _Sums:
    """What all routes come to, but for their documents, whose order counts: of thousands an edit changes one."""

    __slots__ = ("attached", "statuses", "upstreams", "uses")

    def __init__(self) -> None:
        self.upstreams: dict[str, Document] = {}
        self.uses: Counter[str] = Counter()
        self.statuses: dict[ObjectId, ObjectStatus] = {}
        self.attached: Counter[str] = Counter()

    def add(self, kept: _Kept) -> None:
        self.upstreams.update(kept.upstreams)
        self.uses.update(name for name, _ in kept.upstreams)
        self.statuses.update(kept.statuses)
        self.attached.update(kept.counted)

    def remove(self, kept: _Kept) -> None:
        """What was added."""
        for name, _ in kept.upstreams:
            self.uses[name] -= 1
            if not self.uses[name]:
                del self.uses[name], self.upstreams[name]
        for id_, _ in kept.statuses:
            del self.statuses[id_]
        for listener in kept.counted:
            self.attached[listener] -= 1
            if not self.attached[listener]:
                del self.attached[listener]


class _Surroundings(NamedTuple):
    """What references are resolved by."""

    services: Mapping[ObjectKey, object]
    grants: Mapping[ObjectKey, object]
    tls_policies: Mapping[ObjectKey, object]
    config_maps: Mapping[ObjectKey, object]
    secrets: Mapping[ObjectKey, object]


class RouteCompiler:
    """Compiles one world after another; the same world gives the same result, whatever was compiled before.

    A route that is attached as before must be the same object as before; others are compiled again.
    """

    __slots__ = ("_kept", "_resolver", "_sums", "_surroundings", "_tls", "_upstreams")

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}
        """By identity of what is attached, which is kept there, so nothing else has it."""
        self._sums = _Sums()
        self._upstreams: dict[str, Document] = {}
        self._surroundings: _Surroundings | None = None
        self._tls = ServiceTls((), {}, {}, {})
        self._resolver = UpstreamResolver({}, Grants(()), self._tls)

    def compile(self, world: World, attached: Iterable[AttachedRoute]) -> CompiledRules:
        """`attached`: in the order of precedence. O(routes), and 100 times quicker for those that did not change."""
        # where a route's compilation fails nothing is kept, since what changed is known only once
        kept, sums = self._kept, self._sums
        self._kept, self._sums, self._upstreams = {}, _Sums(), dict(sums.upstreams)
        changed, routes = self._look_around(world), list(attached)
        gone = kept.keys() - set(map(id, routes))
        if changed is None or changed:
            gone |= {
                one for one, before in kept.items() if one not in gone and not self._holds(before, changed)
            }
        for one in gone:
            sums.remove(kept.pop(one))
        for new in [one for one in routes if id(one) not in kept]:
            made = kept[id(new)] = self._compile_route(new)
            sums.add(made)
        self._kept, self._sums = kept, sums
        return self._result(routes)

    def _holds(self, kept: _Kept, changed: frozenset[ObjectKey] | None) -> bool:
        if changed is not None and changed.isdisjoint(kept.services):
            return True
        return kept.holds(self._resolver)

    def _look_around(self, world: World) -> frozenset[ObjectKey] | None:
        """The Services that are not what they were; None where any reference may lead elsewhere.

        Values that are the same objects compare at once.
        """
        before, now = (
            self._surroundings,
            _Surroundings(world.services, world.grants, world.tls_policies, world.config_maps, world.secrets),
        )
        if now == before:
            return frozenset()
        self._surroundings = now
        self._tls = ServiceTls(world.tls_policies.values(), world.config_maps, world.secrets, world.services)
        self._resolver = UpstreamResolver(world.services, Grants(world.grants.values()), self._tls)
        if before is None or now[1:] != before[1:]:
            return None
        keys = before.services.keys() | now.services.keys()
        return frozenset(key for key in keys if before.services.get(key) is not now.services.get(key))

    def _compile_route(self, attached: AttachedRoute) -> _Kept:
        recorder, route = _Recorder(self._resolver), attached.route
        groups = _groups(attached)
        rules = tuple(compile_rule(route, index, groups, recorder) for index in range(len(route.rules)))
        status = _status(attached, rules)
        parents = () if status is None else status.parents or ()
        return _Kept(
            attached=attached,
            calls=recorder.calls,
            services=frozenset(call.ref.key_from(call.use.namespace) for call in recorder.calls),
            documents=tuple(document for rule in rules for document in rule.documents),
            upstreams=tuple(self._known(*one) for rule in rules for one in rule.upstreams.items()),
            uses=tuple(use for rule in rules for use in rule.uses),
            statuses=() if status is None else ((status.id, status),),
            counted=accepted_listeners(attached.attachments, parents),
        )

    def _known(self, name: str, upstream: Document) -> tuple[str, Document]:
        """An upstream is one object for all routes that lead to it, and stays that while it says the same."""
        if self._upstreams.get(name) != upstream:
            self._upstreams[name] = upstream
        return name, self._upstreams[name]

    def _result(self, routes: Iterable[AttachedRoute]) -> CompiledRules:
        sums, kept = self._sums, map(self._kept.__getitem__, map(id, routes))
        return CompiledRules(
            routes=tuple(chain.from_iterable(map(_documents, kept))),
            upstreams=dict(sums.upstreams),
            statuses={**sums.statuses, **self._tls.statuses(self._ancestors())},
            attached=sums.attached.copy(),
        )

    def _ancestors(self) -> dict[ObjectKey, frozenset[ObjectKey]]:
        """Of the Services that policies name."""
        ancestors: dict[ObjectKey, frozenset[ObjectKey]] = {}
        named = self._tls.services
        for one in self._kept.values() if named else ():
            if named.isdisjoint(one.services):
                continue
            for service, gateways in one.uses:
                ancestors[service] = ancestors.get(service, frozenset()) | gateways
        return ancestors


def compile_rules(world: World, attached: Iterable[AttachedRoute]) -> CompiledRules:
    """As `RouteCompiler.compile`, from nothing."""
    return RouteCompiler().compile(world, attached)


def _status(attached: AttachedRoute, rules: tuple[CompiledRule, ...]) -> ObjectStatus | None:
    """None for an Ingress, which has no conditions."""
    route = attached.route
    if route.kind == "Ingress":
        return None
    return ObjectStatus(
        id=ObjectId(route.kind, route.meta.key),
        uid=route.meta.uid,
        generation=route.meta.generation,
        parents=tuple(parent_status(one, rules) for one in attached.attachments),
    )


def _groups(attached: AttachedRoute) -> list[ListenerGroup]:
    """The listeners of all parents, each once, by what makes the rules differ."""
    names: dict[tuple[tuple[str, ...], str | None], dict[str, ObjectKey]] = {}
    for attachment in attached.attachments:
        is_ingress = attachment.parent == INGRESS_PARENT
        for one in attachment.listeners:
            listeners = names.setdefault((one.hosts, one.upstream_certificate), {})
            listeners[one.name] = ObjectKey("", "") if is_ingress else one.gateway
    return [
        ListenerGroup(
            tuple(listeners),
            hosts,
            certificate,
            frozenset(gateway for gateway in listeners.values() if gateway.name),
        )
        for (hosts, certificate), listeners in names.items()
    ]

"""One rule of a route as routes of the document, or as 500 for what it matches where we cannot serve it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.config.parsing.destinations import MAX_WEIGHT
from app.config.parsing.routes import CLUSTER_ROUTE
from app.foundation.errors import ConfigFault
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.references import ObjectRef
from app.operator.routes.objects.routes import Route, RouteRule, UpstreamRef
from app.operator.routes.rules.filters import SHARE_KEYS, FilterDocument, PlacedMirror, filter_document
from app.operator.routes.rules.matches import MatchDocument, match_documents
from app.operator.routes.rules.names import route_name
from app.operator.routes.rules.timing import MAX_ATTEMPTS, retry_document, timeout_document
from app.operator.routes.rules.upstreams import Problem, ResolvedUpstream, UpstreamUse, missing_upstream
from app.schema.faults import Faults, Path, spell

__all__ = ["CompiledRule", "ListenerGroup", "Resolver", "compile_rule"]

Document = Mapping[str, object]

_FIELDS = {
    "name": "name",
    "listeners": "parentRefs",
    "upstream": "backendRefs",
    "mirror": "filters.requestMirror",
    "requestHeaders": "filters.requestHeaderModifier",
    "responseHeaders": "filters.responseHeaderModifier",
    "redirect": "filters.requestRedirect",
    "rewrite": "filters.urlRewrite",
    "cors": "filters.cors",
    "timeout": "timeouts",
    "retry": "retry",
    "perTry": "backendRequest",
    "on": "codes",
    "base": "",
    "min": "",
    "prefix": "path.replacePrefixMatch",
    "path": "path.replaceFullPath",
    "host": "hostname",
    "status": "statusCode",
}


class Resolver(Protocol):
    """Where references lead."""

    def resolve(
        self, ref: ObjectRef, port: int | None, use: UpstreamUse, own_name: str
    ) -> ResolvedUpstream: ...


@dataclass(frozen=True, slots=True)
class ListenerGroup:
    """Listeners that a route is served at alike: the same hosts, the same client certificate towards upstreams."""

    listeners: tuple[str, ...]
    hosts: tuple[str, ...]
    certificate: str | None
    gateways: frozenset[ObjectKey]


NOWHERE = ListenerGroup((), (), None, frozenset())
"""What the rules of a route that is attached nowhere are judged for."""


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """`upstreams`: what the documents name, by name. `uses`: Services with the Gateways that lead to them.

    `problems`: references that lead nowhere; their share gets 500. `faults`: why the rule, or a match of it, is not
    served. `notes`: what is served otherwise than written, within what the API leaves to us.
    """

    documents: tuple[Document, ...]
    upstreams: Mapping[str, Document]
    uses: tuple[tuple[ObjectKey, frozenset[ObjectKey]], ...]
    problems: tuple[Problem, ...]
    faults: tuple[ConfigFault, ...]
    notes: tuple[str, ...]


def compile_rule(
    route: Route, index: int, groups: Sequence[ListenerGroup], resolver: Resolver
) -> CompiledRule:
    """`groups`: none where the route is attached nowhere; the rule is judged all the same."""
    return _RuleWriter(route, index, resolver).write(groups)


@dataclass(slots=True)
class _Parts:
    """What a rule says beside its matches and references. `edits`: of each upstream, in their order."""

    of_route: dict[str, object]
    edits: list[Document]
    mirrors: list[PlacedMirror]
    faults: list[ConfigFault]


@dataclass(slots=True)
class _Found:
    """What was collected over all groups, each once."""

    upstreams: dict[str, Document] = field(default_factory=dict)
    uses: dict[ObjectKey, frozenset[ObjectKey]] = field(default_factory=dict)
    problems: dict[Problem, None] = field(default_factory=dict)

    def add(self, resolved: ResolvedUpstream, group: ListenerGroup) -> None:
        if resolved.problem is not None:
            self.problems[resolved.problem] = None
        if resolved.service is not None:
            self.uses[resolved.service] = self.uses.get(resolved.service, frozenset()) | group.gateways


class _RuleWriter:
    """Writes one rule, for one group of listeners after another."""

    def __init__(self, route: Route, index: int, resolver: Resolver) -> None:
        self._route, self._rule, self._resolver = route, route.rules[index], resolver
        self._place = f"spec.rules[{index}]"
        self._name = route_name(route.kind, route.meta.key, self._rule.name or str(index))
        self._found = _Found()

    def write(self, groups: Sequence[ListenerGroup]) -> CompiledRule:
        matches, match_faults = match_documents(self._rule.matches, self._place)
        parts = _read_parts(self._rule, self._place)
        unknown = [
            ConfigFault(path, "is not supported", "remove it")
            for path in self._route.unknown
            if path.startswith(f"{self._place}.") or not path.startswith("spec.rules[")
        ]
        faults = dict.fromkeys((*unknown, *match_faults, *parts.faults))
        documents: list[Document] = []
        for group in groups or (NOWHERE,):
            body, body_faults = self._body(parts, group)
            faults.update(dict.fromkeys(body_faults))
            if matches:
                documents += self._documents(group, matches, body, faults)
        return CompiledRule(
            documents=tuple(documents) if groups else (),
            upstreams=self._found.upstreams if groups else {},
            uses=tuple(self._found.uses.items()),
            problems=tuple(self._found.problems),
            faults=tuple(faults),
            notes=_notes(self._rule, self._place),
        )

    def _documents(
        self,
        group: ListenerGroup,
        matches: Sequence[MatchDocument],
        body: Document,
        faults: dict[ConfigFault, None],
    ) -> list[Document]:
        """The rule at `group`; or what replies 500 in its place, so that no other rule gets its requests."""
        hosts = {"hosts": list(group.hosts)} if group.hosts else {}
        head = {
            "name": self._name,
            "listeners": list(group.listeners) or ["unattached/listener"],
            "matches": [{**hosts, **one} for one in matches],
            "auth": "none",
        }
        if not faults:
            document = {**head, **body}
            found = _faults_of(document)
            if not len(found):
                return [document]
            faults.update(dict.fromkeys(self._located(found)))
        why = "; ".join(str(fault) for fault in faults)
        own_name = f"{self._name}/unsupported"
        replying = {**head, "upstream": own_name}
        if len(_faults_of(replying)):
            return []  # not even what it matches can be read
        self._found.upstreams[own_name] = missing_upstream(own_name, why)
        return [replying]

    def _body(self, parts: _Parts, group: ListenerGroup) -> tuple[dict[str, object], list[ConfigFault]]:
        """All but name, listeners and matches."""
        faults: list[ConfigFault] = []
        body = dict(parts.of_route)
        if "redirect" not in body:
            body["upstream"] = self._upstreams(parts, group, faults)
        if mirrors := self._mirrors(parts.mirrors, group):
            body["mirror"] = mirrors
        if self._rule.timeouts is not None and (times := timeout_document(self._rule.timeouts)):
            body["timeout"] = times
        if self._rule.retry is not None:
            body["retry"] = retry_document(self._rule.retry)
        return body, faults

    def _upstreams(self, parts: _Parts, group: ListenerGroup, faults: list[ConfigFault]) -> object:
        weights: dict[str, int] = {}
        edits_of: dict[str, Document] = {}
        for index, (ref, edits) in enumerate(zip(self._rule.upstreams, parts.edits, strict=True)):
            resolved = self._resolve(ref, group, f"{self._name}/{index}")
            if ref.weight == 0:
                continue
            if edits_of.setdefault(resolved.name, edits) != edits:
                what = f"repeats {ref.ref} port {ref.port} with other filters"
                fix = "give it once, or with the same filters"
                faults.append(ConfigFault(f"{self._place}.backendRefs[{index}]", what, fix))
            weights[resolved.name] = weights.get(resolved.name, 0) + ref.weight
            self._found.upstreams[resolved.name] = resolved.document
        if weights:
            return _shares(weights, edits_of)
        why = "all weights are 0" if self._rule.upstreams else "the rule has no backendRefs"
        own_name = f"{self._name}/none"
        self._found.upstreams[own_name] = missing_upstream(own_name, why)
        return own_name

    def _mirrors(self, mirrors: Iterable[PlacedMirror], group: ListenerGroup) -> list[Document]:
        """A mirror that leads nowhere is a problem of the status, and nothing of the requests."""
        items: list[Document] = []
        for one in mirrors:
            mirror = one.mirror
            ref = UpstreamRef(mirror.upstream, mirror.port, 1, ())
            resolved = self._resolve(ref, group, f"{self._name}/mirror")
            share: dict[str, object] = {}
            if mirror.percent is not None:
                share["percent"] = mirror.percent
            if mirror.fraction is not None:
                numerator, denominator = mirror.fraction
                share["fraction"] = {"numerator": numerator, "denominator": denominator}
            is_none = mirror.percent == 0 or (mirror.fraction is not None and mirror.fraction[0] == 0)
            if "missing" not in resolved.document and not is_none:
                self._found.upstreams[resolved.name] = resolved.document
                items.append({"upstream": resolved.name, **share})
        return items

    def _resolve(self, ref: UpstreamRef, group: ListenerGroup, own_name: str) -> ResolvedUpstream:
        use = UpstreamUse(self._route.kind, self._route.meta.namespace, group.certificate)
        resolved = self._resolver.resolve(ref.ref, ref.port, use, own_name)
        self._found.add(resolved, group)
        return resolved

    def _located(self, faults: Faults) -> list[ConfigFault]:
        return [ConfigFault(self._field(one.path), one.what, one.fix) for one in faults.found]

    def _field(self, path: Path) -> str:
        """How the route writes what the document has at `path`."""
        if "hosts" in path:
            return "spec.hostnames"
        parts = (_FIELDS.get(part, part) if isinstance(part, str) else part for part in path[2:])
        text = self._place
        for part in parts:
            text += spell((part,)) if isinstance(part, int) else f".{part}" if part else ""
        return text


def _faults_of(document: Document) -> Faults:
    found = Faults()
    CLUSTER_ROUTE.open(document, ("routes", 0), found)
    return found


def _read_parts(rule: RouteRule, place: str) -> _Parts:
    """What all upstreams of a rule say alike is said once, for the rule."""
    of_rule = filter_document(rule.filters, f"{place}.filters")
    of_upstreams = [
        filter_document(one.filters, f"{place}.backendRefs[{index}].filters")
        for index, one in enumerate(rule.upstreams)
    ]
    parts = _Parts(
        dict(of_rule.parts),
        [{key: one.parts[key] for key in SHARE_KEYS if key in one.parts} for one in of_upstreams],
        list(of_rule.mirrors),
        [fault for one in (of_rule, *of_upstreams) for fault in one.faults],
    )
    shared = [_shared_parts(one) for one in of_upstreams]
    if any(each != shared[0] for each in shared):
        for index, (each, _) in enumerate(shared):
            if each:
                what = f"has {_filter_names(each)} for one upstream of several"
                fix = "put it into the rule, or give this upstream a rule of its own"
                parts.faults.append(ConfigFault(f"{place}.backendRefs[{index}].filters", what, fix))
        return parts
    for one in of_upstreams[:1]:
        parts.mirrors += one.mirrors
        for key, part in shared[0][0].items():
            if key in parts.of_route:
                what = f"has {_filter_names([key])}, as the rule has"
                parts.faults.append(
                    ConfigFault(f"{place}.backendRefs[0].filters", what, "keep one of the two")
                )
            parts.of_route[key] = part
    return parts


def _filter_names(keys: Iterable[str]) -> str:
    return ", ".join(_FIELDS[key].removeprefix("filters.") for key in keys)


def _shared_parts(one: FilterDocument) -> tuple[dict[str, object], tuple[object, ...]]:
    """What a route of the document has only as a whole."""
    parts = {key: part for key, part in one.parts.items() if key not in SHARE_KEYS}
    return parts, tuple(placed.mirror for placed in one.mirrors)


def _shares(weights: Mapping[str, int], edits_of: Mapping[str, Document]) -> object:
    """As short as the document can say it; weights keep their proportions within its bounds."""
    if len(weights) == 1:
        ((name, edits),) = edits_of.items()
        return [{"name": name, **edits}] if edits else name
    most = max(weights.values())
    return [
        {
            "name": name,
            "weight": weight if most <= MAX_WEIGHT else max(1, weight * MAX_WEIGHT // most),
            **edits_of[name],
        }
        for name, weight in weights.items()
    ]


def _notes(rule: RouteRule, place: str) -> tuple[str, ...]:
    if rule.retry is None or rule.retry.attempts <= MAX_ATTEMPTS:
        return ()
    return (f"{place}.retry.attempts: {MAX_ATTEMPTS} are made at most, not {rule.retry.attempts}",)

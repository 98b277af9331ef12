"""What is in force for an object of the cluster, which policy sets it and which lost. Pure.

Policies of several namespaces meet there: those of the object's own, of its Gateways', of the Services' that it sends
to, and of the gateways that serve it all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from app.config.sync.snapshot import PolicyEntry
from app.operator.kube.resources import PolicyObject
from app.operator.policy.compile import AcceptReason, Verdict, compile_policies
from app.operator.policy.explain import STANZAS, Explained, Row, levels_of, row_of
from app.policy.effective import Effective, Source
from app.policy.merge import Hierarchy, Stated, layer, strongest
from app.policy.model import Mode, Policy, Spec, TargetKind, TargetRef
from app.policy.objects import object_name, whole_of
from app.policy.parse import parse_spec

__all__ = ["Neighbours", "explain_object"]

_BREAKER_STANZAS = STANZAS[:2]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What an object hangs together with, by the names of `app/policy/objects.py`, as the operator knows it.

    `namespace`, `release`: of the gateways that serve it; `release` None: not known, or several. `gateways`: those
    that take its requests. `services`: those that it sends to.
    """

    namespace: str | None = None
    release: str | None = None
    gateways: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where settings are asked for."""

    route: str | None
    upstream: str | None
    gateway: str | None


def explain_object(
    policies: Iterable[PolicyObject],
    namespace: str,
    target: TargetRef,
    neighbours: Neighbours,
    wall_s: float,
) -> Explained:
    """What is in force for `target`, an object in `namespace`; `policies`: of all namespaces, as far as known."""
    known = list(policies)
    compiled = compile_policies(known)
    specs = {f"{entry.namespace}/{entry.name}": entry.spec for entry in compiled.entries}
    stated = [one for entry in compiled.entries if (one := _stated(entry, neighbours)) is not None]
    rows: list[Row] = []
    for mode in Mode:
        hierarchy = layer(stated, mode=mode, gateway=neighbours.release, wall_s=wall_s)
        rows += _Rows(hierarchy, mode, specs).of(namespace, target, neighbours)
    concerned = _concerned(namespace, target, neighbours)
    lost = []
    for policy in sorted(known, key=lambda one: one.age_order):
        verdict = compiled.verdicts[policy.uid]
        if not verdict.is_accepted and _is_about(policy, verdict, namespace, concerned, neighbours):
            why = f"{AcceptReason(verdict.reason)}: {verdict.message}"
            lost.append((f"{policy.namespace}/{policy.name}", why))
    name = object_name(target, namespace)
    is_named = any(name in _names(one.policy) for one in stated)
    return Explained(tuple(rows), tuple(lost), is_named)


class _Rows:
    """The rows of one mode."""

    def __init__(self, hierarchy: Hierarchy, mode: Mode, specs: Mapping[str, Mapping[str, object]]) -> None:
        self._hierarchy, self._mode, self._specs = hierarchy, mode, specs

    def of(self, namespace: str, target: TargetRef, neighbours: Neighbours) -> Iterator[Row]:
        name = object_name(target, namespace)
        is_route = target.kind in (TargetKind.HTTP_ROUTE, TargetKind.GRPC_ROUTE)
        places = _places(name, target.kind, neighbours.gateways)
        for stanza in _BREAKER_STANZAS if target.kind is TargetKind.SERVICE else STANZAS:
            yield from self._at(stanza, places)
            if is_route and target.section is None:
                yield from self._rules(stanza, name, places[0])
            if is_route and stanza in _BREAKER_STANZAS:
                yield from self._services(stanza, places[0], neighbours.services)

    def _at(self, stanza: str, places: Sequence[_Place]) -> Iterator[Row]:
        """One row; a row for each Gateway where they differ."""
        found = [(place, self._row(stanza, place)) for place in places]
        if len({row for _, row in found}) == 1:
            found = [(_Place(None, None, None), found[0][1])]
        for place, row in found:
            if row.spec_json or (stanza != "override" and self._mode is Mode.ENFORCE):
                yield row if place.gateway is None else replace(row, part=f"at {_shown(place.gateway)}")

    def _rules(self, stanza: str, name: str, place: _Place) -> Iterator[Row]:
        """Those rules of a route that a policy names, where it changes something."""
        routes = levels_of(self._hierarchy, stanza).routes
        for rule in sorted(route for route in routes if whole_of(route) == name):
            row = self._row(stanza, replace(place, route=rule))
            if row != self._row(stanza, place):
                yield replace(row, part=f"in rule {rule.rpartition('/')[2]}")

    def _services(self, stanza: str, place: _Place, services: Sequence[str]) -> Iterator[Row]:
        """Those Services where a policy for the Service decides."""
        for service in services:
            row = self._row(stanza, replace(place, upstream=service))
            if row != self._row(stanza, place):
                yield replace(row, part=f"to {_shown(service)}")

    def _row(self, stanza: str, place: _Place) -> Row:
        levels = levels_of(self._hierarchy, stanza)
        effective: Effective[object] | None = strongest(
            levels, route=place.route, upstream=place.upstream, gateway=place.gateway
        )
        return row_of(stanza, self._mode, effective, self._specs)


def _places(name: str, kind: TargetKind, gateways: Sequence[str]) -> list[_Place]:
    """The object at each of its Gateways; a Service's own breaker is one for all of them, so that comes first."""
    if kind is TargetKind.GATEWAY:
        return [_Place(None, None, name)]
    route, upstream = (None, name) if kind is TargetKind.SERVICE else (name, None)
    return [_Place(route, upstream, gateway) for gateway in gateways] or [_Place(route, upstream, None)]


def _stated(entry: PolicyEntry, neighbours: Neighbours) -> Stated | None:
    """The policy with those of its targets that count here; None where none does."""
    spec = parse_spec(entry.spec)
    own = spec.targets
    if entry.namespace != neighbours.namespace:
        own = tuple(target for target in own if target.is_object)
    if not own:
        return None
    name = f"{entry.namespace}/{entry.name}"
    return Stated(Policy(name, replace(spec, targets=own), entry.namespace), Source.RESOURCE)


def _concerned(namespace: str, target: TargetRef, neighbours: Neighbours) -> frozenset[str]:
    """The names of objects by which a policy is about `target`."""
    name = object_name(target, namespace)
    names = {name, *neighbours.gateways, *neighbours.services}
    if target.section is not None and (whole := whole_of(name)) is not None:
        names.add(whole)
    return frozenset(names)


def _is_about(
    policy: PolicyObject, verdict: Verdict, namespace: str, concerned: frozenset[str], neighbours: Neighbours
) -> bool:
    """Whether a policy that is not in force is about the object; one that cannot be read may be, in its namespace."""
    if verdict.spec is None:
        return policy.namespace == namespace
    if not concerned.isdisjoint(_targets(verdict.spec, policy.namespace)):
        return True
    is_release = any(one.kind is TargetKind.GATEWAY and not one.is_object for one in verdict.spec.targets)
    return is_release and policy.namespace == neighbours.namespace


def _names(policy: Policy) -> set[str]:
    return _targets(policy.spec, policy.namespace or "")


def _targets(spec: Spec, namespace: str) -> set[str]:
    return {object_name(target, namespace) for target in spec.targets if target.is_object}


def _shown(name: str) -> str:
    """`NAMESPACE/NAME` of an object."""
    return name.partition("/")[2]

"""The listeners of one Gateway and its ListenerSets: which are served, and what their conditions say
(Gateway API v1.7.0: Listener, ListenerStatus). Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.config.parsing.listeners import CLUSTER_LISTENER
from app.operator.kube.resources import Condition
from app.operator.routes.certificate_refs import CertificateRefs, RefFault
from app.operator.routes.compiled import Document, ObjectId, condition
from app.operator.routes.conflicts import PROTOCOLS, Conflict, find_conflicts
from app.operator.routes.hostnames import overlap
from app.operator.routes.objects.certificates import CertificatePair
from app.operator.routes.objects.gateways import ClientValidation, Gateway
from app.operator.routes.objects.listeners import Listener, RouteKind
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.references import GATEWAY_GROUP
from app.schema.faults import Faults, spell

__all__ = ["ListenerGroup", "PlacedListener", "place_listeners", "without_port"]

_KINDS = (RouteKind(GATEWAY_GROUP, "GRPCRoute"), RouteKind(GATEWAY_GROUP, "HTTPRoute"))


@dataclass(frozen=True, slots=True)
class ListenerGroup:
    """The listeners of a Gateway or of one of its ListenerSets. `unknown`: fields of the object we do not know."""

    owner: ObjectId
    listeners: tuple[Listener, ...]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlacedListener:
    """`name`: in the document. `kinds`: of routes that it takes. `conditions`: all but Programmed.

    `document`: as the tables have it, but for its port; None where it is not served, as `fault` says.
    `pairs`: its certificates by their names in the document.
    """

    owner: ObjectId
    gateway: ObjectKey
    name: str
    spec: Listener
    kinds: tuple[RouteKind, ...]
    conditions: tuple[Condition, ...]
    document: Document | None
    pairs: Mapping[str, CertificatePair]
    fault: str

    @property
    def is_served(self) -> bool:
        return self.document is not None

    @property
    def is_accepted(self) -> bool:
        return any(one.type == "Accepted" and one.status == "True" for one in self.conditions)


def without_port(one: PlacedListener) -> PlacedListener:
    """A listener for which the gateways have no port left."""
    fault = RefFault("PortUnavailable", "the gateways have no port left; remove listeners that nobody needs")
    others = tuple(each for each in one.conditions if each.type != "Accepted")
    return replace(one, conditions=(_accepted(fault), *others), document=None, pairs={}, fault=fault.message)


def place_listeners(
    gateway: Gateway, groups: Sequence[ListenerGroup], refs: CertificateRefs
) -> tuple[PlacedListener, ...]:
    """In the order of `groups`: the Gateway's own listeners first, then its ListenerSets', oldest first."""
    conflicts = find_conflicts([group.listeners for group in groups])
    placed = [
        _Judge(gateway, group, refs).place(index, listener, conflicts.get((number, index)))
        for number, group in enumerate(groups)
        for index, listener in enumerate(group.listeners)
    ]
    return tuple(_with_overlap(one, placed) for one in placed)


@dataclass(frozen=True, slots=True)
class _Refs:
    """What a listener's references lead to."""

    pairs: Mapping[str, CertificatePair]
    client_ca: str | None
    faults: tuple[RefFault, ...]
    has_no_ca: bool


class _Judge:
    """Judges the listeners of one group."""

    def __init__(self, gateway: Gateway, group: ListenerGroup, refs: CertificateRefs) -> None:
        self._gateway, self._group, self._certificates = gateway, group, refs

    def place(self, index: int, listener: Listener, conflict: Conflict | None) -> PlacedListener:
        field = f"spec.listeners[{index}]"
        name = _document_name(self._group.owner, listener)
        kinds, kind_fault = _kinds(listener, field)
        refs = self._refs(listener, field)
        document = self._document(name, listener, refs)
        fault = self._fault(field, listener, refs, document)
        if conflict is not None:
            fault = RefFault(conflict.reason, conflict.message)
        ref_faults = (*refs.faults, *([kind_fault] if kind_fault else ()))
        conditions = (_accepted(fault), _conflicted(conflict), _resolved(ref_faults))
        reason = ""
        if fault is not None:
            reason = fault.message
        elif listener.protocol == "HTTPS" and not refs.pairs:
            reason = "it has no certificate that can serve"
        return PlacedListener(
            owner=self._group.owner,
            gateway=self._gateway.meta.key,
            name=name,
            spec=listener,
            kinds=kinds,
            conditions=conditions,
            document=None if reason else document,
            pairs={} if reason else refs.pairs,
            fault=reason,
        )

    def _refs(self, listener: Listener, field: str) -> _Refs:
        if listener.protocol != "HTTPS":
            return _Refs({}, None, (), False)
        pairs, faults = self._pairs(listener, field)
        validation = self._validation(listener.port)
        if validation is None:
            return _Refs(pairs, None, tuple(faults), False)
        texts: list[str] = []
        for ref in validation.ca_refs:
            found = self._certificates.ca(ref, "Gateway", self._gateway.meta.namespace)
            if isinstance(found, RefFault):
                faults.append(found)
            else:
                texts.append(found.decode())
        return _Refs(pairs, "\n".join(texts), tuple(faults), not texts)

    def _pairs(self, listener: Listener, field: str) -> tuple[dict[str, CertificatePair], list[RefFault]]:
        named = listener.tls.certificates if listener.tls else ()
        faults: list[RefFault] = []
        if not named:
            message = f"{field}.tls.certificateRefs is empty: name a Secret of type kubernetes.io/tls"
            faults.append(RefFault("InvalidCertificateRef", message))
        pairs: dict[str, CertificatePair] = {}
        owner = self._group.owner
        for ref in named:
            found = self._certificates.pair(ref, owner.kind, owner.key.namespace, "InvalidCertificateRef")
            if found.fault is not None:
                faults.append(found.fault)
            if found.name is not None and found.pair is not None:
                pairs[found.name] = found.pair
        return pairs, faults

    def _validation(self, port: int) -> ClientValidation | None:
        return self._gateway.port_client_validations.get(port, self._gateway.client_validation)

    def _document(self, name: str, listener: Listener, refs: _Refs) -> Document:
        document: dict[str, object] = {
            "name": name,
            "port": listener.port,
            "publicPort": listener.port,
            "protocol": listener.protocol.lower(),
        }
        if self._group.owner.kind == "ListenerSet":
            document["gateway"] = str(self._gateway.meta.key)
        if listener.hostname:
            document["hosts"] = [listener.hostname.lower()]
        if refs.pairs:
            document["certificates"] = list(refs.pairs)
        validation = self._validation(listener.port)
        if refs.client_ca and validation is not None:
            is_optional = validation.mode == "AllowInsecureFallback"
            mode = "optional" if is_optional else "required"
            document["clientCertificates"] = {"ca": refs.client_ca, "mode": mode}
        return document

    def _fault(self, field: str, listener: Listener, refs: _Refs, document: Document) -> RefFault | None:
        """Why the listener is not accepted, conflicts aside."""
        if listener.protocol not in PROTOCOLS:
            message = f"{field}.protocol {listener.protocol} is not supported; use {' or '.join(PROTOCOLS)}"
            return RefFault("UnsupportedProtocol", message)
        unknown = [path for path in self._group.unknown if path.startswith(field)]
        if unknown:
            message = f"{', '.join(unknown)} is not supported; remove it"
            return RefFault("UnsupportedValue", message)
        tls = listener.tls
        if tls is not None and tls.options:
            message = f"{field}.tls.options: {', '.join(sorted(tls.options))} is not supported; remove it"
            return RefFault("UnsupportedValue", message)
        if tls is not None and (listener.protocol == "HTTP" or tls.mode != "Terminate"):
            message = f"{field}.tls with mode {tls.mode} does not go with {listener.protocol}; use HTTPS and Terminate"
            return RefFault("UnsupportedValue", message)
        if refs.has_no_ca:
            message = "no CA certificate that clients could be checked with: no connection would be taken"
            return RefFault("NoValidCACertificate", message)
        return _unreadable(field, document) if refs.pairs or listener.protocol == "HTTP" else None


def _unreadable(field: str, document: Document) -> RefFault | None:
    """What the gateways' own parser holds against the listener, so that one never costs all others."""
    faults = Faults()
    CLUSTER_LISTENER.open(document, (), faults)
    if not len(faults):
        return None
    first = faults.found[0]
    return RefFault("UnsupportedValue", f"{field}: {spell(first.path)}: {first.what}; {first.fix}")


def _document_name(owner: ObjectId, listener: Listener) -> str:
    prefix = "listenerset/" if owner.kind == "ListenerSet" else ""
    return f"{prefix}{owner.key.namespace}/{owner.key.name}/{listener.name}"


def _kinds(listener: Listener, field: str) -> tuple[tuple[RouteKind, ...], RefFault | None]:
    spoken = _KINDS if listener.protocol in PROTOCOLS else ()
    if not listener.kinds:
        return spoken, None
    wrong = [one.kind for one in listener.kinds if one not in spoken]
    kinds = tuple(dict.fromkeys(one for one in listener.kinds if one in spoken))
    if not wrong:
        return kinds, None
    takes = " and ".join(one.kind for one in spoken) or "no routes"
    message = f"{field}.allowedRoutes.kinds: {', '.join(wrong)}: {listener.protocol} takes {takes}"
    return kinds, RefFault("InvalidRouteKinds", message)


def _accepted(fault: RefFault | None) -> Condition:
    if fault is None:
        return condition("Accepted", True, "Accepted", "the listener is valid")
    return condition("Accepted", False, fault.reason, fault.message)


def _conflicted(conflict: Conflict | None) -> Condition:
    if conflict is None:
        return condition("Conflicted", False, "NoConflicts", "no other listener has its port and hostname")
    return condition("Conflicted", True, conflict.reason, conflict.message)


def _resolved(faults: Iterable[RefFault]) -> Condition:
    found = list(faults)
    if not found:
        return condition("ResolvedRefs", True, "ResolvedRefs", "all references are resolved")
    return condition("ResolvedRefs", False, found[0].reason, ". ".join(fault.message for fault in found))


def _with_overlap(one: PlacedListener, placed: Iterable[PlacedListener]) -> PlacedListener:
    """Says so of HTTPS listeners whose hosts overlap: a client may reuse a connection for another's host."""
    if one.spec.protocol != "HTTPS" or not one.is_served:
        return one
    others = [
        other.spec.name
        for other in placed
        if other is not one
        and other.is_served
        and (other.spec.port, other.spec.protocol) == (one.spec.port, "HTTPS")
        and overlap(one.spec.hostname or "", other.spec.hostname or "")
    ]
    if not others:
        return one
    message = (
        f"hostnames overlap with listener {', '.join(others)}: a request that comes on a connection of another "
        "listener gets 421, and the client opens a connection of its own"
    )
    overlapping = condition("OverlappingTLSConfig", True, "OverlappingHostnames", message)
    return replace(one, conditions=(*one.conditions, overlapping))

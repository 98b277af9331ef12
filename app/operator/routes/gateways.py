"""GatewayClasses, Gateways and ListenerSets that are ours: which are accepted, and which listeners they have
(Gateway API v1.7.0: GatewayClassStatus, GatewayStatus, ListenerSetStatus). Pure.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from app.operator.kube.resources import Condition
from app.operator.routes.certificate_refs import CertificateRefs, ResolvedPair
from app.operator.routes.compiled import ObjectId, condition
from app.operator.routes.listeners import ListenerGroup, PlacedListener, place_listeners, without_port
from app.operator.routes.objects.gateways import Gateway, GatewayClass, ListenerSet
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.references import GATEWAY_GROUP
from app.operator.routes.world import ListenerPort, World

__all__ = [
    "PlacedGateway",
    "PlacedSet",
    "class_condition",
    "namespace_labels",
    "own_classes",
    "place_gateway",
    "sets_by_gateway",
    "with_ports",
]


@dataclass(frozen=True, slots=True)
class PlacedSet:
    """A ListenerSet of one of our Gateways. `accepted`: its condition."""

    listener_set: ListenerSet
    accepted: Condition
    listeners: tuple[PlacedListener, ...]


@dataclass(frozen=True, slots=True)
class PlacedGateway:
    """A Gateway of ours. `listeners`: its own. `conditions`: all but Programmed; `accepted` is among them.

    `upstream_certificate`: what TLS upstreams are shown; None where it names none.
    """

    gateway: Gateway
    accepted: Condition
    conditions: tuple[Condition, ...]
    listeners: tuple[PlacedListener, ...]
    sets: tuple[PlacedSet, ...]
    upstream_certificate: ResolvedPair | None

    @property
    def is_accepted(self) -> bool:
        return self.accepted.status == "True"

    @property
    def served(self) -> tuple[PlacedListener, ...]:
        """The listeners that take traffic: its own and those of its ListenerSets; none where it is not accepted."""
        if not self.is_accepted:
            return ()
        own = [one for one in self.listeners if one.is_served]
        added = [one for placed in self.sets for one in placed.listeners if one.is_served]
        return (*own, *added)


def own_classes(world: World, controller: str) -> dict[str, GatewayClass]:
    """The GatewayClasses that name our controller, by name."""
    return {one.meta.name: one for one in world.classes.values() if one.controller == controller}


def class_condition(one: GatewayClass) -> Condition:
    """Whether we take Gateways of a class of ours."""
    if one.parameters is not None:
        message = f"spec.parametersRef names {one.parameters}, but the class takes no parameters; remove it"
        return condition("Accepted", False, "InvalidParameters", message)
    return condition("Accepted", True, "Accepted", "Gateways of this class are served")


def sets_by_gateway(world: World) -> dict[ObjectKey, list[ListenerSet]]:
    """The ListenerSets of each Gateway, oldest first."""
    found: dict[ObjectKey, list[ListenerSet]] = {}
    for one in sorted(world.listener_sets.values(), key=lambda each: each.meta.age_order):
        if (one.parent.group, one.parent.kind) == (GATEWAY_GROUP, "Gateway"):
            found.setdefault(one.parent.key_from(one.meta.namespace), []).append(one)
    return found


def place_gateway(
    gateway: Gateway, sets: list[ListenerSet], world: World, refs: CertificateRefs
) -> PlacedGateway:
    """`sets`: those that name it, oldest first."""
    invalid = _invalid(gateway)
    allowed = {one.meta.key: _is_allowed(gateway, one, world) for one in sets}
    taken = [one for one in sets if allowed[one.meta.key]] if invalid is None else []
    groups = [ListenerGroup(ObjectId("Gateway", gateway.meta.key), gateway.listeners, gateway.unknown)]
    groups += [
        ListenerGroup(ObjectId("ListenerSet", one.meta.key), one.listeners, one.unknown) for one in taken
    ]
    listeners = place_listeners(gateway, groups, refs)
    by_owner: dict[ObjectId, tuple[PlacedListener, ...]] = {
        group.owner: tuple(one for one in listeners if one.owner == group.owner) for group in groups
    }
    own = by_owner[groups[0].owner]
    accepted = invalid or _accepted(own)
    upstream = _upstream_certificate(gateway, refs)
    return PlacedGateway(
        gateway=gateway,
        accepted=accepted,
        conditions=(accepted, _resolved(own, upstream), *_insecure(gateway)),
        listeners=own,
        sets=tuple(
            _placed_set(
                one, accepted, allowed[one.meta.key], by_owner.get(ObjectId("ListenerSet", one.meta.key), ())
            )
            for one in sets
        ),
        upstream_certificate=upstream,
    )


def with_ports(placed: PlacedGateway, targets: Collection[ListenerPort]) -> PlacedGateway:
    """The same with those of its listeners not served that have no port of the gateways, if there is one."""
    key = placed.gateway.meta.key
    if all(ListenerPort(key, one.spec.port) in targets for one in placed.served):
        return placed

    def checked(listeners: tuple[PlacedListener, ...]) -> tuple[PlacedListener, ...]:
        return tuple(
            without_port(one) if one.is_served and ListenerPort(key, one.spec.port) not in targets else one
            for one in listeners
        )

    sets = tuple(replace(one, listeners=checked(one.listeners)) for one in placed.sets)
    return replace(placed, listeners=checked(placed.listeners), sets=sets)


def _is_allowed(gateway: Gateway, one: ListenerSet, world: World) -> bool:
    return gateway.allowed_listeners.takes(
        gateway.meta.namespace, one.meta.namespace, namespace_labels(world, one.meta.namespace)
    )


def namespace_labels(world: World, namespace: str) -> Mapping[str, str]:
    """Those of the Namespace, with the name that the API server adds also where there is only a manifest."""
    found = world.namespaces.get(ObjectKey("", namespace))
    return {"kubernetes.io/metadata.name": namespace, **(found.meta.labels if found else {})}


def _invalid(gateway: Gateway) -> Condition | None:
    """Why nothing of a Gateway can be served, whatever its listeners say."""
    parameters = gateway.infrastructure.parameters
    if parameters is not None:
        message = f"spec.infrastructure.parametersRef names {parameters}, which is not supported; remove it"
        return condition("Accepted", False, "InvalidParameters", message)
    types = sorted({address.type for address in gateway.addresses} - {"IPAddress"})
    if types:
        message = f"spec.addresses: type {', '.join(types)} is not supported; use IPAddress"
        return condition("Accepted", False, "UnsupportedAddress", message)
    unknown = [path for path in gateway.unknown if not path.startswith("spec.listeners[")]
    if unknown:
        message = f"{', '.join(unknown)} is not supported; remove it"
        return condition("Accepted", False, "UnsupportedValue", message)
    return None


def _accepted(listeners: tuple[PlacedListener, ...]) -> Condition:
    """A Gateway is accepted as long as one of its own listeners is."""
    wrong = [one for one in listeners if not one.is_accepted]
    if not wrong:
        return condition("Accepted", True, "Accepted", "the Gateway is valid")
    message = ". ".join(f"listener {one.spec.name}: {one.fault}" for one in wrong)
    return condition("Accepted", len(wrong) < len(listeners), "ListenersNotValid", message)


def _upstream_certificate(gateway: Gateway, refs: CertificateRefs) -> ResolvedPair | None:
    ref = gateway.upstream_certificate
    if ref is None:
        return None
    return refs.pair(ref, "Gateway", gateway.meta.namespace, "InvalidClientCertificateRef")


def _resolved(listeners: tuple[PlacedListener, ...], upstream: ResolvedPair | None) -> Condition:
    if upstream is not None and upstream.fault is not None:
        message = f"spec.tls.backend.clientCertificateRef: {upstream.fault.message}"
        return condition("ResolvedRefs", False, upstream.fault.reason, message)
    unresolved = [
        one.spec.name
        for one in listeners
        if any(each.type == "ResolvedRefs" and each.status == "False" for each in one.conditions)
    ]
    if unresolved:
        message = f"listener {', '.join(unresolved)} has references that lead nowhere; see its condition"
        return condition("ResolvedRefs", False, "ListenersNotResolved", message)
    return condition("ResolvedRefs", True, "ResolvedRefs", "all references are resolved")


def _insecure(gateway: Gateway) -> tuple[Condition, ...]:
    """A condition that is there only while it is true (GEP-91)."""
    validations = [gateway.client_validation, *gateway.port_client_validations.values()]
    if not any(one is not None and one.mode == "AllowInsecureFallback" for one in validations):
        return ()
    message = "spec.tls.frontend: clients without a valid certificate are served too (AllowInsecureFallback)"
    return (condition("InsecureFrontendValidationMode", True, "ConfigurationChanged", message),)


def _placed_set(
    one: ListenerSet, parent: Condition, is_allowed: bool, listeners: tuple[PlacedListener, ...]
) -> PlacedSet:
    gateway = one.parent.key_from(one.meta.namespace)
    if not is_allowed:
        message = f"Gateway {gateway} does not allow it: its spec.allowedListeners.namespaces must"
        return PlacedSet(one, condition("Accepted", False, "NotAllowed", message), ())
    if parent.status != "True":
        message = f"Gateway {gateway} is not accepted: {parent.message}"
        return PlacedSet(one, condition("Accepted", False, "ParentNotAccepted", message), ())
    wrong = [each for each in listeners if not each.is_served]
    if not wrong:
        return PlacedSet(one, condition("Accepted", True, "Accepted", "the ListenerSet is valid"), listeners)
    message = ". ".join(f"listener {each.spec.name}: {each.fault}" for each in wrong)
    accepted = condition("Accepted", len(wrong) < len(listeners), "ListenersNotValid", message)
    return PlacedSet(one, accepted, listeners)

"""What `compile` gives: tables for the gateways, what each object's status must say, the gateways' Services. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from app.operator.kube.resources import Condition
from app.operator.routes.objects.certificates import CertificatePair
from app.operator.routes.objects.gateways import Address
from app.operator.routes.objects.listeners import RouteKind
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.references import ParentRef
from app.operator.routes.world import ListenerPort

__all__ = [
    "OWNED_LABEL",
    "Compiled",
    "CompiledRules",
    "Document",
    "GatewayService",
    "ListenerRequirement",
    "ListenerStatus",
    "ObjectId",
    "ObjectStatus",
    "ParentStatus",
    "Requirement",
    "ServiceOwner",
    "TargetPort",
    "condition",
]

Document = Mapping[str, object]
"""A part of the tables, in the spelling of the configuration file."""


OWNED_LABEL = "tidegate.dev/operator-namespace"
"""On Services that an operator made: its namespace. What does not carry it is somebody else's and is never touched."""


class ObjectId(NamedTuple):
    kind: str
    key: ObjectKey


@dataclass(frozen=True, slots=True)
class ListenerStatus:
    """An entry of `status.listeners`. `name`: as its Gateway or ListenerSet names it."""

    name: str
    attached_routes: int
    supported_kinds: tuple[RouteKind, ...]
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class ParentStatus:
    """An entry of `status.parents` (routes) or `status.ancestors` (policies), for our controller."""

    ref: ParentRef
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class ObjectStatus:
    """What a status must say, merged into the stored one; None leaves that part of it alone.

    `generation`: the `observedGeneration` of every condition. `parents` and `ancestors`: all of ours, so entries of
    our controller that are not among them go. `balancers`: an Ingress's `status.loadBalancer`; `port_errors`: which
    ports do not serve it as it asks, and the reason, as IngressPortStatus has it.
    """

    id: ObjectId
    uid: str
    generation: int
    conditions: tuple[Condition, ...] | None = None
    listeners: tuple[ListenerStatus, ...] | None = None
    addresses: tuple[Address, ...] | None = None
    attached_listener_sets: int | None = None
    parents: tuple[ParentStatus, ...] | None = None
    ancestors: tuple[ParentStatus, ...] | None = None
    supported_features: tuple[str, ...] | None = None
    balancers: tuple[Address, ...] | None = None
    port_errors: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceOwner:
    """Whose Service it is: it goes with this object."""

    api_version: str
    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class TargetPort:
    """`port` of the Service leads to `target` of every gateway pod, by TCP. `name`: a DNS label."""

    name: str
    port: int
    target: int


@dataclass(frozen=True, slots=True)
class GatewayService:
    """A Service without selector that must exist, with EndpointSlices of the ready gateway pods.

    `address`: the one that its Gateway asks for, as its cluster IP, or for type LoadBalancer as the balancer's; None
    takes any. `owner`: None for the Service of all Ingresses.
    """

    key: ObjectKey
    type: str
    owner: ServiceOwner | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    ports: tuple[TargetPort, ...]
    address: str | None = None


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """What all routes add: to the document's `routes` in their order, to its `upstreams` by name, to the statuses.

    `statuses`: of the routes and of the policies that only rules can judge (BackendTLSPolicy). `attached`: by the
    listener's name in the document, how many routes that are accepted there are attached.
    """

    routes: tuple[Document, ...]
    upstreams: Mapping[str, Document]
    statuses: Mapping[ObjectId, ObjectStatus]
    attached: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ListenerRequirement:
    """What every ready gateway must hold before a listener serves: its port bound, its certificates by name."""

    port: int
    certificates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Requirement:
    """What every ready gateway must have before a Gateway or ListenerSet may say `Programmed`.

    `generation`: of the object; the tables first published with it must be applied. `listeners`: by the names that
    the object gives them, those that are served.
    """

    generation: int
    listeners: Mapping[str, ListenerRequirement]


@dataclass(frozen=True, slots=True)
class Compiled:
    """`tables`: `listeners`, `upstreams` and `routes`; the same world gives the same document.

    `certificates`: by their names in the document. `statuses`: those of `requirements` say `Programmed` Unknown, which
    `programmed` replaces by what the fleet has confirmed: Gateways and ListenerSets that nothing else keeps from being
    programmed. `certificates` and `target_ports` are what the next world must carry.
    """

    tables: Document
    certificates: Mapping[str, CertificatePair] = field(repr=False)
    statuses: Mapping[ObjectId, ObjectStatus]
    services: Mapping[ObjectKey, GatewayService]
    requirements: Mapping[ObjectId, Requirement]
    target_ports: Mapping[ListenerPort, int]


def condition(type_: str, is_true: bool, reason: str, message: str) -> Condition:
    """A condition that is known; `message` ends without a full stop."""
    return Condition(type_, "True" if is_true else "False", reason, message)

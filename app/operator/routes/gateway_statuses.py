"""What the statuses of GatewayClasses, Gateways and ListenerSets say, and what must be confirmed before `Programmed`
(Gateway API v1.7.0: GatewayStatus, ListenerStatus, ListenerSetStatus). Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.operator.kube.resources import Condition
from app.operator.routes.bundle_version import version_condition
from app.operator.routes.compiled import (
    ListenerRequirement,
    ListenerStatus,
    ObjectId,
    ObjectStatus,
    Requirement,
    condition,
)
from app.operator.routes.features import SUPPORTED_FEATURES
from app.operator.routes.gateway_services import addresses_of, asked_addresses, is_ours, service_key
from app.operator.routes.gateways import PlacedGateway, PlacedSet, class_condition
from app.operator.routes.listeners import PlacedListener
from app.operator.routes.objects.gateways import GatewayClass
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.services import Service
from app.operator.routes.world import ListenerPort

__all__ = ["PENDING", "Counts", "GatewayStatuses", "class_status", "gateway_statuses"]

PENDING = Condition("Programmed", "Unknown", "Pending", "waiting for the gateways")
"""What `programmed` replaces."""

Counts = Mapping[str, int]
"""By the listener's name in the document: how many accepted routes are attached."""


@dataclass(frozen=True, slots=True)
class GatewayStatuses:
    """Of a Gateway and its ListenerSets."""

    statuses: Mapping[ObjectId, ObjectStatus]
    requirements: Mapping[ObjectId, Requirement]


def class_status(one: GatewayClass, bundle_versions: Mapping[str, str]) -> ObjectStatus:
    """`bundle_versions`: as `version_condition` takes them."""
    version = version_condition(bundle_versions)
    return ObjectStatus(
        id=ObjectId("GatewayClass", one.meta.key),
        uid=one.meta.uid,
        generation=one.meta.generation,
        conditions=(class_condition(one), *(() if version is None else (version,))),
        supported_features=SUPPORTED_FEATURES,
    )


def gateway_statuses(
    placed: PlacedGateway, targets: Mapping[ListenerPort, int], service: Service | None, counts: Counts
) -> GatewayStatuses:
    """`targets`: the gateway pods' port for each that is served; `service`: the Gateway's, as the cluster has it."""
    meta, id_ = placed.gateway.meta, ObjectId("Gateway", placed.gateway.meta.key)
    programmed = _programmed(placed, service)
    own = ObjectStatus(
        id=id_,
        uid=meta.uid,
        generation=meta.generation,
        conditions=(*placed.conditions, programmed),
        listeners=tuple(_listener_status(one, placed, counts) for one in placed.listeners),
        addresses=addresses_of(service),
        attached_listener_sets=sum(one.accepted.status == "True" for one in placed.sets),
    )
    statuses, requirements = {id_: own}, {}
    holders = [(own, placed.listeners)]
    for one in placed.sets:
        status = _set_status(one, placed, programmed, counts)
        statuses[status.id] = status
        holders.append((status, one.listeners))
    for status, listeners in holders:
        served = {
            one.spec.name: ListenerRequirement(
                targets[ListenerPort(meta.key, one.spec.port)], tuple(sorted(one.pairs))
            )
            for one in listeners
            if one.is_served and placed.is_accepted
        }
        if served:
            requirements[status.id] = Requirement(status.generation, served)
    return GatewayStatuses(statuses, requirements)


def _set_status(one: PlacedSet, placed: PlacedGateway, parent: Condition, counts: Counts) -> ObjectStatus:
    meta = one.listener_set.meta
    programmed = PENDING
    if one.accepted.status != "True":
        programmed = condition("Programmed", False, one.accepted.reason, one.accepted.message)
    elif parent.status == "False":
        message = f"Gateway {placed.gateway.meta.key} is not programmed: {parent.message}"
        programmed = condition("Programmed", False, "ParentNotProgrammed", message)
    return ObjectStatus(
        id=ObjectId("ListenerSet", meta.key),
        uid=meta.uid,
        generation=meta.generation,
        conditions=(one.accepted, programmed),
        listeners=tuple(_listener_status(each, placed, counts) for each in one.listeners),
    )


def _programmed(placed: PlacedGateway, service: Service | None) -> Condition:
    """As far as the objects alone decide it."""
    if not placed.is_accepted:
        return condition("Programmed", False, "Invalid", placed.accepted.message)
    if not placed.served:
        faults = ". ".join(f"listener {one.spec.name}: {one.fault}" for one in placed.listeners)
        return condition("Programmed", False, "Invalid", f"no listener can serve. {faults}")
    key, asked = service_key(placed.gateway.meta.key), asked_addresses(placed.gateway)
    if len(asked) > 1:
        message = (
            f"spec.addresses asks for {' and '.join(asked)}: a Gateway has one address; keep one of them"
        )
        return condition("Programmed", False, "AddressNotUsable", message)
    if service is not None and not is_ours(service):
        message = f"Service {key} exists and is not ours: rename the Gateway, or delete the Service"
        return condition("Programmed", False, "AddressNotAssigned", message)
    addresses = addresses_of(service)
    if asked and asked[0] not in {address.value for address in addresses}:
        return condition("Programmed", False, "AddressNotUsable", _no_address(asked[0], key, service))
    if not addresses:
        return condition("Programmed", False, "AddressNotAssigned", f"Service {key} has no address yet")
    return PENDING


def _no_address(asked: str, key: ObjectKey, service: Service | None) -> str:
    """Why a Service does not have the address that its Gateway asks for, and what to do."""
    if service is not None and service.type != "LoadBalancer" and service.cluster_ips:
        has = " and ".join(service.cluster_ips)
        return f"Service {key} has {has} for good; delete the Service, and it is made again with {asked}"
    return (
        f"Service {key} does not have the address {asked}: it must be a free one of the cluster's Services, "
        "or for type LoadBalancer one that the load balancer gives"
    )


def _listener_status(one: PlacedListener, placed: PlacedGateway, counts: Counts) -> ListenerStatus:
    programmed = PENDING
    conflict = next((each for each in one.conditions if each.type == "Conflicted"), None)
    if not placed.is_accepted:
        programmed = condition("Programmed", False, "Invalid", placed.accepted.message)
    elif conflict is not None and conflict.status == "True":
        programmed = condition("Programmed", False, conflict.reason, conflict.message)
    elif not one.is_served:
        programmed = condition("Programmed", False, "Invalid", one.fault)
    return ListenerStatus(
        name=one.spec.name,
        attached_routes=counts.get(one.name, 0),
        supported_kinds=one.kinds,
        conditions=(*one.conditions, programmed),
    )

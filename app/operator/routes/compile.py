"""Compiles the cluster's objects: which listeners there are, what routes do on them, what every status must say. Pure:
the same world gives the same result, whatever was compiled before. What did not change is kept.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.operator.routes.attachment import AttachedRoute, attach_ingress
from app.operator.routes.compiled import (
    Compiled,
    CompiledRules,
    Document,
    GatewayService,
    ObjectId,
    ObjectStatus,
    Requirement,
)
from app.operator.routes.gateway_places import GatewayPlaces
from app.operator.routes.gateway_services import (
    address_to_ask,
    addresses_of,
    asked_addresses,
    gateway_service,
    ingress_service,
    ingress_service_key,
    service_key,
)
from app.operator.routes.gateway_statuses import class_status, gateway_statuses
from app.operator.routes.gateways import PlacedGateway, own_classes, with_ports
from app.operator.routes.ingress_listeners import (
    HTTPS_PORT,
    IngressListener,
    certificate_fault,
    ingress_listeners,
    own_ingresses,
)
from app.operator.routes.objects.certificates import CertificatePair
from app.operator.routes.objects.ingress import Ingress
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.routes import Route
from app.operator.routes.objects.services import Service
from app.operator.routes.route_attachments import RouteAttachments
from app.operator.routes.settings import CompileSettings
from app.operator.routes.target_ports import target_ports
from app.operator.routes.world import ListenerPort, World

__all__ = ["Compiler", "IngressRoutes", "RuleCompiler"]

INGRESS = ObjectKey("", "ingress")
"""What the listeners of all Ingresses count as, where a Gateway's count as its own."""

IngressRoutes = Callable[[Ingress, Mapping[ObjectKey, Service]], Sequence[Route]]


class RuleCompiler(Protocol):
    """The second half. It may keep results by object: what is attached as before is the same object."""

    def compile(self, world: World, attached: Iterable[AttachedRoute]) -> CompiledRules:
        """`attached`: in the order of precedence."""


@dataclass(frozen=True, slots=True)
class _Front:
    """What is listened on in one world."""

    gateways: tuple[PlacedGateway, ...]
    ingresses: tuple[Ingress, ...]
    ingress_listeners: tuple[IngressListener, ...]
    targets: Mapping[ListenerPort, int]


class Compiler:
    """Compiles one world after another. `ingress_routes`: an Ingress as routes of kind `Ingress`."""

    def __init__(self, settings: CompileSettings, rules: RuleCompiler, ingress_routes: IngressRoutes) -> None:
        self._settings, self._rules, self._ingress_routes = settings, rules, ingress_routes
        self._places = GatewayPlaces()
        self._attachments = RouteAttachments()

    def compile(self, world: World) -> Compiled:
        front = self._front(world)
        of_ingresses = [
            attach_ingress(route, front.ingress_listeners, INGRESS)
            for ingress in front.ingresses
            for route in self._ingress_routes(ingress, world.services)
        ]
        attached = self._attachments.of(world, front.gateways, of_ingresses)
        rules = self._rules.compile(world, attached)
        statuses, requirements = self._statuses(world, front, rules.attached)
        return Compiled(
            tables=_tables(front, rules),
            certificates=_certificates(front),
            statuses={**statuses, **rules.statuses},
            services=self._services(front, world),
            requirements=requirements,
            target_ports=front.targets,
        )

    def _front(self, world: World) -> _Front:
        gateways = self._places.of(world, self._settings.controller)
        ingresses = own_ingresses(world, self._settings.controller)
        listeners = ingress_listeners(ingresses, self._places.refs)
        wanted = {
            ListenerPort(one.gateway.meta.key, listener.spec.port): service_key(one.gateway.meta.key)
            for one in gateways
            for listener in one.served
        }
        shared = ingress_service_key(self._settings.namespace)
        wanted |= {ListenerPort(INGRESS, one.port): shared for one in listeners}
        targets = target_ports(wanted.items(), world.target_ports, world.services)
        return _Front(
            gateways=tuple(with_ports(one, targets) for one in gateways),
            ingresses=tuple(ingresses),
            ingress_listeners=tuple(one for one in listeners if ListenerPort(INGRESS, one.port) in targets),
            targets=targets,
        )

    def _statuses(
        self, world: World, front: _Front, counts: Mapping[str, int]
    ) -> tuple[dict[ObjectId, ObjectStatus], dict[ObjectId, Requirement]]:
        statuses: dict[ObjectId, ObjectStatus] = {}
        requirements: dict[ObjectId, Requirement] = {}
        for one in own_classes(world, self._settings.controller).values():
            status = class_status(one, world.bundle_versions)
            statuses[status.id] = status
        for placed in front.gateways:
            service = world.services.get(service_key(placed.gateway.meta.key))
            said = gateway_statuses(placed, front.targets, service, counts)
            statuses.update(said.statuses)
            requirements.update(said.requirements)
        shared = addresses_of(world.services.get(ingress_service_key(self._settings.namespace)))
        for ingress in front.ingresses:
            meta, id_ = ingress.meta, ObjectId("Ingress", ingress.meta.key)
            fault = certificate_fault(ingress, self._places.refs)
            # a reason of ours needs our domain (networking/v1: IngressPortStatus.error)
            errors = () if fault is None else ((HTTPS_PORT, f"tidegate.dev/{fault}"),)
            statuses[id_] = ObjectStatus(id_, meta.uid, meta.generation, balancers=shared, port_errors=errors)
        return statuses, requirements

    def _services(self, front: _Front, world: World) -> dict[ObjectKey, GatewayService]:
        services: dict[ObjectKey, GatewayService] = {}
        for placed in front.gateways:
            gateway = placed.gateway
            ports = {
                one.spec.port: front.targets[ListenerPort(gateway.meta.key, one.spec.port)]
                for one in placed.served
            }
            stored = world.services.get(service_key(gateway.meta.key))
            address = address_to_ask(gateway, stored, self._settings.service_type)
            # one that asks for several addresses and has none gets none of them
            if ports and (address is not None or addresses_of(stored) or not asked_addresses(gateway)):
                made = gateway_service(gateway, self._settings.service_type, ports, address)
                services[made.key] = made
        ports = {one.port: front.targets[ListenerPort(INGRESS, one.port)] for one in front.ingress_listeners}
        if ports:
            made = ingress_service(self._settings.namespace, self._settings.service_type, ports)
            services[made.key] = made
        return services


def _tables(front: _Front, rules: CompiledRules) -> Document:
    """Without what is empty: no Gateways, no tables."""
    listeners = [
        {**one.document, "port": front.targets[ListenerPort(placed.gateway.meta.key, one.spec.port)]}
        for placed in front.gateways
        for one in placed.served
        if one.document is not None
    ]
    listeners += [
        {**one.document, "port": front.targets[ListenerPort(INGRESS, one.port)]}
        for one in front.ingress_listeners
    ]
    parts = {
        "listeners": listeners,
        "upstreams": [rules.upstreams[name] for name in sorted(rules.upstreams)],
        "routes": list(rules.routes),
    }
    return {key: part for key, part in parts.items() if part}


def _certificates(front: _Front) -> dict[str, CertificatePair]:
    """Those of listeners, and those that upstreams are shown."""
    certificates: dict[str, CertificatePair] = {}
    for placed in front.gateways:
        for one in placed.served:
            certificates.update(one.pairs)
        upstream = placed.upstream_certificate
        if placed.is_accepted and upstream is not None and upstream.name is not None and upstream.pair:
            certificates[upstream.name] = upstream.pair
    for listener in front.ingress_listeners:
        certificates.update(listener.pairs)
    return dict(sorted(certificates.items()))

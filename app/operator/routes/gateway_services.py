"""The Service of a Gateway: what it is called, what it must be, which addresses it has (GEP-1762, GEP-1867). Pure."""

import hashlib
from collections.abc import Mapping

from app.operator.routes.compiled import OWNED_LABEL, GatewayService, ServiceOwner, TargetPort
from app.operator.routes.objects.gateways import Address, Gateway
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.references import GATEWAY_GROUP
from app.operator.routes.objects.services import Service

__all__ = [
    "address_to_ask",
    "addresses_of",
    "asked_addresses",
    "gateway_service",
    "ingress_service",
    "ingress_service_key",
    "is_ours",
    "service_key",
]

_MAX_NAME = 63  # a Service's name is a DNS label, and a label's value is as long
_MANAGED = {"app.kubernetes.io/managed-by": "tidegate"}


def service_key(gateway: ObjectKey) -> ObjectKey:
    """`tidegate-NAME` beside the Gateway; a long name is cut and told from others by its hash."""
    return ObjectKey(gateway.namespace, _fitting(f"tidegate-{gateway.name}"))


def ingress_service_key(namespace: str) -> ObjectKey:
    """In the operator's namespace. No Gateway's Service is called so: their names begin with `tidegate-`."""
    return ObjectKey(namespace, "ingress-tidegate")


def gateway_service(
    gateway: Gateway, type_: str, ports: Mapping[int, int], address: str | None
) -> GatewayService:
    """`ports`: by the listeners' port, that of the gateway pods; at least one."""
    infrastructure = gateway.infrastructure
    labels = {
        **infrastructure.labels,
        **_MANAGED,
        f"{GATEWAY_GROUP}/gateway-name": _fitting(gateway.meta.name),
        f"{GATEWAY_GROUP}/gateway-class-name": _fitting(gateway.class_name),
    }
    owner = ServiceOwner(f"{GATEWAY_GROUP}/v1", "Gateway", gateway.meta.name, gateway.meta.uid)
    key = service_key(gateway.meta.key)
    return GatewayService(
        key, type_, owner, labels, dict(infrastructure.annotations), _target_ports(ports), address
    )


def ingress_service(namespace: str, type_: str, ports: Mapping[int, int]) -> GatewayService:
    """Likewise for all Ingresses."""
    return GatewayService(ingress_service_key(namespace), type_, None, _MANAGED, {}, _target_ports(ports))


def is_ours(service: Service) -> bool:
    """Whether an operator made it."""
    return OWNED_LABEL in service.meta.labels


def addresses_of(service: Service | None) -> tuple[Address, ...]:
    """Where clients reach a Service of ours: its load balancer, else its cluster IPs; none yet where it has none.

    A cluster without load balancers never gives it one, and there the cluster IPs are all that there is.
    """
    if service is None or not is_ours(service):
        return ()
    balancer = (
        *(Address("IPAddress", ip) for ip in service.balancer_ips),
        *(Address("Hostname", name) for name in service.balancer_hostnames),
    )
    return balancer or tuple(Address("IPAddress", ip) for ip in service.cluster_ips)


def asked_addresses(gateway: Gateway) -> tuple[str, ...]:
    """The addresses that a Gateway asks for by their value."""
    return tuple(address.value for address in gateway.addresses if address.value is not None)


def address_to_ask(gateway: Gateway, service: Service | None, type_: str) -> str | None:
    """What a Gateway's Service asks for; None takes what it has or gets. `service`: the Gateway's, as it is.

    A cluster IP is given once (core/v1: ServiceSpec.clusterIP), so a Service that has another one keeps it, and its
    traffic, until somebody deletes it. Several addresses cannot be had: one of them that it has stays.
    """
    asked = asked_addresses(gateway)
    has = {one.value for one in addresses_of(service)}
    if len(asked) == 1 and (not has or type_ == "LoadBalancer"):
        return asked[0]
    return next((one for one in asked if one in has), None)


def _target_ports(ports: Mapping[int, int]) -> tuple[TargetPort, ...]:
    return tuple(TargetPort(f"port-{port}", port, target) for port, target in sorted(ports.items()))


def _fitting(name: str) -> str:
    """A DNS label of at most 63 characters; the same name always gives the same."""
    if len(name) <= _MAX_NAME and "." not in name:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:10]
    return f"{name.replace('.', '-')[: _MAX_NAME - 11].rstrip('-')}-{digest}"

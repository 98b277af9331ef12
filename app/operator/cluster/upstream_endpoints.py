"""The endpoints of an upstream: addresses and ports out of the EndpointSlices of its Service (discovery/v1). Pure."""

from collections.abc import Iterable

from app.config.sync.newest import Addresses
from app.operator.routes.objects.services import Endpoint, EndpointSlice, Service, ServicePort

__all__ = ["endpoints_of"]


def endpoints_of(service: Service, port: int, slices: Iterable[EndpointSlice]) -> Addresses:
    """Those that take requests for `port` of `service`, in a fixed order; none where it has no such port.

    Ready ones; where there is none, those that still serve though they are terminating, as kube-proxy does. Of two
    families of addresses the Service's first one counts, unless it has none.
    """
    wanted = next((one for one in service.ports if one.port == port), None)
    if wanted is None:
        return ()
    families = ("IPv4", "IPv6")
    if service.cluster_ips and ":" in service.cluster_ips[0]:
        families = ("IPv6", "IPv4")
    usable = [one for one in slices if one.address_type in families]
    for family in families:
        own = [one for one in usable if one.address_type == family]
        found = _addresses(own, wanted, is_last_resort=False)
        if found:
            return found
    for family in families:
        own = [one for one in usable if one.address_type == family]
        found = _addresses(own, wanted, is_last_resort=True)
        if found:
            return found
    return ()


def _addresses(slices: Iterable[EndpointSlice], wanted: ServicePort, *, is_last_resort: bool) -> Addresses:
    found = set()
    for one in slices:
        numbers = [port.port for port in one.ports if port.name == wanted.name and port.protocol == "TCP"]
        for number in numbers:
            # a slice without a number stands for all ports of its endpoints
            for endpoint in one.endpoints:
                if _takes_requests(endpoint, is_last_resort) and endpoint.addresses:
                    found.add((endpoint.addresses[0], _target(wanted) if number is None else number))
    return tuple(sorted(found))


def _target(port: ServicePort) -> int:
    return port.target if isinstance(port.target, int) else port.port


def _takes_requests(endpoint: Endpoint, is_last_resort: bool) -> bool:
    if is_last_resort:
        return endpoint.is_serving and endpoint.is_terminating
    return endpoint.is_ready

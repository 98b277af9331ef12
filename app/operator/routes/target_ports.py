"""Which port of the gateway pods each Gateway's port leads to: one of its own, so that Gateways never collide. Pure."""

from collections.abc import Iterable, Mapping

from app.operator.routes.compiled import OWNED_LABEL
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.services import Service
from app.operator.routes.world import ListenerPort

__all__ = ["FIRST_PORT", "LAST_PORT", "target_ports"]

FIRST_PORT, LAST_PORT = 20_000, 32_767
"""Above what services have by convention, below what Linux gives to outgoing connections (ip_local_port_range)."""


def target_ports(
    wanted: Iterable[tuple[ListenerPort, ObjectKey]],
    last: Mapping[ListenerPort, int],
    services: Mapping[ObjectKey, Service],
) -> dict[ListenerPort, int]:
    """For each of `wanted` (a port with its Gateway's Service) the one it had, else the lowest free, if there is one.

    `last`: the last result; what is not in it is taken from the Services that the operator made. A port that a Service
    still leads to is not free, though nobody wants it any more: its clients must not meet another Gateway.
    """
    wanted = list(wanted)
    stored = _stored(services)
    given: dict[ListenerPort, int] = {}
    taken: set[int] = set()
    for one, service in wanted:
        target = last.get(one) or stored.get((service, one.port))
        if target is not None and target not in taken:
            given[one] = target
            taken.add(target)
    taken.update(stored.values())
    free = (port for port in range(FIRST_PORT, LAST_PORT + 1) if port not in taken)
    for one, _ in wanted:
        if one not in given and (target := next(free, None)) is not None:
            given[one] = target
    return given


def _stored(services: Mapping[ObjectKey, Service]) -> dict[tuple[ObjectKey, int], int]:
    """By Service and its port, where Services of the operator lead."""
    return {
        (key, port.port): port.target
        for key, service in services.items()
        if OWNED_LABEL in service.meta.labels
        for port in service.ports
        if isinstance(port.target, int) and FIRST_PORT <= port.target <= LAST_PORT
    }

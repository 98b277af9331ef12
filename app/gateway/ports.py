"""A port of this gateway, before and after it is open; and the ports that listeners share."""

import socket
from collections.abc import Callable, Sequence
from typing import TypeAlias

from app.config.model import Listener
from app.foundation.errors import ConfigFaults, StartFault
from app.foundation.serving.listener import listen, listen_beside

__all__ = ["OpenSocket", "Port", "by_port", "opened"]

OpenSocket: TypeAlias = Callable[[str, int, str], socket.socket]
"""From host, number and what it is of, for people, to a socket. Raises StartFault or ConfigFaults."""


def by_port(listeners: Sequence[Listener]) -> dict[int, tuple[Listener, ...]]:
    """The listeners of each port, in their order."""
    found: dict[int, tuple[Listener, ...]] = {}
    for listener in listeners:
        found[listener.port] = (*found.get(listener.port, ()), listener)
    return found


def opened(open_socket: OpenSocket, host: str, listener: Listener) -> socket.socket | str:
    """A socket at the port of `listener`, or why there is none."""
    try:
        return open_socket(host, listener.port, f"the port of listener {listener.name}")
    except StartFault as fault:
        return str(fault)
    except ConfigFaults as faults:
        return "; ".join(map(str, faults.faults))


class Port:
    """`number`: as the system gave it, 0 while it is closed. `variable` names its setting in faults."""

    __slots__ = ("_host", "_variable", "_wanted", "is_tls", "number")

    def __init__(self, host: str, wanted: int, variable: str, *, is_tls: bool = False) -> None:
        self._host = host
        self._wanted = wanted
        self._variable = variable
        self.is_tls = is_tls
        self.number = 0

    def open(self) -> socket.socket:
        """A socket that listens there. Raises StartFault or ConfigFaults that name the variable."""
        opened = listen(self._host, self._wanted, self._variable)
        self.number = int(opened.getsockname()[1])
        return opened

    def open_shared(self, count: int) -> list[socket.socket]:
        """As many sockets that listen there, over which the kernel spreads connections. Raises likewise."""
        return listen_beside(self.open(), count, self._variable)

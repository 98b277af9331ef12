"""A port of this gateway, before and after it is open."""

import socket

from app.foundation.serving.listener import listen, listen_beside

__all__ = ["Port"]


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

"""Where clients come in: an open port, and the connections that came by it."""

from typing import Final

__all__ = ["OWN_PORT", "Entrance"]

OWN_PORT: Final = 0
"""Stands for the gateway's own port (PORT), whatever its number is; listeners have theirs."""


class Entrance:
    """A port as its connections see it. `port`: OWN_PORT, or that of listeners.

    `open_clients`, `tunnels`: those that came by it. `draining`: the port is closed: each response says that it is its
    connection's last. `mirrored`: no copy of a request ends with a port. The gateway's own pages are served at OWN_PORT
    only.
    """

    __slots__ = (
        "_all_clients",
        "_all_tunnels",
        "draining",
        "is_own",
        "mirrored",
        "open_clients",
        "port",
        "tunnels",
    )

    def __init__(
        self,
        port: int,
        all_clients: set[object],
        all_tunnels: set[object],
        *,
        is_own: bool = False,
    ) -> None:
        """`all_clients`, `all_tunnels`: those of all ports; the gateway's own port tells them from no others."""
        self.port = port
        self.is_own = is_own
        self._all_clients = all_clients
        self._all_tunnels = all_tunnels
        self.open_clients: set[object] = all_clients if is_own else set()
        self.tunnels: set[object] = all_tunnels if is_own else set()
        self.mirrored: set[object] = set()
        self.draining = False

    @property
    def clients_of_all(self) -> int:
        """How many are open, of all ports."""
        return len(self._all_clients)

    def join(self, client: object) -> None:
        """`client` is open from now on."""
        self.open_clients.add(client)
        self._all_clients.add(client)

    def leave(self, client: object) -> None:
        """`client` is closed, or something else now."""
        self.open_clients.discard(client)
        self._all_clients.discard(client)

    def join_tunnel(self, tunnel: object) -> None:
        """A connection became a WebSocket."""
        self.tunnels.add(tunnel)
        self._all_tunnels.add(tunnel)

    def leave_tunnel(self, tunnel: object) -> None:
        """That WebSocket has ended."""
        self.tunnels.discard(tunnel)
        self._all_tunnels.discard(tunnel)

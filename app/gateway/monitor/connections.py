"""How many connections there are, of clients and to upstreams."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.admin.shape import Shape
from app.dataplane.proxy.context import ProxyContext
from app.gateway.config.bindings import Bindings
from app.telemetry.counts import Counts

__all__ = ["ConnectionNumbers", "own_connections"]


@dataclass(frozen=True, slots=True)
class ConnectionNumbers:
    """`clients`, `tunnels`: how many are open now. `upstreams`: (upstream, active or idle, how many) now."""

    clients: Callable[[], int]
    tunnels: Callable[[], int]
    counts: Counts
    upstreams: Callable[[], Iterable[tuple[str, str, int]]]

    def gauges(self) -> dict[str, int]:
        """For the history: one number of each kind."""
        sums = {"active": 0, "idle": 0}
        for _, state, number in self.upstreams():
            sums[state] = sums.get(state, 0) + number
        return {**self._own(), "upstreamActive": sums["active"], "upstreamIdle": sums["idle"]}

    def shape(self) -> Shape:
        """For the state: upstreams by name."""
        upstreams: dict[str, dict[str, int]] = {}
        for upstream, state, number in self.upstreams():
            upstreams.setdefault(upstream, {"active": 0, "idle": 0})[state] = number
        return {**self._own(), "upstreams": upstreams}

    def _own(self) -> dict[str, int]:
        return {
            "clients": self.clients(),
            "tunnels": self.tunnels(),
            "inFlight": self.counts.in_flight,
        }


def own_connections(context: ProxyContext, bindings: Bindings) -> ConnectionNumbers:
    """Those of this process."""
    clients, tunnels = context.open_clients, context.tunnels
    return ConnectionNumbers(lambda: len(clients), lambda: len(tunnels), context.counts, bindings.connections)

"""How many connections there are, of clients and to upstreams."""

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass

from app.admin.json_views import Shape
from app.telemetry.counts import Counts

__all__ = ["ConnectionNumbers"]


@dataclass(frozen=True, slots=True)
class ConnectionNumbers:
    """`clients`, `tunnels`: open now. `upstreams`: (upstream, active or idle, how many) as they are now."""

    clients: Set[object]
    tunnels: Set[object]
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
            "clients": len(self.clients),
            "tunnels": len(self.tunnels),
            "inFlight": self.counts.in_flight,
        }

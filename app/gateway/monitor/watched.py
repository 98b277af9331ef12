"""What the monitor watches: the parts of the gateway, built before it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.breaker.registry import Breakers
from app.gateway.config_history import ConfigHistory
from app.gateway.in_force import InForce
from app.gateway.monitor.connections import ConnectionNumbers
from app.gateway.monitor.overrides import Overrides
from app.gateway.ports import Port
from app.gateway.readiness import Readiness
from app.limits.limiter import Limiter
from app.telemetry.counts import Counts
from app.telemetry.events import Events, StoreState

if TYPE_CHECKING:
    from app.dataplane.upstream.view import UpstreamView

__all__ = ["Watched"]


@dataclass(frozen=True, slots=True)
class Watched:
    """`store_up`: None without a shared limit store. `public`: where the breaker test sends its requests.

    `demo_url`: the demo upstream that `tidegate up` runs; None elsewhere. `upstreams`: those in force with their
    endpoints. `unreachable`: why the start found no endpoint of an upstream, by its name.
    """

    in_force: InForce
    connections: ConnectionNumbers
    counts: Counts
    breakers: Breakers
    limiter: Limiter
    store: StoreState
    store_up: Callable[[], bool | None]
    events: Events
    history: ConfigHistory
    overrides: Overrides
    readiness: Readiness
    public: Port
    demo_url: str | None
    upstreams: "Callable[[], Sequence[UpstreamView]]"
    unreachable: Callable[[], Mapping[str, str]]

"""What the admin API needs of the gateway: one interface, implemented by the running gateway."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from app.admin.identity import Identity, WorkerView
from app.admin.listener_view import ListenerView
from app.breaker.transitions import BreakerTransition
from app.breaker.view import BreakerView
from app.config.rejection import Rejection
from app.config.table import Table
from app.dataplane.upstream.view import UpstreamView
from app.policy.model import OverrideState
from app.telemetry.decisions import DecisionRing
from app.telemetry.history_sample import BreakerTraffic

if TYPE_CHECKING:
    from app.config.edits import Edit

__all__ = ["AdminView", "RejectedClient"]


@dataclass(frozen=True, slots=True)
class RejectedClient:
    """`client` None: requests without a key's name. `rejected`: lately (`telemetry.rejected_clients`).

    `remaining`: requests that the limit lets it send now; None where no limit is meant, the rule's key is no client,
    or the bucket is counted in a shared store.
    """

    client: str | None
    rejected: int
    remaining: int | None = None


class AdminView(Protocol):
    """The running gateway as the admin API sees it.

    Called on the event loop, except `table`, which a worker thread may call. Nothing waits.
    """

    @property
    def admin_token(self) -> str | None:
        """The bearer of calls that change something; None rejects them all."""
        ...

    @property
    def identity(self) -> Identity:
        """Which gateway this is."""
        ...

    def workers(self) -> Sequence[WorkerView]:
        """The processes that serve the public port; none where this one does."""
        ...

    def listeners(self) -> Sequence[ListenerView]:
        """Those of the table, in its order."""
        ...

    def ready(self) -> tuple[bool, Mapping[str, object]]:
        """Whether traffic is welcome, and by the name of each check its state (JSON-able)."""
        ...

    def metrics(self, accept: str) -> Callable[[], tuple[str, bytes]]:
        """Read every number now, and return what encodes them later, in any thread.

        That gives content type and body, in the format that the `Accept` field asks for.
        """
        ...

    def rejected(self) -> Rejection | None:
        """The configuration that is not in force because of its faults, until its source is valid again."""
        ...

    def edits(self) -> "Sequence[Edit]":
        """The last configurations put in force after the first one, newest first; at most 20."""
        ...

    def table(self) -> Table:
        """What requests are served from."""
        ...

    def breakers(self) -> Sequence[BreakerView]:
        """All breakers that a route uses."""
        ...

    def breaker(self, name: str) -> BreakerView | None:
        """One of them; None for an unknown name."""
        ...

    def breaker_traffic(self, name: str) -> BreakerTraffic:
        """What met a breaker lately; none for an unknown name."""
        ...

    def problems(self) -> Mapping[str, object]:
        """What is wrong now, the worst first, as the monitor's panel `problems`; JSON-able."""
        ...

    def shadows(self) -> Mapping[str, object]:
        """What policies in Shadow mode would have rejected lately, as the monitor's panel `shadows`; JSON-able."""
        ...

    def upstreams(self) -> Sequence[UpstreamView]:
        """All upstreams in force, each with its endpoints as they are now."""
        ...

    def limited_clients(self) -> Mapping[str, Sequence[RejectedClient]]:
        """By the identity of a limit rule (`policy/rule`): whom it rejected, most first; only rules that did."""
        ...

    def rejected_clients(self) -> Mapping[str, Sequence[RejectedClient]]:
        """By route: clients with a name whose requests were rejected there for any reason, most first."""
        ...

    @property
    def decisions(self) -> DecisionRing | None:
        """The last decisions; None where they are not kept."""
        ...

    def transitions(self, name: str) -> Sequence[BreakerTransition]:
        """The last changes of a known breaker, newest first."""
        ...

    def override(self, name: str, state: OverrideState, for_s: float, by: str, why: str = "") -> None:
        """Holds a known breaker open or closed for `for_s` seconds; AUTO ends that (`for_s` is 0)."""
        ...

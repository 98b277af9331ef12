"""What the admin API needs of the gateway: one interface, implemented by the running gateway."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from app.breaker.transitions import BreakerTransition
from app.breaker.view import BreakerView
from app.config.table import Table
from app.dataplane.upstream.view import UpstreamView
from app.policy.model import OverrideState

__all__ = ["AdminView"]


class AdminView(Protocol):
    """The running gateway as the admin API sees it.

    Called on the event loop, except `table`, which a worker thread may call. Nothing waits.
    """

    @property
    def admin_token(self) -> str | None:
        """The bearer of calls that change something; None rejects them all."""
        ...

    def ready(self) -> tuple[bool, Mapping[str, object]]:
        """Whether traffic is welcome, and by the name of each check its state (JSON-able)."""
        ...

    def metrics(self, accept: str) -> Callable[[], tuple[str, bytes]]:
        """Read every number now, and return what encodes them later, in any thread.

        That gives content type and body, in the format that the `Accept` field asks for.
        """
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

    def upstreams(self) -> Sequence[UpstreamView]:
        """All upstreams in force, each with its endpoints as they are now."""
        ...

    def transitions(self, name: str) -> Sequence[BreakerTransition]:
        """The last changes of a known breaker, newest first."""
        ...

    def override(self, name: str, state: OverrideState, for_s: float, by: str, why: str = "") -> None:
        """Holds a known breaker open or closed for `for_s` seconds; AUTO ends that (`for_s` is 0)."""
        ...

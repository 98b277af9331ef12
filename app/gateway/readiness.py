"""Whether traffic is welcome, and which configurations came and went: what `/readyz` and the monitor say."""

from collections.abc import Callable, Mapping

from app.gateway.config_history import ConfigHistory
from app.gateway.in_force import InForce

__all__ = ["Readiness"]


class Readiness:
    """`waiting`: why traffic is not welcome yet though the port is open; None where nothing is missing.

    `workers`: how many of how many serve; None where this process itself does.
    """

    def __init__(
        self,
        in_force: InForce,
        waiting: Callable[[], str | None],
        history: ConfigHistory,
        workers: Callable[[], tuple[int, int]] | None = None,
    ) -> None:
        self._in_force = in_force
        self._waiting = waiting
        self._workers = workers
        self.history = history
        self.listening = False

    @property
    def is_waiting(self) -> bool:
        """Whether something is missing without which traffic is not welcome."""
        return self._waiting() is not None

    def check(self) -> tuple[bool, Mapping[str, object]]:
        """Whether it is ready, and the state of each check by its name."""
        draining, waiting = self._in_force.draining, self._waiting()
        checks: dict[str, object] = {
            "listener": "listening" if self.listening else "starting",
            "configuration": waiting or f"sequence {self._in_force.plans.table.sequence}",
            "draining": draining,
        }
        is_ready = self.listening and not draining and waiting is None
        if self._workers is not None:
            serving, all_ = self._workers()
            checks["workers"] = f"{serving} of {all_} serve"
            is_ready = is_ready and serving == all_
        return is_ready, checks

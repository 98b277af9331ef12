"""Whether traffic is welcome, and which configurations came and went: what `/readyz` and the monitor say."""

from collections.abc import Callable, Mapping

from app.gateway.config_history import ConfigHistory
from app.gateway.in_force import InForce

__all__ = ["Readiness"]


class Readiness:
    """`waiting`: why traffic is not welcome yet though the port is open; None where nothing is missing."""

    def __init__(self, in_force: InForce, waiting: Callable[[], str | None], history: ConfigHistory) -> None:
        self._in_force = in_force
        self._waiting = waiting
        self.history = history
        self.listening = False

    @property
    def is_waiting(self) -> bool:
        """Whether something is missing without which traffic is not welcome."""
        return self._waiting() is not None

    def check(self) -> tuple[bool, Mapping[str, object]]:
        """Whether it is ready, and the state of each check by its name."""
        draining, waiting = self._in_force.draining, self._waiting()
        checks = {
            "listener": "listening" if self.listening else "starting",
            "configuration": waiting or f"sequence {self._in_force.plans.table.sequence}",
            "draining": draining,
        }
        return self.listening and not draining and waiting is None, checks

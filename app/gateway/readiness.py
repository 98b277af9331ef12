"""Whether traffic is welcome, and which configurations came and went: what `/readyz` and the monitor say."""

from collections.abc import Callable, Mapping

from app.gateway.config_history import ConfigHistory
from app.gateway.in_force import InForce
from app.gateway.port_states import PortStates

__all__ = ["Readiness"]


class Readiness:
    """`waiting`: why traffic is not welcome yet though the port is open; None where nothing is missing.

    `workers`: how many of how many serve; None where this process itself does. `ports`: of listeners; one that
    cannot be had is told, and does not keep traffic from the others.
    """

    def __init__(
        self,
        in_force: InForce,
        waiting: Callable[[], str | None],
        history: ConfigHistory,
        workers: Callable[[], tuple[int, int]] | None = None,
        ports: PortStates | None = None,
    ) -> None:
        self._in_force = in_force
        self._waiting = waiting
        self._workers = workers
        self._ports = ports
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
        if self._ports is not None and (self._ports.bound or self._ports.faults):
            checks["listeners"] = _ports_text(self._ports)
        is_ready = self.listening and not draining and waiting is None
        if self._workers is not None:
            serving, all_ = self._workers()
            checks["workers"] = f"{serving} of {all_} serve"
            is_ready = is_ready and serving == all_
        return is_ready, checks


def _ports_text(ports: PortStates) -> str:
    faults = {number: why for number, why in ports.faults.items() if number not in ports.bound}
    said = f"{len(ports.bound)} of {len(ports.bound) + len(faults)} ports open"
    return "; ".join([said, *(f"{number}: {why}" for number, why in sorted(faults.items()))])

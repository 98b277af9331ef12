"""How it stands with the ports of listeners, as those parts of the gateway see it that report it."""

from collections.abc import Mapping
from typing import Protocol

__all__ = ["PortStates"]


class PortStates(Protocol):
    """The ports of listeners as others see them. `bound`: those that accept in every process, sorted.

    `faults`: by number, why a port is not open, or not as it should be.
    """

    @property
    def bound(self) -> tuple[int, ...]: ...

    @property
    def faults(self) -> Mapping[int, str]: ...

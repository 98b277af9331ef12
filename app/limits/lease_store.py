"""What the limits want of a shared store, whatever it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.limits.lease import Grant

__all__ = ["LEASE_S", "LeaseCall", "LeaseStore"]

LEASE_S = 0.1
"""The longest lease calls may take; two rounds of them are the 0.2 s that a request may wait."""


@dataclass(frozen=True, slots=True)
class LeaseCall:
    """One look at the bucket `name`; `numbers` are the arguments of `gcra.lua`, in its order."""

    name: bytes
    numbers: tuple[int, ...]


class LeaseStore(Protocol):
    """Charges leases to shared buckets, by its own time; each call by itself is atomic.

    A call whose answer is lost may have been carried out: what it took counts as used. Buckets go by
    themselves when nothing of them is used any more.
    """

    async def lease(self, calls: Sequence[LeaseCall]) -> Sequence[Grant | None]:
        """Per call an answer, None where its server gave none. Raises StoreDown for all, within LEASE_S."""
        ...

    async def heartbeat(self) -> int:
        """Tell that this gateway lives; how many do, this one among them. Raises StoreDown within 1 s."""
        ...

    async def close(self) -> None:
        """Lets go of every connection; raises nothing."""
        ...

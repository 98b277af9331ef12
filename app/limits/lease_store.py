"""What limits need of a shared store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.limits.lease import Grant

__all__ = ["HEARTBEAT_TIMEOUT_S", "LEASE_S", "LeaseCall", "LeaseStore"]

LEASE_S = 0.1
"""The longest lease calls may take; two rounds of them are the 0.2 s that a request may wait."""
HEARTBEAT_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class LeaseCall:
    """One charge to the bucket `name`; `numbers` are the arguments of `gcra.lua`, in its order.

    `rule`, `key`: which bucket that is, for a store that knows the rules (`Rule.identity`, who is counted).
    """

    name: bytes
    numbers: tuple[int, ...]
    rule: str = ""
    key: bytes = b""


class LeaseStore(Protocol):
    """Charges leases to shared buckets, by its own time; each call by itself is atomic.

    A call whose reply is lost may have been carried out: what it took counts as used. Buckets expire when nothing of
    them is used any more.
    """

    async def lease(self, calls: Sequence[LeaseCall]) -> Sequence[Grant | None]:
        """Per call a grant, None where its server did not respond. Raises StoreDown for all, within LEASE_S."""
        ...

    async def heartbeat(self) -> int:
        """Report that this gateway lives; returns how many do, this one included.

        Raises StoreDown, within HEARTBEAT_TIMEOUT_S.
        """
        ...

    async def close(self) -> None:
        """Takes this gateway off the list and closes every connection; raises nothing."""
        ...

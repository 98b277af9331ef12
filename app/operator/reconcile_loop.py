"""Reconciles whenever it is requested, and again after a failure.

Without any request there is a round every five minutes, since a watch may have fallen silent unnoticed.
"""

import asyncio
import logging
import random
from typing import Protocol

from app.foundation.errors import ClusterError, ConfigFaults
from app.operator.metrics import OperatorCounts
from app.operator.trigger import QUIET_S, RoundTrigger

__all__ = ["ReconcileLoop", "Rounds"]

LOG = logging.getLogger("tidegate.operator")

FULL_LIST_S = 300.0
_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Rounds(Protocol):
    """What a `Reconciler` does."""

    async def reconcile(self, edited_s: float) -> bool:
        """One round for a change of `edited_s`; whether it published. Raises ClusterError and ConfigFaults."""


class ReconcileLoop:
    """The operator's main loop."""

    def __init__(self, rounds: Rounds, trigger: RoundTrigger, counts: OperatorCounts) -> None:
        self._rounds, self._trigger, self._counts = rounds, trigger, counts
        self._failures = 0

    async def run(self) -> None:
        """Until cancelled."""
        self._trigger.request("the operator started")
        while True:
            edited_s = await self._trigger.wait(FULL_LIST_S)
            try:
                is_further = await self._rounds.reconcile(edited_s)
            except ClusterError as error:
                self._note_failure(error)
                await asyncio.sleep(QUIET_S if error.code == 409 else _pause_s(self._failures))
                self._trigger.request("the last round failed", edited_s)
            except ConfigFaults as faults:
                self._counts.reconciles["too_large"] += 1
                LOG.error("the last snapshot stays: %s", faults)
            else:
                self._failures = 0
                self._counts.reconciles["published" if is_further else "unchanged"] += 1

    def _note_failure(self, error: ClusterError) -> None:
        self._failures += 1
        if error.code == 409:
            self._counts.reconciles["raced"] += 1
            LOG.info("another operator wrote the snapshot: listing again")
            return
        self._counts.reconciles["failed"] += 1
        if self._failures in (1, 10) or self._failures % 100 == 0:
            LOG.error("gateways keep what they have: %s", error)


def _pause_s(failures: int) -> float:
    """Full jitter, so that several operators do not come back together."""
    longest = _BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1]
    return random.uniform(longest / 4, longest)  # noqa: S311 - no secret depends on it

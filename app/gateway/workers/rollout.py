"""A configuration comes into force in all workers, or in none: each compiles it first, then all swap.

So the parent acknowledges it when every process of the gateway serves by it.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from app.foundation.errors import ConfigFault, ConfigFaults
from app.gateway.link.end import CallFault
from app.gateway.link.message import Message
from app.gateway.workers.change import Change
from app.gateway.workers.pool import Workers
from app.settings import Settings

__all__ = ["BOOT", "COMMIT", "PREPARE", "Rollout"]

LOG = logging.getLogger("tidegate.workers")

BOOT: Final = "boot"
"""Begin with this configuration; replied to once the worker serves."""
PREPARE: Final = "prepare"
"""Compile it; the last good one stays in force."""
COMMIT: Final = "commit"
"""Put in force what was prepared under that number."""

PREPARE_S: Final = 60.0
COMMIT_S: Final = 10.0


class Rollout:
    """`share`: of the gateway's bounds, what one worker gets. `settle`: awaited once all serve by a configuration, so
    that they know what it changed of what they share. `in_force`: what a new worker begins with."""

    def __init__(
        self,
        workers: Workers,
        share: Callable[[Settings], Settings],
        settle: Callable[[], Awaitable[None]],
    ) -> None:
        self._workers = workers
        self._share = share
        self._settle = settle
        self.in_force: Change | None = None

    def boot(self, facts: Mapping[str, object]) -> Message:
        """What a new worker is called with; it is told `facts` besides."""
        assert self.in_force is not None  # noqa: S101 - the parent sets it before the first one starts
        return self._shared(self.in_force).message(BOOT, **facts)

    async def prepare(self, change: Change) -> None:
        """All compile it. Raises ConfigFaults where one cannot, which names it."""
        message = self._shared(change).message(PREPARE)
        replies = await self._workers.call(PREPARE, message.body, message.blob, within_s=PREPARE_S)
        faults = [
            ConfigFault(f"worker {worker.number}", _cause(reply), "nothing was changed in any worker")
            for worker, reply in replies.items()
            if isinstance(reply, Exception)
        ]
        if faults:
            raise ConfigFaults(faults)

    async def commit(self, change: Change) -> None:
        """All serve by it; one that does not is replaced by one that does. Raises nothing."""
        self.in_force = change
        replies = await self._workers.call(COMMIT, change.sequence, within_s=COMMIT_S)
        late = [worker for worker, reply in replies.items() if isinstance(reply, CallFault)]
        if late:  # they began when the others had prepared it, with what was in force then
            message = self._shared(change).message(PREPARE)
            await self._workers.call(PREPARE, message.body, message.blob, within_s=PREPARE_S, only=late)
            replies |= await self._workers.call(COMMIT, change.sequence, within_s=COMMIT_S, only=late)
        for worker, reply in replies.items():
            if isinstance(reply, Exception):
                LOG.error(
                    "worker %d did not put configuration %d in force (%s), it is replaced",
                    worker.number,
                    change.sequence,
                    _cause(reply),
                )
                worker.kill()
        await self._settle()

    def _shared(self, change: Change) -> Change:
        return replace(change, settings=self._share(change.settings))


def _cause(reply: Exception) -> str:
    return str(reply) or "it did not reply in time"

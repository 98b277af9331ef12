"""One of the long polls beside `/v1/sync`: what it asks for and what becomes of a response. The link makes calls."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeAlias, TypeVar

from app.config.sync.body import body_fault
from app.config.sync.newest import NOTHING_HELD, Delta, Held, NewestRequest
from app.config.sync.newest_codec import MAX_DELTA_BYTES, Kind, decode_delta, encode_newest_request

__all__ = ["WAIT_S", "Call", "NewestPoll"]

LOG = logging.getLogger("tidegate.sync")

V = TypeVar("V")

WAIT_S: Final = 25

Call: TypeAlias = Callable[[str, bytes, float, int], Awaitable[bytes | None]]
"""From path, body, how long the operator may park it, and the most bytes of a response to these; None for none."""


class NewestPoll(Generic[V]):
    """Nothing is asked for before `wanted` is set: a gateway without listeners of the cluster makes no calls for them.

    `held`: how far it got. `take` puts each delta in force.
    """

    def __init__(
        self, kind: Kind[V], take: Callable[[Delta[V]], Awaitable[None]], held: Held = NOTHING_HELD
    ) -> None:
        self.kind, self.held = kind, held
        self.wanted = asyncio.Event()
        self._take = take

    async def poll(self, call: Call) -> None:
        """One call, and what came of it taken over. Raises ConfigFaults for a response that is none."""
        await self.wanted.wait()
        asked = self.held
        body = encode_newest_request(NewestRequest(asked, WAIT_S))
        packed = await call(self.kind.path, body, WAIT_S, MAX_DELTA_BYTES)
        if packed is None:
            return
        delta = await asyncio.to_thread(decode_delta, self.kind, packed)
        if not delta.is_full and delta.held.boot != asked.boot:
            self.held = NOTHING_HELD
            raise body_fault("says what changed since something that is not held", "send all of it")
        for name, why in delta.faults.items():
            LOG.error("%s.%s from the operator cannot be used: %s", self.kind.key, name, why)
        await self._take(delta)
        self.held = delta.held

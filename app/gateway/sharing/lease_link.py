"""Leases over the link: the store of a worker's limits is the parent, which has the buckets or leases them itself."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from app.foundation.errors import StoreDown
from app.gateway.link.end import CallFault, LinkEnd, LinkLost
from app.gateway.link.message import Json, Message
from app.limits.lease import Grant, Order
from app.limits.lease_store import LeaseCall

__all__ = ["LEASE", "LeaseOf", "LinkLeaseStore", "lease_server"]

LEASE: Final = "lease"
REPLY_S: Final = 1.0
"""The parent replies at once, but on a busy machine its turn may come late, and nobody else may give a token."""

LeaseOf = Callable[[str, bytes, Order], Awaitable[Grant | None]]
"""A grant of the rule of that identity for that key; None: its count is unavailable."""

_NEED: Final = 4  # place in the numbers of a call; behind it: want, replicas, back, generation, unreported


class LinkLeaseStore:
    """A `LeaseStore` of one of `workers`, at the other end of `link`."""

    def __init__(self, link: LinkEnd, workers: int) -> None:
        self._link = link
        self._workers = workers

    async def lease(self, calls: Sequence[LeaseCall]) -> Sequence[Grant | None]:
        body = []
        for call in calls:
            need, want, _, *rest = call.numbers[_NEED:]
            body.append([call.rule, call.key.decode("latin-1"), need, want, *rest])
        try:
            async with asyncio.timeout(REPLY_S):
                grants = await self._link.call(LEASE, body)
        except (LinkLost, CallFault) as error:
            raise StoreDown("the parent process", str(error)) from None
        except TimeoutError:
            raise StoreDown("the parent process", f"no reply within {REPLY_S:g} s") from None
        return [Grant(*grant) if grant is not None else None for grant in grants]

    async def heartbeat(self) -> int:
        if not self._link.is_open:
            raise StoreDown("the parent process", "the link is closed")
        return self._workers

    async def close(self) -> None:
        """The link is closed by its owner."""


def lease_server(lease_of: LeaseOf) -> Callable[[Message], Awaitable[Json]]:
    """What serves a worker's calls of kind LEASE."""

    async def serve(message: Message) -> Json:
        waiting = [
            lease_of(rule, key.encode("latin-1"), Order(need, want, back, generation, unreported))
            for rule, key, need, want, back, generation, unreported in message.body
        ]
        grants = await asyncio.gather(*waiting)
        return [
            None
            if grant is None
            else [grant.granted, grant.left, grant.wait_ms, grant.generation, grant.full_ms]
            for grant in grants
        ]

    return serve

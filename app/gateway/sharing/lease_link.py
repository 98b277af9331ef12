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
REPLY_S: Final = 2.5
"""Longer than a request waits: asking again meanwhile would only lease twice."""

LeaseOf = Callable[[str, bytes, Order], Awaitable[Grant | None]]
"""A grant of the rule of that identity for that key; None: its count is unavailable."""

_GENERATION: Final = 3  # place in a grant
_NEED: Final = 4  # place in the numbers of a call; behind it: want, replicas, back, generation, unreported


class LinkLeaseStore:
    """A `LeaseStore` of one of `workers`, at the other end of `link`."""

    def __init__(self, link: LinkEnd, workers: int) -> None:
        self._link = link
        self._workers = workers
        self._late: set[asyncio.Future[Json]] = set()

    async def lease(self, calls: Sequence[LeaseCall]) -> Sequence[Grant | None]:
        body = []
        for call in calls:
            need, want, _, *rest = call.numbers[_NEED:]
            body.append([call.rule, call.key.decode("latin-1"), need, want, *rest])
        asked = asyncio.ensure_future(self._link.call(LEASE, body))
        try:
            async with asyncio.timeout(REPLY_S):
                grants = await asyncio.shield(asked)
        except (LinkLost, CallFault) as error:
            raise StoreDown("the parent process", str(error)) from None
        except TimeoutError:
            self._late.add(asked)
            asked.add_done_callback(lambda _: self._return(calls, asked))
            raise StoreDown("the parent process", f"no reply within {REPLY_S:g} s") from None
        return [Grant(*grant) if grant is not None else None for grant in grants]

    def _return(self, calls: Sequence[LeaseCall], asked: asyncio.Future[Json]) -> None:
        """A reply came too late: what it granted goes back, so that nothing of the limit is lost."""
        self._late.discard(asked)
        if asked.cancelled() or asked.exception() is not None:
            return
        body = [
            [call.rule, call.key.decode("latin-1"), 0, 0, grant[0], grant[_GENERATION], 0]
            for call, grant in zip(calls, asked.result(), strict=True)
            if grant is not None and grant[0]
        ]
        if body:
            back = asyncio.ensure_future(self._link.call(LEASE, body))
            self._late.add(back)
            back.add_done_callback(self._returned)

    def _returned(self, back: asyncio.Future[Json]) -> None:
        self._late.discard(back)
        if not back.cancelled():
            back.exception()  # a link that is lost by now takes all tokens with it

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

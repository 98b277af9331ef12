"""Runs scripts and commands on the servers of an address: one pipeline per server, every fault a StoreDown."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any

from redis import exceptions as error_types

from app.foundation.clock import now_s
from app.foundation.errors import StoreDown
from app.foundation.redis.causes import REDIS_ERRORS, cause_of
from app.foundation.redis.scripts import ScriptCall
from app.foundation.redis.subscription import listen
from app.foundation.redis.topology import nodes_at
from app.foundation.redis.url import RedisAddress, Topology

__all__ = ["RedisServers"]

_ELSEWHERE = (error_types.AskError, error_types.ReadOnlyError, error_types.ConnectionError)
"""Errors after which another server may have the keys; MovedError is an AskError."""


class RedisServers:
    """The servers of `address`; `store` names them in errors. Nothing is sent before the first call.

    `run`, `command` and `announcements` use what the last `find` learned. Each failure puts that in doubt, and the
    next `find` asks again. `run` looks for a moved slot by itself.
    """

    def __init__(self, address: RedisAddress, store: str) -> None:
        self._nodes = nodes_at(address)
        self._topology = address.topology
        self._store = store

    async def find(self, timeout_s: float | None = None) -> None:
        """Asks where the keys are, unless that is known and not in doubt. Raises StoreDown."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._nodes.find()
        except REDIS_ERRORS as error:
            self._nodes.doubt()
            raise self._down(error) from error

    async def run(self, calls: Sequence[ScriptCall], timeout_s: float | None = None) -> list[Any]:
        """Per call its reply, or the StoreDown of that call alone; raises nothing.

        Takes `timeout_s` at most, None: as long as the sockets' timeouts allow. A server that does not know a script
        is sent it. A call whose server is gone, or is no longer the one that takes its writes, is sent once more if
        another server does now; only where a connection was lost may it have had its effect already.
        """
        began_s = now_s()
        replies: list[Any] = [None] * len(calls)
        asked = await self._send(calls, range(len(calls)), replies, timeout_s)
        if any(isinstance(reply, Exception) for reply in replies):
            self._nodes.doubt()
            if self._topology is not Topology.SINGLE:
                left_s = None if timeout_s is None else timeout_s - (now_s() - began_s)
                await self._send_to_others(calls, replies, asked, left_s)
        return [self._down(reply) if isinstance(reply, Exception) else reply for reply in replies]

    async def command(self, *words: str | bytes | int, key: bytes, timeout_s: float | None = None) -> Any:
        """The reply to one command on the server of `key`. Raises StoreDown."""
        try:
            node = self._nodes.of(key)
            if node is None:
                raise error_types.ClusterDownError("nobody serves the slot of this key")
            async with asyncio.timeout(timeout_s):
                return await node.execute_command(*words)
        except REDIS_ERRORS as error:
            self._nodes.doubt()
            raise self._down(error) from error

    async def announcements(
        self, channels: Sequence[str], until: asyncio.Event
    ) -> AsyncIterator[tuple[int, bytes] | None]:
        """What is published on `channels`, as (place of the channel, message); some may be lost.

        None when the server has begun, or begun again, to send all of them. Ends when `until` is set or another server
        takes the writes; raises StoreDown. The nodes of a Cluster pass messages on to each other: one is enough.
        """
        await self.find()
        key = channels[0].encode()
        node = self._nodes.of(key)
        if node is None:
            raise self._down(error_types.ClusterDownError("nobody serves the slot of this channel"))
        try:
            async with aclosing(listen(node, channels)) as heard:
                async for announcement in heard:
                    if announcement is not False:
                        yield announcement
                    if until.is_set() or self._nodes.of(key) is not node:
                        return
        except REDIS_ERRORS as error:
            self._nodes.doubt()
            raise self._down(error) from error

    async def close(self) -> None:
        """Closes every connection; raises nothing."""
        with suppress(*REDIS_ERRORS):
            await self._nodes.close()

    async def _send_to_others(
        self,
        calls: Sequence[ScriptCall],
        replies: list[Any],
        asked: Mapping[int, Any],
        timeout_s: float | None,
    ) -> None:
        """Sends the calls again whose server is not the one any more; `asked`: the server that each was sent to."""
        failed = [place for place, reply in enumerate(replies) if isinstance(reply, _ELSEWHERE)]
        if not failed:
            return
        with suppress(*REDIS_ERRORS):
            async with asyncio.timeout(timeout_s):
                await self._nodes.find()
                moved = [place for place in failed if self._node_of(calls[place]) is not asked[place]]
                if moved:
                    await self._send(calls, moved, replies, None)

    def _node_of(self, call: ScriptCall) -> Any:
        key = call.keys[0]
        return self._nodes.of(key.encode() if isinstance(key, str) else key)

    async def _send(
        self, calls: Sequence[ScriptCall], places: Sequence[int], replies: list[Any], timeout_s: float | None
    ) -> Mapping[int, Any]:
        """Fills in the replies at `places`, errors among them; returns the server that each was sent to."""
        if self._topology is not Topology.CLUSTER:  # the usual case in a few steps less
            node = self._nodes.of(b"")
            await self._send_to(node, calls, places, replies, timeout_s)
            return dict.fromkeys(places, node) if self._topology is Topology.SENTINEL else {}
        asked = {place: self._node_of(calls[place]) for place in places}
        by_node: dict[Any, list[int]] = {}
        for place, node in asked.items():
            by_node.setdefault(node, []).append(place)
        await asyncio.gather(
            *(self._send_to(node, calls, some, replies, timeout_s) for node, some in by_node.items())
        )
        return asked

    async def _send_to(
        self,
        node: Any,
        calls: Sequence[ScriptCall],
        places: Sequence[int],
        replies: list[Any],
        timeout_s: float | None,
    ) -> None:
        try:
            if node is None:
                raise error_types.ConnectionError("nobody is known to serve this key")
            async with asyncio.timeout(timeout_s):
                await self._evaluate(node, calls, places, replies)
                unknown = [place for place in places if isinstance(replies[place], error_types.NoScriptError)]
                if unknown:  # a server that is new to us, was restarted or flushed
                    await self._evaluate(node, calls, unknown, replies, sends_texts=True)
        except REDIS_ERRORS as error:
            for place in places:
                if replies[place] is None or isinstance(replies[place], error_types.ResponseError):
                    replies[place] = error

    async def _evaluate(
        self,
        node: Any,
        calls: Sequence[ScriptCall],
        places: Sequence[int],
        replies: list[Any],
        sends_texts: bool = False,
    ) -> None:
        """One pipeline; with `sends_texts` the scripts go first."""
        pipe = node.pipeline(transaction=False)
        texts = dict.fromkeys(calls[place].script.text for place in places) if sends_texts else {}
        for text in texts:
            pipe.execute_command("SCRIPT", "LOAD", text)
        for place in places:
            call = calls[place]
            pipe.execute_command("EVALSHA", call.script.sha, len(call.keys), *call.keys, *call.args)
        found = await pipe.execute(raise_on_error=False)
        for place, reply in zip(places, found[len(texts) :], strict=True):
            replies[place] = reply

    def _down(self, error: BaseException) -> StoreDown:
        return StoreDown(self._store, cause_of(error, self._topology))

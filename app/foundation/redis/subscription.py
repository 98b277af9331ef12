"""Listens to channels of one server; messages may be lost."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any, Literal

from app.foundation.redis.causes import REDIS_ERRORS

__all__ = ["listen"]

LISTEN_TIMEOUT_S = 0.25  # between two looks of the caller whether to go on


async def listen(
    node: Any, channels: Sequence[str]
) -> AsyncGenerator[tuple[int, bytes] | Literal[False] | None, None]:
    """(place of the channel, message) as it comes; None once all are subscribed, also after the connection was
    lost; False at least every LISTEN_TIMEOUT_S. Raises redis-py's errors; unsubscribes when it is closed."""
    places = {channel.encode(): place for place, channel in enumerate(channels)}
    pubsub = node.pubsub()
    try:
        await pubsub.subscribe(*channels)
        while True:
            message = await pubsub.get_message(timeout=LISTEN_TIMEOUT_S)
            if message is None:
                yield False
                continue
            place = places[message["channel"]]
            if message["type"] != "subscribe":
                yield place, message["data"]
            elif place == len(channels) - 1:
                yield None
            else:
                yield False
    finally:
        with suppress(*REDIS_ERRORS):
            await pubsub.aclose()

"""What `http_protocol` puts where uvicorn keeps a request's cycle, and the cycle its transport."""

import asyncio
from collections.abc import Callable

from cache.handlers import Fields

__all__ = ["FastWrite", "LastTransport"]


class FastWrite:
    """A PUT on the fast lane, in the place where uvicorn keeps its cycle."""

    __slots__ = ("body", "disconnected", "fields", "keep_alive", "old", "response_complete", "target")

    more_body = False  # it waits for nothing: its body is small and read on without being asked for
    response_started = False  # it has one piece

    def __init__(self, target: bytes, fields: Fields, keep_alive: bool, old: bool) -> None:
        self.target = target
        self.fields = fields
        self.keep_alive = keep_alive
        self.old = old  # in HTTP/1.0
        self.body = b""
        self.response_complete = False
        self.disconnected = False

    @property
    def message_event(self) -> asyncio.Event:
        """Nobody waits for it."""
        return asyncio.Event()


class LastTransport:
    """What the cycle of a connection's last response has for its transport: `close` ends only our side."""

    __slots__ = ("close", "is_closing", "write")

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close

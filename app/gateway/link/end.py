"""One end of a link: the asyncio protocol of a socket pair between the parent and one worker. Both ends are alike.

Either end's death closes the socket pair, which the other end hears at once: calls that wait fail with `LinkLost`,
and `on_lost` is called once.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Final, cast

from app.gateway.link.message import FAULT, REPLY, Json, LinkFault, Message, MessageReader, encode

__all__ = ["FULL_BYTES", "MOST_WAITING_BYTES", "CallFault", "LinkEnd", "LinkLost", "open_link"]

LOG = logging.getLogger("tidegate.workers")

FULL_BYTES: Final = 1 << 20
"""So much waits to be sent that what can be said later, or in sum, should wait."""
MOST_WAITING_BYTES: Final = 512 << 20
"""More must not wait for an end that does not read: the link is given up, and with it the process behind it."""


class LinkLost(Exception):
    """The other process has ended, or the link was given up."""


class CallFault(Exception):
    """The other end could not do what the call asked for; the text says why, for people."""


class LinkEnd(asyncio.Protocol):
    """Takes messages by their kind, sends notices, and calls the other end.

    `name`: of the other end, for the log. `on_lost`: called with the reason when the link is over, not for one's own
    `close`. `report`: gets every fault of ours in a handler. All methods belong to the loop's thread.
    `sent`, `received`: messages so far.
    """

    def __init__(
        self, name: str, on_lost: Callable[[str], None], report: Callable[[BaseException], None]
    ) -> None:
        self.name = name
        self.sent = self.received = 0
        self._on_lost = on_lost
        self._report = report
        self._reader = MessageReader()
        self._transport: asyncio.Transport | None = None
        self._is_over = False
        self._notices: dict[str, Callable[[Message], None]] = {}
        self._calls: dict[str, Callable[[Message], Awaitable[Json]]] = {}
        self._last_call = 0
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._serving: set[asyncio.Task[None]] = set()

    def on_notice(self, kind: str, take: Callable[[Message], None]) -> None:
        """`take` gets each notice of that kind from now on, in the order in which they were sent."""
        self._notices[kind] = take

    def on_call(self, kind: str, serve: Callable[[Message], Awaitable[Json]]) -> None:
        """`serve` gets each call of that kind; what it returns is the reply, the text of a CallFault it raises a fault.

        Calls begin in the order in which they were sent, notices between them, and run side by side.
        """
        self._calls[kind] = serve

    @property
    def is_open(self) -> bool:
        return not self._is_over and self._transport is not None

    @property
    def is_full(self) -> bool:
        """Whether what can wait should wait; True for a link that is over."""
        transport = self._transport
        return self._is_over or transport is None or transport.get_write_buffer_size() >= FULL_BYTES

    def notify(self, kind: str, body: Json = None, blob: bytes = b"") -> None:
        """Send a notice; after the end of the link nothing happens."""
        self._send(Message(kind, body, blob))

    async def call(self, kind: str, body: Json = None, blob: bytes = b"") -> Json:
        """Send a call and wait for its reply. Raises LinkLost and CallFault; bound the time with asyncio.timeout."""
        if not self.is_open:
            raise LinkLost(f"the link to the {self.name} is closed")
        self._last_call += 1
        number = self._last_call
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._send(Message(kind, body, blob, number))
            reply = await waiting
        finally:
            self._waiting.pop(number, None)
        if reply.kind == FAULT:
            raise CallFault(str(reply.body))
        return reply.body

    def close(self) -> None:
        """End the link once what waits is sent."""
        self._end("it was closed")
        if self._transport is not None:
            self._transport.close()

    def _send(self, message: Message) -> None:
        transport = self._transport
        if self._is_over or transport is None:
            return
        if transport.get_write_buffer_size() > MOST_WAITING_BYTES:
            self._lose(f"the {self.name} reads nothing")
            return
        self.sent += 1
        transport.write(encode(message))

    # What the transport says (asyncio.Protocol)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's inherits nothing

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._reader.feed(data)
        except LinkFault as fault:
            self._lose(str(fault))
            return
        for message in messages:
            self.received += 1
            self._take(message)

    def connection_lost(self, error: Exception | None) -> None:
        self._lose(str(error) if error is not None else "the other end has ended")

    def _take(self, message: Message) -> None:
        if message.kind in (REPLY, FAULT):
            waiting = self._waiting.get(message.call)
            if waiting is not None and not waiting.done():  # else nobody waits any more
                waiting.set_result(message)
        elif message.call:
            task = asyncio.get_running_loop().create_task(self._serve(message))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        elif (take := self._notices.get(message.kind)) is not None:
            try:
                take(message)
            except Exception as bug:
                self._report(bug)
        else:
            LOG.error("the %s sent %r, which nobody here takes", self.name, message.kind)

    async def _serve(self, message: Message) -> None:
        serve = self._calls.get(message.kind)
        try:
            if serve is None:
                raise CallFault(f"nobody takes {message.kind!r}")
            reply = Message(REPLY, await serve(message), call=message.call)
        except CallFault as fault:
            reply = Message(FAULT, str(fault), call=message.call)
        except Exception as bug:
            self._report(bug)
            reply = Message(FAULT, "internal error; its log has more", call=message.call)
        self._send(reply)

    def _lose(self, why: str) -> None:
        if self._is_over:
            return
        self._end(why)
        if self._transport is not None:
            self._transport.abort()
        self._on_lost(why)

    def _end(self, why: str) -> None:
        self._is_over = True
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(LinkLost(f"the link to the {self.name} is over: {why}"))
        for task in self._serving:
            task.cancel()


async def open_link(end: LinkEnd, sock: socket.socket) -> LinkEnd:
    """`end` speaks over `sock`, its side of the socket pair, from now on."""
    sock.setblocking(False)
    await asyncio.get_running_loop().create_connection(lambda: end, sock=sock)
    return end

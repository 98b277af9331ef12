"""What a client's connection is doing, how long it may take, whether it is read from, and how it ends (RFC 9112 §9)."""

import asyncio
from typing import Final, Protocol

from app.dataplane.downstream.connection_state import BUSY, NEXT, TABLE, Event, State
from app.dataplane.eventloop.timer_wheel import NEVER
from app.dataplane.proxy.context import ProxyContext
from app.foundation.clock import now_s

__all__ = ["ConnectionLife", "LifeOwner"]

LINGER_S: Final = 2.0

_IDLE: Final = State.IDLE
_HEAD: Final = State.HEAD
_DISCARDING: Final = State.DISCARDING
_PAGE: Final = State.PAGE
_LINGERING: Final = State.LINGERING
# Compared by `is`: compiled, `==` of enums costs 60 instructions more
_RESPONDING: Final = State.RESPONDING
_RECEIVING: Final = State.RECEIVING


class LifeOwner(Protocol):
    """The connection's protocol."""

    def on_deadline(self, now: float) -> None:
        """What the connection waits for has not come in time."""
        ...


class ConnectionLife:
    """`state` changes by `enter` only, which also sets the deadline of the new state (table of `connection_state`).

    While a request is under way the deadline is the exchange's own. `read_paused`: the transport does not read.
    """

    __slots__ = (
        "_context",
        "_owner",
        "_rested_at_s",
        "_unsent_at_close_bytes",
        "armed_tick",
        "deadline_s",
        "read_paused",
        "state",
        "transport",
    )

    def __init__(self, owner: LifeOwner, context: ProxyContext, transport: asyncio.Transport) -> None:
        self._owner: LifeOwner | None = owner
        self._context = context
        self.transport = transport
        self.state = State.IDLE
        self.read_paused = False
        self.deadline_s = NEVER
        self.armed_tick = 0
        self._unsent_at_close_bytes = 0
        self._rested_at_s = now_s()
        self.set_deadline(self._rested_at_s + context.settings.header_timeout_s)  # of its first byte

    def enter(self, event: Event) -> None:
        """Go to the state that `event` leads to."""
        after = NEXT[self.state][event]
        state = self.state = after if after is not None else TABLE.step(self.state, event)
        if state is _RESPONDING or state is _RECEIVING:
            return
        context, now = self._context, now_s()
        if state is _IDLE:
            self._rested_at_s = now
            context.wheel.set(self, now + context.settings.keep_alive_timeout_s)
        elif state is _HEAD or state is _DISCARDING:
            context.wheel.set(self, now + context.settings.header_timeout_s)
        elif state is _LINGERING:
            context.wheel.set(self, now + LINGER_S)
        elif state is _PAGE:
            context.wheel.set(self, NEVER)

    def set_deadline(self, deadline_s: float) -> None:
        """Replaces the one before."""
        self._context.wheel.set(self, deadline_s)

    def on_deadline(self, now: float) -> None:
        """The wheel's call."""
        if self._owner is not None:
            self._owner.on_deadline(now)

    # Reading

    def pause_reading(self, *, watched: bool) -> None:
        """`watched`: a client that hangs up meanwhile ends the connection, which a paused transport would not see.

        Not where the client may have sent all that it wants to: it has closed its half then, and reads on.
        """
        if self.transport.is_closing():
            return
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()
        if watched:
            self._context.disconnects.watch(self)

    def resume_reading(self) -> None:
        if self.read_paused and not self.transport.is_closing():
            self.read_paused = False
            self.transport.resume_reading()

    # Ends

    def end(self, *, unread: bool) -> None:
        """Close; where the client is still sending, only after it had time to read the response."""
        transport = self.transport
        if not unread or transport.is_closing():
            self.close()
            return
        # RFC 9112 §9.6: a close with unread bytes would reset the connection under the response
        self.enter(Event.CLOSE_UNREAD)
        if transport.can_write_eof():
            transport.write_eof()
        self.resume_reading()

    def close(self) -> None:
        """Close once the response is sent; a client that takes no byte of it any more is cut off."""
        self.enter(Event.CLOSE)
        transport = self.transport
        transport.close()
        unsent = transport.get_write_buffer_size()
        if unsent and unsent != self._unsent_at_close_bytes:
            self._unsent_at_close_bytes = unsent
            self.set_deadline(now_s() + self._context.settings.header_timeout_s)
        elif unsent:
            transport.abort()

    def abort(self) -> None:
        """The connection ends now, whatever it owes."""
        self.transport.abort()

    def upgrade(self) -> None:
        """Another protocol takes the connection, and paces its reading: no poller is to end it."""
        self.enter(Event.UPGRADED)
        self._forget()

    def lost(self) -> None:
        """The client is gone."""
        self.enter(Event.LOST)
        self._forget()

    def _forget(self) -> None:
        self.read_paused = False
        self._context.wheel.remove(self)
        self._owner = None  # no cycle is left to the collector

    # What a drain asks

    @property
    def busy(self) -> bool:
        """A request has begun to come that has no whole response yet, or that response is being taken."""
        return self.state in BUSY

    def quiet_s(self, now: float, since_s: float) -> float:
        """For how long nothing was under way, counted from `since_s` on; 0 while something is."""
        return now - max(self._rested_at_s, since_s) if self.state == _IDLE else 0.0

"""What a client's connection is doing, how long it may take, and how it ends (RFC 9112 §9)."""

from typing import Final, Protocol

from app.dataplane.downstream.client_socket import ClientSocket
from app.dataplane.downstream.connection_state import BUSY, NEXT, TABLE, Event, State
from app.dataplane.eventloop.timer_wheel import NEVER, Timed
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


class ConnectionLife(Timed):
    """`state` changes by `enter` only, which also sets the deadline of the new state (table of `connection_state`).

    While a request is under way the deadline is the exchange's own.
    """

    __slots__ = (
        "_context",
        "_owner",
        "_rested_at_s",
        "_socket",
        "state",
    )

    def __init__(self, owner: LifeOwner, context: ProxyContext, socket: ClientSocket) -> None:
        self._owner: LifeOwner | None = owner
        self._context = context
        self._socket = socket
        self.state = State.IDLE
        self.deadline_s = NEVER
        self.armed_tick = 0
        self._rested_at_s = now_s()
        self.set_deadline(self._rested_at_s + context.settings.header_timeout_s)  # of its first byte

    def enter(self, event: Event, now: float) -> None:
        """Go to the state that `event` leads to."""
        after = NEXT[self.state][event]
        state = self.state = after if after is not None else TABLE.step(self.state, event)
        if state is _RESPONDING or state is _RECEIVING:
            return
        context = self._context
        if state is _IDLE:
            self._rested_at_s = now
            self.set_deadline(now + context.settings.keep_alive_timeout_s)
        elif state is _HEAD or state is _DISCARDING:
            self.set_deadline(now + context.settings.header_timeout_s)
        elif state is _LINGERING:
            self.set_deadline(now + LINGER_S)
        elif state is _PAGE:
            self.set_deadline(NEVER)

    def set_deadline(self, deadline_s: float) -> None:
        """Replaces the one before."""
        self.deadline_s = deadline_s
        self._context.wheel.moved(self, deadline_s)

    def on_deadline(self, now: float) -> None:
        """The wheel's call."""
        if self._owner is not None:
            self._owner.on_deadline(now)

    # Ends

    def end(self, *, unread: bool) -> None:
        """Close; where the client is still sending, only after it had time to read the response."""
        transport = self._socket.transport
        if not unread or transport.is_closing():
            self.close()
            return
        # RFC 9112 §9.6: a close with unread bytes would reset the connection under the response
        self.enter(Event.CLOSE_UNREAD, now_s())
        if transport.can_write_eof():
            transport.write_eof()
        self._socket.resume_reading()

    def close(self) -> None:
        """Close once the response is sent; a client that takes no byte of it any more is cut off."""
        self.enter(Event.CLOSE, now_s())
        socket = self._socket
        socket.transport.close()
        if socket.takes_more():
            self.set_deadline(now_s() + self._context.settings.header_timeout_s)
        elif socket.transport.get_write_buffer_size():
            socket.abort()

    def upgrade(self) -> None:
        """Another protocol takes the connection, and paces its reading: no poller is to end it."""
        self.enter(Event.UPGRADED, now_s())
        self._forget()

    def lost(self) -> None:
        """The client is gone."""
        self.enter(Event.LOST, now_s())
        self._forget()

    def _forget(self) -> None:
        self._socket.read_paused = False
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

"""What a client's HTTP/2 connection is doing, how long it may take, and how it ends."""

from typing import Final

from app.dataplane.downstream.client_socket import ClientSocket
from app.dataplane.downstream.connection_life import LINGER_S, LifeOwner
from app.dataplane.downstream.http2_state import NEXT, TABLE, Event, State
from app.dataplane.eventloop.timer_wheel import NEVER, Timed
from app.dataplane.proxy.context import ProxyContext
from app.foundation.clock import now_s

__all__ = ["Http2Life"]

_PREFACE: Final = State.PREFACE
_IDLE: Final = State.IDLE
_CLOSING: Final = State.CLOSING


class Http2Life(Timed):
    """`state` changes by `enter` only, which also sets the deadline of the new state (table of `http2_state`).

    `_open_head`: of the header block that has begun to come, 0 for none: it has `HEADER_TIMEOUT` for its end whatever
    the state is.
    """

    __slots__ = (
        "_context",
        "_open_head",
        "_owner",
        "_rested_at_s",
        "_socket",
        "state",
    )

    def __init__(self, owner: LifeOwner, context: ProxyContext, socket: ClientSocket) -> None:
        self._owner: LifeOwner | None = owner
        self._context = context
        self._socket = socket
        self.state = State.PREFACE
        self.deadline_s = NEVER
        self.armed_tick = 0
        self._open_head = 0
        self._rested_at_s = now_s()
        context.wheel.set(self, self._rested_at_s + context.settings.header_timeout_s)

    def enter(self, event: Event) -> None:
        """Go to the state that `event` leads to."""
        after = NEXT[self.state][event]
        state = self.state = after if after is not None else TABLE.step(self.state, event)
        if state is _IDLE:
            self._rested_at_s = now_s()
        if not self._open_head and state is not _CLOSING:
            self._set_deadline()

    def _set_deadline(self) -> None:
        context = self._context
        idle = self.state is _IDLE
        self.deadline_s = self._rested_at_s + context.settings.keep_alive_timeout_s if idle else NEVER
        context.wheel.moved(self, self.deadline_s)

    def note_head(self, open_head: int) -> None:
        """Which header block has begun and is not whole, 0 for none: each has its time from its first byte on."""
        if open_head == self._open_head or self.state is _PREFACE or self.state is _CLOSING:
            return
        self._open_head = open_head
        if open_head:
            self._context.wheel.set(self, now_s() + self._context.settings.header_timeout_s)
        else:
            self._set_deadline()

    @property
    def waits_for_head(self) -> bool:
        """What the deadline is of: a header block that does not become whole."""
        return self._open_head > 0

    def on_deadline(self, now: float) -> None:
        """The wheel's call."""
        if self._owner is not None:
            self._owner.on_deadline(now)

    # Ends

    def close(self) -> None:
        """Its last bytes are written: end once they are sent, and a client that still sends had time to read them."""
        self.enter(Event.CLOSE)
        socket, transport = self._socket, self._socket.transport
        if transport.is_closing():
            return
        socket.resume_reading()
        left_s = self._context.settings.header_timeout_s if socket.takes_more() else LINGER_S
        if transport.can_write_eof():
            transport.write_eof()
        else:
            transport.close()
        self._context.wheel.set(self, now_s() + left_s)

    def end_closing(self, now: float) -> None:
        """The time to close is over: cut the client off unless it still takes what it is owed."""
        if self._socket.takes_more():
            self._context.wheel.set(self, now + self._context.settings.header_timeout_s)
        else:
            self._socket.abort()

    def lost(self) -> None:
        """The client is gone."""
        self.enter(Event.LOST)
        self._socket.read_paused = False
        self._context.wheel.remove(self)
        self._owner = None  # no cycle is left to the collector

    def quiet_s(self, now: float, since_s: float) -> float:
        """For how long no stream was open, counted from `since_s` on; 0 while one is."""
        return now - max(self._rested_at_s, since_s) if self.state is _IDLE else 0.0

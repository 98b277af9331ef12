"""The states of a client connection, in one table: what it is doing, and what may happen next (RFC 9112 §9).

Requests are read one at a time: the next one is not looked at before the response to the last one is written.
"""

from enum import IntEnum
from typing import Final

from app.dataplane.downstream.state_table import StateTable

__all__ = ["BUSY", "NEXT", "TABLE", "Event", "State"]


class State(IntEnum):
    """What a connection is doing."""

    IDLE = 0
    HEAD = 1
    RECEIVING = 2
    RESPONDING = 3
    DISCARDING = 4
    PAGE = 5
    LINGERING = 6
    CLOSING = 7
    TUNNEL = 8
    CLOSED = 9


class Event(IntEnum):
    """What happens to a connection."""

    HEAD_BEGUN = 0
    REQUEST = 1
    REQUEST_WITH_BODY = 2
    BODY_ENDED = 3
    RESPONSE_ENDED = 4
    PAGE_BEGUN = 5
    PAGE_ENDED = 6
    UPGRADED = 7
    CLOSE = 8
    CLOSE_UNREAD = 9
    LOST = 10


_MEANING: Final = {
    State.IDLE: "nothing of a request has come; `KEEP_ALIVE_TIMEOUT`",
    State.HEAD: "a part of a head has come; `HEADER_TIMEOUT`",
    State.RECEIVING: "a request is under way, and its body is still coming",
    State.RESPONDING: "a request has come whole, and its response is owed",
    State.DISCARDING: "the response is written; the short rest of the body is discarded; `HEADER_TIMEOUT`",
    State.PAGE: "a page of the gateway's own is served",
    State.LINGERING: "our side is closed; what comes is discarded, so that the response is read (RFC 9112 §9.6)",
    State.CLOSING: "what is left of the response is sent, then the connection ends",
    State.TUNNEL: "a WebSocket, whose bytes pass unread, or HTTP/2, which has states of its own",
    State.CLOSED: "gone",
}
_OPEN: Final = (State.IDLE, State.HEAD, State.RECEIVING, State.RESPONDING, State.DISCARDING, State.PAGE)
_STEPS: Final[dict[tuple[State, Event], State]] = {
    (State.IDLE, Event.HEAD_BEGUN): State.HEAD,
    **{(state, Event.REQUEST): State.RESPONDING for state in (State.IDLE, State.HEAD)},
    **{(state, Event.REQUEST_WITH_BODY): State.RECEIVING for state in (State.IDLE, State.HEAD)},
    **{(state, Event.PAGE_BEGUN): State.PAGE for state in (State.IDLE, State.HEAD)},
    (State.RECEIVING, Event.BODY_ENDED): State.RESPONDING,
    (State.RECEIVING, Event.RESPONSE_ENDED): State.DISCARDING,
    (State.DISCARDING, Event.BODY_ENDED): State.IDLE,
    (State.RESPONDING, Event.RESPONSE_ENDED): State.IDLE,
    (State.PAGE, Event.PAGE_ENDED): State.IDLE,
    **{
        (state, Event.UPGRADED): State.TUNNEL
        for state in (State.IDLE, State.HEAD, State.RECEIVING, State.RESPONDING, State.PAGE)
    },
    **{(state, Event.CLOSE): State.CLOSING for state in (*_OPEN, State.LINGERING, State.CLOSING)},
    **{(state, Event.CLOSE_UNREAD): State.LINGERING for state in _OPEN},
    **{(state, Event.LOST): State.CLOSED for state in State},
}
TABLE: Final = StateTable("a connection", _MEANING, Event, _STEPS, Event.LOST)
NEXT: Final = TABLE.next

BUSY: Final = frozenset(State) - {State.IDLE, State.CLOSED, State.TUNNEL}
"""A request has begun to come that has no whole response yet, or the client is still taking that."""

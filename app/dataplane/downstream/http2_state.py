"""The states of a client's HTTP/2 connection, in one table (RFC 9113 §§3.4, 5.1, 6.8).

Streams have a life of their own; of the connection only whether there are any.
"""

from enum import IntEnum
from typing import Final

from app.dataplane.downstream.state_table import StateTable

__all__ = ["NEXT", "TABLE", "Event", "State"]


class State(IntEnum):
    """What a connection is doing."""

    PREFACE = 0
    IDLE = 1
    ACTIVE = 2
    LAST_STREAMS = 3
    CLOSING = 4
    CLOSED = 5


class Event(IntEnum):
    """What happens to a connection."""

    PREFACE_READ = 0
    STREAM_OPENED = 1
    LAST_STREAM_CLOSED = 2
    GOAWAY = 3
    CLOSE = 4
    LOST = 5


_MEANING: Final = {
    State.PREFACE: "the client's preface has not come whole; `HEADER_TIMEOUT`",
    State.IDLE: "no stream is open; `KEEP_ALIVE_TIMEOUT`",
    State.ACTIVE: "streams are open, each with its own deadline",
    State.LAST_STREAMS: "GOAWAY named the last stream: those up to it go on, later ones are ignored",
    State.CLOSING: "GOAWAY is written; what is left is sent, what comes is discarded, then the connection ends",
    State.CLOSED: "gone",
}
_STEPS: Final[dict[tuple[State, Event], State]] = {
    (State.PREFACE, Event.PREFACE_READ): State.IDLE,
    (State.IDLE, Event.STREAM_OPENED): State.ACTIVE,
    (State.ACTIVE, Event.LAST_STREAM_CLOSED): State.IDLE,
    (State.ACTIVE, Event.GOAWAY): State.LAST_STREAMS,
    (State.LAST_STREAMS, Event.LAST_STREAM_CLOSED): State.CLOSING,
    **{(state, Event.CLOSE): State.CLOSING for state in State if state is not State.CLOSED},
    **{(state, Event.LOST): State.CLOSED for state in State},
}
TABLE: Final = StateTable("an HTTP/2 connection", _MEANING, Event, _STEPS, Event.LOST)
NEXT: Final = TABLE.next

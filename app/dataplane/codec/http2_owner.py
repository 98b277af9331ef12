"""Who owns an HTTP/2 connection's protocol state, and what it learns and sets, whatever library speaks it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

__all__ = ["NOBODY", "Pairs", "SessionFault", "SessionLimits", "SessionOwner"]

Pairs = Sequence[tuple[bytes, bytes]]
"""Fields as HTTP/2 has them: pseudo-fields first, names in lower case (RFC 9113 §8.2)."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """`max_streams`: of the peer's, at once. `max_head_bytes`: of one head as RFC 9113 §6.5.2 counts it, 32 for each
    field besides its bytes; a larger one ends the connection.

    `stream_window_bytes`, `connection_window_bytes`: what the peer may send before anything of it is consumed.
    """

    max_streams: int
    max_head_bytes: int
    stream_window_bytes: int
    connection_window_bytes: int


@dataclass(frozen=True, slots=True)
class SessionFault:
    """Why a connection ended early. `by_peer`: its GOAWAY said so; else it broke the protocol, or a bound of ours:
    that of a head where `large_head` says so."""

    error_code: int
    detail: str
    by_peer: bool = False
    large_head: bool = False


class SessionOwner(Protocol):
    """Is called from within `receive` and `output`, of each stream in the order of its frames."""

    __slots__ = ()

    def on_request(self, stream_id: int, pairs: Pairs, end: bool) -> None: ...
    def on_response(self, stream_id: int, pairs: Pairs, end: bool) -> None: ...
    def on_interim(self, stream_id: int, pairs: Pairs) -> None: ...
    def on_data(self, stream_id: int, data: bytes, end: bool) -> None:
        """`data`, maybe of several frames, counts against the windows until it is given to `consumed`."""
        ...

    def on_trailers(self, stream_id: int, pairs: Pairs) -> None:
        """They end the message."""
        ...

    def on_stream_reset(self, stream_id: int, error_code: int) -> None:
        """By the peer. `on_stream_closed` follows."""
        ...

    def on_stream_closed(self, stream_id: int, error_code: int) -> None:
        """Nothing more comes or goes on it; what was not consumed is. Not NO_ERROR and no `on_stream_reset` before:
        the peer's message was malformed (or it was reset from here)."""
        ...

    def on_malformed_head(self, stream_id: int, error_code: int) -> None:
        """A request that never became one, and was reset (RFC 9113 §8.1.1): there was no `on_request` for it."""
        ...

    def on_settings(self) -> None:
        """`peer_max_streams` and `peer_takes_websockets` are known, or changed."""
        ...

    def on_ping_acknowledged(self) -> None: ...
    def on_goaway(self, last_stream_id: int, error_code: int) -> None:
        """The peer takes no more streams, and has not processed those above `last_stream_id` (RFC 9113 §6.8)."""
        ...


class _Nobody(SessionOwner):
    """Hears nothing."""

    __slots__ = ()

    def on_request(self, stream_id: int, pairs: Pairs, end: bool) -> None: ...
    def on_response(self, stream_id: int, pairs: Pairs, end: bool) -> None: ...
    def on_interim(self, stream_id: int, pairs: Pairs) -> None: ...
    def on_data(self, stream_id: int, data: bytes, end: bool) -> None: ...
    def on_trailers(self, stream_id: int, pairs: Pairs) -> None: ...
    def on_stream_reset(self, stream_id: int, error_code: int) -> None: ...
    def on_stream_closed(self, stream_id: int, error_code: int) -> None: ...
    def on_malformed_head(self, stream_id: int, error_code: int) -> None: ...
    def on_settings(self) -> None: ...
    def on_ping_acknowledged(self) -> None: ...
    def on_goaway(self, last_stream_id: int, error_code: int) -> None: ...


NOBODY: Final[SessionOwner] = _Nobody()
"""Of a session whose connection is gone."""

"""Two ends of an HTTP/2 connection without a socket, and one end that is driven by frames."""

from collections.abc import Iterable
from typing import Any

from app.dataplane.codec.http2_owner import Pairs, SessionFault, SessionLimits
from app.dataplane.codec.http2_session import Http2Session
from tests.fakes.http2_frames import PREFACE, Frame, frames, settings

LIMITS = SessionLimits(
    max_streams=100,
    max_head_bytes=32 * 1024,
    stream_window_bytes=64 * 1024,
    connection_window_bytes=1024 * 1024,
)
READ_BYTES = 64 * 1024


class Calls:
    """An owner that writes down what it is called with."""

    def __init__(self) -> None:
        self.made: list[tuple[Any, ...]] = []

    def take(self) -> list[tuple[Any, ...]]:
        made, self.made = self.made, []
        return made

    def on_request(self, stream_id: int, pairs: Pairs, end: bool) -> None:
        self.made.append(("request", stream_id, [tuple(pair) for pair in pairs], end))

    def on_response(self, stream_id: int, pairs: Pairs, end: bool) -> None:
        self.made.append(("response", stream_id, [tuple(pair) for pair in pairs], end))

    def on_interim(self, stream_id: int, pairs: Pairs) -> None:
        self.made.append(("interim", stream_id, [tuple(pair) for pair in pairs]))

    def on_data(self, stream_id: int, data: bytes, end: bool) -> None:
        self.made.append(("data", stream_id, data, end))

    def on_trailers(self, stream_id: int, pairs: Pairs) -> None:
        self.made.append(("trailers", stream_id, [tuple(pair) for pair in pairs]))

    def on_stream_reset(self, stream_id: int, error_code: int) -> None:
        self.made.append(("reset", stream_id, error_code))

    def on_stream_closed(self, stream_id: int, error_code: int) -> None:
        self.made.append(("closed", stream_id, error_code))

    def on_malformed_head(self, stream_id: int, error_code: int) -> None:
        self.made.append(("malformed", stream_id, error_code))

    def on_settings(self) -> None:
        self.made.append(("settings",))

    def on_ping_acknowledged(self) -> None:
        self.made.append(("ping acknowledged",))

    def on_goaway(self, last_stream_id: int, error_code: int) -> None:
        self.made.append(("goaway", last_stream_id, error_code))


class End:
    """One session, its owner's calls, and the time it is told."""

    def __init__(self, is_server: bool, limits: SessionLimits = LIMITS) -> None:
        self.calls = Calls()
        self.session = Http2Session(self.calls, is_server, limits)
        self.now_s = 0.0

    @property
    def fault(self) -> SessionFault:
        """There is one by now."""
        fault = self.session.fault
        assert fault is not None
        return fault

    def receive(self, received: bytes) -> None:
        self.session.receive(received, self.now_s)

    def output(self) -> bytes:
        """All of it that can be written."""
        promised, pieces = self.session.has_output, []
        while piece := self.session.output(READ_BYTES):
            pieces.append(piece)
        assert promised or not pieces, "it did not say that there was output"
        return b"".join(pieces)

    def exchange(self, received: bytes = b"") -> list[Frame]:
        """The frames that follow on what is received."""
        if received:
            self.receive(received)
        return list(frames(self.output()))


def server(limits: SessionLimits = LIMITS, client_settings: dict[int, int] | None = None) -> End:
    """One that a client of frames has greeted already."""
    end = End(is_server=True, limits=limits)
    end.exchange(PREFACE + settings(client_settings))
    end.exchange(b"\0\0\0\4\1\0\0\0\0")  # its settings are acknowledged
    end.calls.take()
    return end


def pair(server_limits: SessionLimits = LIMITS, client_limits: SessionLimits = LIMITS) -> tuple[End, End]:
    """Server and client, greeted."""
    ends = End(is_server=True, limits=server_limits), End(is_server=False, limits=client_limits)
    carry(*ends)
    for end in ends:
        end.calls.take()
    return ends


def carry(one: End, other: End) -> None:
    """All that either writes, until both are silent."""
    silent = False
    while not silent:
        there, back = one.output(), other.output()
        if there:
            other.receive(there)
        if back:
            one.receive(back)
        silent = not there and not back


def names(calls: Iterable[tuple[Any, ...]]) -> list[str]:
    return [call[0] for call in calls]

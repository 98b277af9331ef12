"""What libnghttp2 understood of the peer's frames, as calls to the connection's owner: the adapter's receiving half."""

from typing import Final

from ngh2 import (
    Connection,
    ConnectionClosed,
    DataReceived,
    GoAwayReceived,
    InformationalResponseReceived,
    NGH2Error,
    PingAcknowledged,
    RequestReceived,
    ResponseReceived,
    SettingsAcknowledged,
    SettingsReceived,
    StreamClosed,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from ngh2.events import Event

from app.dataplane.codec.http2_abuse import MAX_RESETS
from app.dataplane.codec.http2_error import NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, error_name
from app.dataplane.codec.http2_owner import NOBODY, SessionFault, SessionOwner

__all__ = [
    "ASSUMED_STREAMS",
    "CREDIT_FOR_DATA",
    "CREDIT_SHIFT",
    "ENABLE_CONNECT_PROTOCOL",
    "MAX_CONCURRENT_STREAMS",
    "UNLIMITED",
    "PeerEvents",
]

UNLIMITED: Final = 2**31 - 1
ASSUMED_STREAMS: Final = 100
"""Of a peer whose SETTINGS have not come yet; RFC 9113 §6.5.2 recommends no fewer."""
MAX_CONCURRENT_STREAMS: Final = 3  # RFC 9113 §6.5.2
ENABLE_CONNECT_PROTOCOL: Final = 8  # RFC 8441 §3
# Window updates that a piece of data sent explains: the stream's and the connection's, twice; one more for each 4 KiB
CREDIT_FOR_DATA: Final = 4
CREDIT_SHIFT: Final = 12

# Compiled, a class of another package is looked up by its name each time
_CLOSED: Final[type[StreamClosed]] = StreamClosed
_DATA: Final[type[DataReceived]] = DataReceived
_REQUEST: Final[type[RequestReceived]] = RequestReceived
_RESET: Final[type[StreamReset]] = StreamReset
_RESPONSE: Final[type[ResponseReceived]] = ResponseReceived
_TRAILERS: Final[type[TrailersReceived]] = TrailersReceived
_WINDOW: Final[type[WindowUpdated]] = WindowUpdated


class PeerEvents:
    """One connection's. `streams`: those that run, with the bytes that came and were not consumed. `ended`: no more
    frames come or go; `fault`: early, and why.

    `resets`, `control_frames`: of the peer, since they were last set to 0 (see `http2_abuse`). `window_credit`: window
    updates that what was sent explains.
    """

    __slots__ = (
        "_bounds_resets",
        "_connection",
        "_has_settings",
        "_max_streams",
        "_owner",
        "_peer_fault",
        "control_frames",
        "ended",
        "explained_resets",
        "fault",
        "last_stream_id",
        "peer_max_streams",
        "peer_takes_websockets",
        "resets",
        "streams",
        "window_credit",
    )

    def __init__(
        self, connection: Connection, owner: SessionOwner, max_streams: int, bounds_resets: bool
    ) -> None:
        """`bounds_resets`: more than MAX_RESETS between two settings of `resets` to 0 are abuse."""
        self._connection = connection
        self._owner = owner
        self._max_streams = max_streams
        self._bounds_resets = bounds_resets
        self._has_settings = False
        self.window_credit = ASSUMED_STREAMS
        self._peer_fault: SessionFault | None = None
        self.streams: dict[int, int] = {}
        self.explained_resets: set[int] = set()
        """Streams that end early by our will, or by a frame of the peer that is counted already."""
        self.last_stream_id = 0
        self.resets = 0
        self.control_frames = 0
        self.ended = False
        self.fault: SessionFault | None = None
        self.peer_max_streams = ASSUMED_STREAMS
        self.peer_takes_websockets = False

    def release(self) -> None:
        """Nobody is called any more."""
        self._owner = NOBODY

    def take(self) -> None:
        """Make the calls for all that came. Data is gathered by stream, since frames may be of one byte."""
        events = self._connection.events()
        if not events:
            return
        held: dict[int, list[bytes]] = {}
        owner = self._owner
        for event in events:
            # The library's classes have no subclasses, and this is asked for each event
            if type(event) is _DATA:
                self._take_data(event, held)
            elif type(event) is _CLOSED:
                self._take_closed(event, held)
            elif type(event) is _REQUEST:
                self._take_request(event)
            elif type(event) is _RESPONSE:
                owner.on_response(event.stream_id, event.headers, event.end_stream)
            elif type(event) is _WINDOW:
                if self.window_credit > 0:
                    self.window_credit -= 1
                else:
                    self.control_frames += 1
            elif type(event) is _TRAILERS:
                self._take_trailers(event, held)
            elif type(event) is _RESET:
                self._take_reset(event, held)
                if self._bounds_resets and self.resets > MAX_RESETS:
                    break  # abuse; requests behind it would only be begun to be ended
            else:
                self._take_rarer(event)
        for stream_id, pieces in held.items():
            owner.on_data(stream_id, b"".join(pieces), False)

    def consumed(self, stream_id: int, count_bytes: int) -> None:
        """Credit for data that was taken."""
        left = self.streams.get(stream_id)
        if left and count_bytes:
            self.streams[stream_id] = left - count_bytes
            self._give_credit(stream_id, count_bytes)

    def _take_request(self, event: RequestReceived) -> None:
        stream_id = event.stream_id
        self.last_stream_id = stream_id
        self.window_credit += CREDIT_FOR_DATA
        if len(self.streams) < self._max_streams:
            self.streams[stream_id] = 0
            self._owner.on_request(stream_id, event.headers, event.end_stream)
            return
        self.resets += 1
        self.explained_resets.add(stream_id)
        try:
            self._connection.reset_stream(stream_id, REFUSED_STREAM)
        except NGH2Error:
            return

    def _take_data(self, event: DataReceived, held: dict[int, list[bytes]]) -> None:
        stream_id, data, end = event.stream_id, event.data, event.end_stream
        unconsumed = self.streams.get(stream_id)
        if unconsumed is None:  # above our bound, or ended already
            self._give_credit(stream_id, len(data))
            return
        if data:
            self.streams[stream_id] = unconsumed + len(data)
        if end:
            pieces = held.pop(stream_id, None) if held else None
            if pieces is not None:
                data = b"".join([*pieces, data])
            self._owner.on_data(stream_id, data, True)
        elif not data:
            self.control_frames += 1
        elif stream_id in held:
            held[stream_id].append(data)
        else:
            held[stream_id] = [data]

    def _release(self, stream_id: int, held: dict[int, list[bytes]]) -> None:
        """What comes next on the stream comes behind its data."""
        pieces = held.pop(stream_id, None)
        if pieces is not None:
            self._owner.on_data(stream_id, b"".join(pieces), False)

    def _take_trailers(self, event: TrailersReceived, held: dict[int, list[bytes]]) -> None:
        stream_id = event.stream_id
        if stream_id in self.streams:
            self._release(stream_id, held)
            self._owner.on_trailers(stream_id, event.headers)

    def _take_reset(self, event: StreamReset, held: dict[int, list[bytes]]) -> None:
        stream_id = event.stream_id
        self.resets += 1
        if stream_id in self.streams:
            self.explained_resets.add(stream_id)
            self._release(stream_id, held)
            self._owner.on_stream_reset(stream_id, event.error_code)

    def _take_closed(self, event: StreamClosed, held: dict[int, list[bytes]]) -> None:
        stream_id, error_code = event.stream_id, event.error_code
        if stream_id in self.explained_resets:
            self.explained_resets.discard(stream_id)
        elif error_code != NO_ERROR:
            self.resets += 1
        left = self.streams.get(stream_id)
        if left is not None:
            if held:
                self._release(stream_id, held)
                left = self.streams[stream_id]
            del self.streams[stream_id]
            self._owner.on_stream_closed(stream_id, error_code)
            if left:
                self._give_credit(stream_id, left)
        elif error_code == PROTOCOL_ERROR:
            self.last_stream_id = stream_id
            self._owner.on_malformed_head(stream_id, error_code)

    def _take_rarer(self, event: Event) -> None:
        owner = self._owner
        if isinstance(event, InformationalResponseReceived):
            owner.on_interim(event.stream_id, event.headers)
        elif isinstance(event, SettingsReceived):
            self.control_frames += 1
            self._take_settings(dict(event.settings))
        elif isinstance(event, PingAcknowledged):
            owner.on_ping_acknowledged()
        elif isinstance(event, GoAwayReceived):
            if event.error_code != NO_ERROR:
                self._peer_fault = SessionFault(event.error_code, _text(event.debug_data), by_peer=True)
            owner.on_goaway(event.last_stream_id, event.error_code)
        elif isinstance(event, ConnectionClosed):
            self.ended = True
            self.fault = self._peer_fault
            if self.fault is None and event.error_code != NO_ERROR:
                detail = _text(event.debug_data) or error_name(event.error_code)
                self.fault = SessionFault(event.error_code, detail)
        elif not isinstance(event, SettingsAcknowledged):
            self.control_frames += 1  # PING, PRIORITY_UPDATE, ALTSVC, ORIGIN

    def _take_settings(self, settings: dict[int, int]) -> None:
        if MAX_CONCURRENT_STREAMS in settings or not self._has_settings:
            self.peer_max_streams = min(settings.get(MAX_CONCURRENT_STREAMS, UNLIMITED), UNLIMITED)
        self._has_settings = True
        if ENABLE_CONNECT_PROTOCOL in settings:
            self.peer_takes_websockets = settings[ENABLE_CONNECT_PROTOCOL] == 1
        self._owner.on_settings()

    def _give_credit(self, stream_id: int, count_bytes: int) -> None:
        if count_bytes:
            try:
                self._connection.acknowledge_received_data(count_bytes, stream_id)
            except NGH2Error:
                return


def _text(debug: bytes) -> str:
    """What a GOAWAY says, fit for a log."""
    return "".join(letter if letter.isprintable() else "?" for letter in debug[:200].decode("latin-1"))

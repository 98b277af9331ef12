"""One HTTP/2 connection without its socket: bytes in, calls out; calls in, bytes out (RFC 9113).

The adapter of `ngh2`, libnghttp2 in Python; `http2_events` is its receiving half, and nobody else knows the library.
What it decides by itself says docs/data-path.md; tests/contracts/test_http2_session*.py holds it, which any other
implementation has to pass.
"""

from typing import Final

from ngh2 import (
    Configuration,
    Connection,
    DenialOfServiceError,
    NGH2Error,
    Priority,
    Role,
    pack_settings_payload,
)

from app.dataplane.codec.http2_abuse import NO_FRAMES, counted
from app.dataplane.codec.http2_error import (
    CANCEL,
    ENHANCE_YOUR_CALM,
    INTERNAL_ERROR,
    NO_ERROR,
    PROTOCOL_ERROR,
)
from app.dataplane.codec.http2_events import (
    ASSUMED_STREAMS,
    CREDIT_FOR_DATA,
    CREDIT_SHIFT,
    ENABLE_CONNECT_PROTOCOL,
    MAX_CONCURRENT_STREAMS,
    UNLIMITED,
    PeerEvents,
)
from app.dataplane.codec.http2_head_watch import HeadWatch
from app.dataplane.codec.http2_owner import Pairs, SessionFault, SessionLimits, SessionOwner
from app.dataplane.codec.http2_turns import FRAME_BYTES, UploadTurns

__all__ = ["Http2Session"]

PAIR_OVERHEAD_BYTES: Final = 32  # RFC 9113 §6.5.2, for each field of a header list
PSEUDO_FIELDS: Final = 5
MAX_SENT_HEAD_BYTES: Final = 1024 * 1024
MAX_DEBUG_BYTES: Final = 200

# RFC 9113 §6.5.2, RFC 9218 §2.1
_ENABLE_PUSH: Final = 2
_INITIAL_WINDOW_SIZE: Final = 4
_MAX_HEADER_LIST_SIZE: Final = 6
_NO_RFC7540_PRIORITIES: Final = 9
_LARGE_HEAD: Final = "received header list exceeds"  # how the library begins to say so
_FAIR: Final = Priority(urgency=3, incremental=True)


class Http2Session:
    """`fault`: why the connection is over early. `over`: once all of `output` is written, the socket is to be closed.

    Sans-I/O: the owner of the socket passes `receive` what came, and writes what `output` gives: after each
    `receive`, and after calls that send. Calls for a stream that is gone do nothing: its
    `on_stream_closed` is on its way.
    """

    __slots__ = (
        "_connection",
        "_events",
        "_frames",
        "_greeting",
        "_is_server",
        "_last_words",
        "_mid_frame",
        "_turns",
        "_watch",
        "fault",
        "over",
    )

    def __init__(self, owner: SessionOwner, is_server: bool, limits: SessionLimits) -> None:
        connection = Connection(Role.SERVER if is_server else Role.CLIENT, _configuration(limits))
        connection.initiate_connection(_settings(is_server, limits, UNLIMITED))
        connection.set_local_window_size(limits.connection_window_bytes)
        self._connection = connection
        self._events = PeerEvents(connection, owner, limits.max_streams, is_server)
        self._turns = None if is_server else UploadTurns(connection)
        self._watch = HeadWatch()
        self._is_server = is_server
        self._greeting = _greeting(connection, limits) if is_server else b""
        self._frames = NO_FRAMES
        self._last_words = b""
        self._mid_frame = False
        self.fault: SessionFault | None = None
        self.over = False

    @property
    def peer_max_streams(self) -> int:
        """How many streams may be open at once by the peer's will."""
        return self._events.peer_max_streams

    @property
    def peer_takes_websockets(self) -> bool:
        """By extended CONNECT (RFC 8441)."""
        return self._events.peer_takes_websockets

    @property
    def open_head(self) -> int:
        """A server's: the preface, or a head, has come in part only; 0: none. Each has a number of its own."""
        return self._watch.open

    def release(self) -> None:
        """The connection is gone: its owner hears nothing any more, and no cycle is left to the collector."""
        self._events.release()

    def receive(self, data: bytes, now_s: float) -> None:
        """What the peer sent: makes the owner's calls."""
        if self.fault is not None or self.over:
            return
        if self._is_server:
            self._watch.feed(data)
        try:
            self._connection.receive_data(data)
        except NGH2Error as error:
            abuse = isinstance(error, DenialOfServiceError)
            self._break(ENHANCE_YOUR_CALM if abuse else PROTOCOL_ERROR, str(error))
            self._events.take()
            return
        events = self._events
        events.take()
        events.control_frames += self._watch.ignored_frames
        self._watch.ignored_frames = 0
        if self._is_server and (events.resets or events.control_frames):
            self._frames = counted(self._frames, events.resets, events.control_frames, now_s)
            events.resets = events.control_frames = 0
            if self._frames.fault:
                self.terminate(ENHANCE_YOUR_CALM, self._frames.fault)

    @property
    def has_output(self) -> bool:
        """Whether `output` has bytes to give, or the end of the connection to find."""
        if self._greeting or self._last_words or self.over or self.fault is not None or self._events.ended:
            return True
        try:
            return self._connection.want_write or (self._turns is not None and bool(self._turns.uploads))
        except NGH2Error:
            return True

    def output(self, max_bytes: int) -> bytes:
        """The next bytes to be written, at most `max_bytes`; where it is fewer, there are no more now."""
        if self._greeting:
            return self._greet(max_bytes)
        if self._last_words or self.over:
            words, self._last_words = self._last_words, b""
            self.over = True
            return words
        try:
            turns = self._turns
            if turns is not None and turns.uploads:
                data = self._output_in_turns(turns, max_bytes)
            else:
                data = self._connection.data_to_send(max_bytes)
        except NGH2Error as error:
            self._break(INTERNAL_ERROR, str(error))
            self._events.take()
            return self.output(max_bytes)
        self._mid_frame = len(data) == max_bytes
        events = self._events
        events.take()
        if events.ended:
            self.over = True
            if self.fault is None:
                self.fault = events.fault
        return data

    def _greet(self, max_bytes: int) -> bytes:
        greeting, self._greeting = self._greeting[:max_bytes], self._greeting[max_bytes:]
        return greeting if self._greeting else greeting + self.output(max_bytes - len(greeting))

    def _output_in_turns(self, turns: UploadTurns, max_bytes: int) -> bytes:
        pieces: list[bytes] = []
        left = max_bytes
        while left:
            turns.next_round()
            data = self._connection.data_to_send(left)
            if not data:
                break
            pieces.append(data)
            left -= len(data)
        return b"".join(pieces)

    def send_request(self, pairs: Pairs, end: bool) -> int:
        """A client's; returns the stream's number, 0 where the connection takes no more requests."""
        try:
            stream_id = self._connection.send_request(pairs, end_stream=end)
        except NGH2Error:
            return 0
        self._events.streams[stream_id] = 0
        return stream_id

    def send_head(self, stream_id: int, pairs: Pairs, end: bool) -> None:
        """A server's, of the final response."""
        try:
            self._connection.send_response(stream_id, pairs, end_stream=end)
        except NGH2Error:
            return

    def send_interim(self, stream_id: int, pairs: Pairs) -> None:
        """A server's, of a 1xx response."""
        try:
            self._connection.send_informational_response(stream_id, pairs)
        except NGH2Error:
            return

    def send_data(self, stream_id: int, data: bytes, end: bool = False) -> None:
        """Queued until the peer's windows let it go: see `queued_bytes`."""
        self._events.window_credit += CREDIT_FOR_DATA + (len(data) >> CREDIT_SHIFT)
        try:
            if self._turns is not None:
                self._turns.send(stream_id, data, end)
            else:
                self._connection.send_data(stream_id, data, end_stream=end)
        except NGH2Error:
            return

    def send_trailers(self, stream_id: int, pairs: Pairs) -> None:
        """They end the message, behind all its data."""
        try:
            if self._turns is not None:
                self._turns.send_trailers(stream_id, pairs)
            else:
                self._connection.send_trailers(stream_id, pairs)
        except NGH2Error:
            return

    def be_fair(self, stream_id: int) -> None:
        """A server's, of a response in several pieces: it shares the connection with others of its kind by frames.

        Without it the library sends all of one response's data that is there before the next one's.
        """
        try:
            self._connection.set_stream_priority(stream_id, _FAIR, ignore_client_signal=True)
        except NGH2Error:
            return

    def reset(self, stream_id: int, error_code: int = CANCEL) -> None:
        """End the stream now; `on_stream_closed` follows with `output`."""
        if stream_id not in self._events.streams:
            return
        self._events.explained_resets.add(stream_id)
        if self._turns is not None:
            self._turns.drop(stream_id)
        try:
            self._connection.reset_stream(stream_id, error_code)
        except NGH2Error:
            return

    def consumed(self, stream_id: int, count_bytes: int) -> None:
        """The other side took these bytes of `on_data`: the peer may send as many more."""
        self._events.consumed(stream_id, count_bytes)

    def queued_bytes(self, stream_id: int) -> int:
        """Of its data that waits for the peer's windows, or for `output`."""
        queued = self._connection.queued_body_size(stream_id)
        return queued if self._turns is None else queued + self._turns.waiting_bytes(stream_id)

    def queued_total_bytes(self) -> int:
        """Of all streams."""
        queued = self._connection.queued_body_size()
        return queued if self._turns is None else queued + self._turns.total_waiting_bytes()

    def ping(self) -> None:
        """`on_ping_acknowledged` follows once the peer has read all that was sent before."""
        try:
            self._connection.ping()
        except NGH2Error:
            return

    def shutdown_notice(self) -> None:
        """A server's: the peer shall open no more streams; those on their way are served still (RFC 9113 §6.8)."""
        try:
            self._connection.send_shutdown_notice()
        except NGH2Error:
            return

    def goaway(self, error_code: int = NO_ERROR) -> None:
        """No stream beyond those that came is served; `over` when they have ended."""
        try:
            self._connection.send_goaway(error_code)
        except NGH2Error:
            return

    def terminate(self, error_code: int, detail: str) -> None:
        """End the connection now, with all its streams. `detail` goes to the peer with its GOAWAY."""
        if self.fault is not None or self.over:
            return
        self.fault = SessionFault(error_code, detail)
        try:
            self._connection.send_goaway(error_code, debug_data=detail.encode()[:MAX_DEBUG_BYTES])
            self._connection.terminate_connection(error_code)
        except NGH2Error:  # the peer ended it by what is just being taken
            self.over = True

    def _break(self, error_code: int, detail: str) -> None:
        """The library gave the connection up without a word: say why, unless that would land inside a frame."""
        detail = detail.removeprefix("HTTP/2 engine error: ")
        self.fault = SessionFault(error_code, detail, large_head=detail.startswith(_LARGE_HEAD))
        self.over = self._mid_frame
        if not self._mid_frame:
            self._last_words = _goaway(self._events.last_stream_id, error_code, detail)


def _configuration(limits: SessionLimits) -> Configuration:
    max_list_bytes = limits.max_head_bytes + PSEUDO_FIELDS * PAIR_OVERHEAD_BYTES
    return Configuration(
        auto_window_update=False,
        peer_max_concurrent_streams=ASSUMED_STREAMS,
        max_send_header_block_length=MAX_SENT_HEAD_BYTES,
        stream_reset_rate_limit=(10_000, 10_000),  # ours is lower, and says why
        max_continuations=8 + limits.max_head_bytes // FRAME_BYTES,
        max_inbound_header_list_size=max_list_bytes,
        max_inbound_header_count=max_list_bytes
        // PAIR_OVERHEAD_BYTES,  # too many fields are a matter of their stream
    )


def _settings(is_server: bool, limits: SessionLimits, max_streams: int) -> dict[int, int]:
    settings = {
        _INITIAL_WINDOW_SIZE: limits.stream_window_bytes,
        _MAX_HEADER_LIST_SIZE: limits.max_head_bytes,
    }
    if is_server:
        settings[MAX_CONCURRENT_STREAMS] = max_streams
        settings[ENABLE_CONNECT_PROTOCOL] = 1
        settings[_NO_RFC7540_PRIORITIES] = 1
    else:
        settings[_ENABLE_PUSH] = 0
    return settings


def _greeting(connection: Connection, limits: SessionLimits) -> bytes:
    """A server's first bytes, in which SETTINGS name our bound of streams.

    The library is given none: it would end the connection at the first stream above, where RFC 9113 §5.1.2 has that
    stream refused, and before the peer's acknowledgement it would not say which streams it refused.
    """
    data = connection.data_to_send()
    payload = pack_settings_payload(_settings(True, limits, limits.max_streams))
    return data[:9] + payload + data[9 + len(payload) :]


def _goaway(last_stream_id: int, error_code: int, detail: str) -> bytes:
    """RFC 9113 §6.8."""
    debug = detail.encode()[:MAX_DEBUG_BYTES]
    payload = b"%b%b%b" % (last_stream_id.to_bytes(4, "big"), error_code.to_bytes(4, "big"), debug)
    return b"%b\x07\x00\x00\x00\x00\x00%b" % (len(payload).to_bytes(3, "big"), payload)

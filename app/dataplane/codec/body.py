"""Bodies between the two connections: chunked coding read and written, and what a retry needs of a request's.

RFC 9112 §7.1, strict: sizes are hexadecimal digits only, lines end in CRLF, and what comes beside data is bounded.
"""

import re
from typing import Final, Protocol

from app.dataplane.codec.field_lines import Field, FieldLines
from app.dataplane.codec.fields import allowed_trailer

__all__ = ["HIGH_WATER_BYTES", "BodyReceiver", "ChunkReader", "RequestBody", "chunk", "last_chunk"]

HIGH_WATER_BYTES: Final = 64 * 1024
"""Of a body that has no connection yet; also what is kept of one for a retry."""

MAX_SIZE_DIGITS: Final = 15  # a size that fits in 60 bits: longer ones overflow other readers
_CR: Final = 13  # a number: to look for bytes in bytes takes 0.3 µs, this 0.02
_HEX: Final = b"0123456789abcdefABCDEF"
# RFC 9112 §7.1.1, without the "bad whitespace" that no sender may generate; each part begins with what cannot stand
# in the one before it, so the time is linear
_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_EXTENSIONS: Final = re.compile(rb"(?:;%b(?:=(?:%b|%b))?)*" % (_TOKEN, _TOKEN, _QUOTED))
_IN_THE_HEAD_ONLY: Final = frozenset({b"content-length", b"transfer-encoding"})

# Written out: Final numbers are constants of the compiled build, others a look-up each time they are named
_SIZE: Final = 0
_DATA: Final = 1
_DATA_END: Final = 2
_TRAILERS: Final = 3
_DONE: Final = 4


class BodyReceiver(Protocol):
    """What serves a request, as its body comes. `on_request_end` and `on_request_malformed` are the last call."""

    __slots__ = ()

    def on_request_body(self, data: bytes) -> None: ...
    def on_request_end(self, trailers: list[Field]) -> None: ...
    def on_request_malformed(self, detail: str) -> None: ...


def chunk(data: bytes) -> bytes:
    """`data` (not empty) as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def last_chunk(trailers: list[Field]) -> bytes:
    """The end of a chunked body, with the trailer fields that may pass."""
    if not trailers:
        return b"0\r\n\r\n"
    return b"0\r\n%b\r\n" % b"".join([field.line for field in trailers if allowed_trailer(field.name)])


class ChunkReader:
    """Decodes one chunked body. `fault`: why it is malformed, "" while it is not; then nothing more is read.

    `max_bare_bytes` bounds what comes between two pieces of data: sizes, extensions, trailers.
    """

    __slots__ = (
        "_bare_bytes",
        "_fields",
        "_left_bytes",
        "_line",
        "_max_bare_bytes",
        "_state",
        "fault",
        "trailers",
    )

    def __init__(self, fields: FieldLines, max_bare_bytes: int) -> None:
        self._fields = fields
        self._max_bare_bytes = max_bare_bytes
        self._state = _SIZE
        self._left_bytes = 0
        self._bare_bytes = 0
        self._line = b""
        self.trailers: list[Field] = []
        self.fault = ""

    @property
    def complete(self) -> bool:
        return self._state == _DONE

    def read(self, data: bytes, at: int, out: list[bytes]) -> int:
        """Decode `data` from `at` on, appending data to `out`; returns where it stopped.

        It stops at the end of `data`, of the body, or at a fault.
        """
        end = len(data)
        while at < end and self._state != _DONE and not self.fault:
            if self._state == _DATA:
                stop = min(at + self._left_bytes, end)
                out.append(data[at:stop])
                self._left_bytes -= stop - at
                self._bare_bytes = 0
                at = stop
                if not self._left_bytes:
                    self._state = _DATA_END
            else:
                at = self._read_line(data, at)
        return at

    def _read_line(self, data: bytes, at: int) -> int:
        found = data.find(b"\n", at)
        stop = len(data) if found < 0 else found + 1
        self._bare_bytes += stop - at
        self._line = self._line + data[at:stop] if self._line else data[at:stop]
        line = self._line
        if self._bare_bytes > self._max_bare_bytes:
            self.fault = "too much that is neither chunk data nor its size"
        elif found >= 0:
            self._line = b""
            if line[-2:] != b"\r\n" or _CR in line[:-2]:
                self.fault = "a line of it does not end in CRLF"
            else:
                self._take_line(line[:-2])
        elif self._cannot_become_a_line(line):
            self.fault = "invalid chunk size" if self._state == _SIZE else "a chunk is longer than its size"
        return stop

    def _cannot_become_a_line(self, start: bytes) -> bool:
        """Noticed at once where that is possible: the rest might never come."""
        if self._state == _DATA_END:
            return start != b"\r"
        if self._state != _SIZE:
            return False
        size = start.partition(b";")[0].removesuffix(b"\r")
        return not size or bool(size.translate(None, _HEX)) or _CR in start[:-1]

    def _take_line(self, line: bytes) -> None:
        if self._state == _DATA_END:
            if line:
                self.fault = "a chunk is longer than its size"
            self._state = _SIZE
        elif self._state == _SIZE:
            self._take_size(line)
        elif not line:
            self._state = _DONE
        else:
            field = self._fields.read(line)
            if field is None or field.name in _IN_THE_HEAD_ONLY:
                self.fault = "a trailer is malformed"
            else:
                self.trailers.append(field)

    def _take_size(self, line: bytes) -> None:
        size, semicolon, extensions = line.partition(b";")
        digits = size.lstrip(b"0")
        if not size or size.translate(None, _HEX) or len(digits) > MAX_SIZE_DIGITS:
            self.fault = "invalid chunk size"
        elif semicolon and _EXTENSIONS.fullmatch(semicolon + extensions) is None:
            self.fault = "a chunk extension is malformed"
        else:
            self._left_bytes = int(size, 16)
            self._state = _DATA if self._left_bytes else _TRAILERS


class RequestBody:
    """A request's body on its way, whatever the protocols: held back while there is no connection.

    `length_bytes`: as announced, −1 where it was not. What was sent stays at hand (`replay`, as it came) up to
    HIGH_WATER_BYTES, for a retry; `replay` None: too much was sent. `trailers`: once it is `complete`.
    """

    __slots__ = ("complete", "length_bytes", "replay", "replay_bytes", "seen_bytes", "sent", "trailers")

    def __init__(self, length_bytes: int) -> None:
        self.length_bytes = length_bytes
        self.seen_bytes = 0
        self.complete = length_bytes == 0
        self.sent = False
        self.replay: list[bytes] | None = []
        self.replay_bytes = 0
        self.trailers: list[Field] = []

    @property
    def replayable(self) -> bool:
        return self.replay is not None

    def add(self, data: bytes) -> None:
        """Take what the client sent."""
        self.seen_bytes += len(data)
        if self.replay is not None:
            self.replay.append(data)
            self.replay_bytes += len(data)

    def end(self, trailers: list[Field]) -> None:
        """The client's message is complete."""
        self.trailers = trailers
        self.complete = True

    @property
    def is_large(self) -> bool:
        return self.replay_bytes > HIGH_WATER_BYTES

    def forget(self) -> None:
        """Sent, and too large to be sent again."""
        self.replay = None
        self.replay_bytes = 0

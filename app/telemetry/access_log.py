"""One JSON object a line for every request: collected as tuples, encoded in batches, written by a thread.

The data path pays one append. When `BATCH_ENTRIES` wait they are encoded; when `HANDED_BYTES` are, or at the
caller's `flush` every `FLUSH_PERIOD_S`, the thread gets them. It is woken seldom, because it then asks for
the interpreter's lock while the loop holds it. A sink that does not keep up costs lines, which are counted,
never a request.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias

import orjson

from app.telemetry.log_subject import SUBJECT_FIELDS, SubjectLines
from app.telemetry.log_turn import LogTurn
from app.telemetry.log_writer import LineWriter

__all__ = [
    "BATCH_ENTRIES",
    "FIELDS",
    "FLUSH_PERIOD_S",
    "HANDED_BYTES",
    "AccessLog",
    "Entry",
    "encode",
    "fields_table_markdown",
]

BATCH_ENTRIES: Final = 128  # 0.1 ms of the loop's time: larger batches show in the 99th percentile
HANDED_BYTES: Final = 384 * 1024  # some 1,000 lines
FLUSH_PERIOD_S: Final = 0.2
MAX_WAITING_BYTES: Final = 8 * 1024 * 1024

Entry: TypeAlias = tuple[
    float,  # ts: wall_s when the request's first byte came
    bytes,  # request_id
    int,  # status
    str,  # reason
    int,  # bytes_in
    int,  # bytes_out
    float,  # duration_ms
    float | None,  # upstream_ms
    int,  # attempts
    bytes | None,  # trace_id
    bytes,  # the end of its line, as `AccessLog.subjects` gives it
]
"""One request, in the order of `FIELDS`."""

FIELDS: Final = (
    ("ts", "when the request came, RFC 3339, UTC, milliseconds"),
    ("request_id", "`X-Request-ID`: the client's if it was sane, else made by the gateway"),
    (
        "status",
        "status of the response; 0 if the client left before one began; of gRPC the one that `grpc_status` counts as",
    ),
    ("reason", 'reason word of a rejection; "" for an upstream\'s own response'),
    ("bytes_in", "bytes of the request's body"),
    ("bytes_out", "bytes of the response's body"),
    ("duration_ms", "first byte of the request to last byte of the response"),
    ("upstream_ms", "the part of it spent on the upstream, all attempts; null without one"),
    ("attempts", "how often it was sent to an endpoint; 0 when rejected before"),
    ("trace_id", "W3C trace id, 32 hex digits; null without a trace"),
    *SUBJECT_FIELDS,
)

_MILLIS: Final = tuple(b'%03dZ","request_id":"' % millis for millis in range(1000))
_NUMBERS: Final = tuple(b"%d" % number for number in range(1000))
_DECIMALS: Final = tuple(b".%03d" % thousandths for thousandths in range(1000))
_NEVER_SENT: Final = b',"upstream_ms":null,"attempts":0,"trace_id":null,'
_QUOTE: Final = 0x22
_BACKSLASH: Final = 0x5C


class AccessLog:
    """`sink`: stdout, off, or a file to append to. Raises StartFault when that file cannot be opened.

    `turn`: of processes that share the sink. All methods belong to the loop's thread. `is_on` False: callers may skip
    making entries. `subjects` makes the end of an entry's line.
    """

    def __init__(
        self,
        sink: str,
        *,
        stdout_fd: int = 1,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
        turn: LogTurn | None = None,
    ) -> None:
        self.subjects = SubjectLines()
        self._entries: list[Entry] = []
        self._encoded: list[bytes] = []
        self._encoded_bytes = self._encoded_lines = 0
        self._closed = False
        self._writer: LineWriter | None = None
        if sink != "off":
            path = None if sink == "stdout" else sink
            self._writer = LineWriter(path, stdout_fd, max_waiting_bytes, turn)

    @property
    def is_on(self) -> bool:
        return self._writer is not None

    def write(self, entry: Entry) -> None:
        """Log one request; 0.1 µs and every 128th time a batch (0.5 to 0.7 µs a line)."""
        entries = self._entries
        entries.append(entry)
        if len(entries) >= BATCH_ENTRIES:
            self._encode()
            if self._encoded_bytes >= HANDED_BYTES:
                self._hand_over()

    def flush(self) -> None:
        """Hand all that was logged to the writer; does not wait for it."""
        self._encode()
        self._hand_over()

    def _encode(self) -> None:
        entries = self._entries
        if not entries:
            return
        self._entries = []
        if self._writer is None:
            return
        if self._closed or self._writer.is_full:
            self._writer.drop(len(entries))
            return
        lines = encode(entries)
        self._encoded.append(lines)
        self._encoded_bytes += len(lines)
        self._encoded_lines += len(entries)

    def _hand_over(self) -> None:
        if self._writer is None or not self._encoded:
            return
        chunk, lines = b"".join(self._encoded), self._encoded_lines
        self._encoded.clear()
        self._encoded_bytes = self._encoded_lines = 0
        self._writer.put(chunk, lines)

    def dropped_lines(self) -> int:
        """Lines lost so far; only ever rises."""
        return self._writer.dropped_lines if self._writer else 0

    def reopen(self) -> None:
        """After log rotation (SIGHUP): go on in a new file of the same name."""
        self.flush()
        if self._writer is not None:
            self._writer.reopen()

    def close(self, timeout_s: float) -> int:
        """Write what is left for at most `timeout_s` (blocks); returns how many lines were left behind.

        What is logged afterwards counts as dropped.
        """
        self.flush()
        self._closed = True
        return self._writer.close(timeout_s) if self._writer else 0


def encode(entries: Sequence[Entry]) -> bytes:
    """The lines of `entries` (≥ 1), each valid JSON, each ending in a newline; 0.5 to 0.7 µs a line.

    Pieces that are bytes, joined once: 4.6 k instructions a line compiled where an f-string takes 6.5 k, and 0.52 µs
    interpreted instead of 0.85. Durations are put together of whole numbers: `%.3f` takes 1.2 k instructions.
    """
    pieces: list[bytes] = []
    second, prefix = -1, b""
    for (
        wall_s, request_id, status, reason, bytes_in, bytes_out, duration_ms, upstream_ms, attempts, trace_id,
        line_end,
    ) in entries:  # fmt: skip
        if int(wall_s) != second:
            second = int(wall_s)
            prefix = datetime.fromtimestamp(second, UTC).strftime('{"ts":"%Y-%m-%dT%H:%M:%S.').encode()
        if _QUOTE in request_id or _BACKSLASH in request_id:
            request_id = orjson.dumps(request_id.decode("ascii"))[1:-1]
        micros = int(duration_ms * 1000.0 + 0.5)  # `round`, without the call
        pieces += (
            prefix,
            _MILLIS[int((wall_s - second) * 1000)],
            request_id,
            b'","status":',
            _NUMBERS[status],
            b',"reason":"',
            reason.encode(),
            b'","bytes_in":',
            _NUMBERS[bytes_in] if bytes_in < 1000 else b"%d" % bytes_in,
            b',"bytes_out":',
            _NUMBERS[bytes_out] if bytes_out < 1000 else b"%d" % bytes_out,
            b',"duration_ms":',
            _NUMBERS[micros // 1000] if micros < 1_000_000 else b"%d" % (micros // 1000),
            _DECIMALS[micros % 1000],
        )
        if not attempts and upstream_ms is None and trace_id is None:
            pieces += (_NEVER_SENT, line_end)
            continue
        pieces += (
            b',"upstream_ms":null' if upstream_ms is None else b',"upstream_ms":%.3f' % upstream_ms,
            b',"attempts":',
            _NUMBERS[attempts],
            b',"trace_id":null,' if trace_id is None else b',"trace_id":"%b",' % trace_id,
            line_end,
        )
    return b"".join(pieces)


def fields_table_markdown() -> str:
    """The README's table of log fields."""
    rows = ["| field | meaning |", "|---|---|", *(f"| `{name}` | {meaning} |" for name, meaning in FIELDS)]
    return "\n".join(rows) + "\n"

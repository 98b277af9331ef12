"""One JSON object a line for every request: made at once, collected, written by a thread.

When `BATCH_LINES` wait they become one piece; when those have `HANDED_BYTES`, or at the caller's `flush` every
`FLUSH_PERIOD_S`, the thread gets them. It is woken seldom, because it then asks for the interpreter's lock while the
loop holds it. A sink that does not keep up costs lines, which are counted, never a request.
"""

from datetime import UTC, datetime
from typing import Final, TypeAlias

from app.telemetry.log_subject import SUBJECT_FIELDS, Subject, SubjectLines, path_in_json
from app.telemetry.log_turn import LogTurn
from app.telemetry.log_writer import LineWriter

__all__ = [
    "BATCH_LINES",
    "FIELDS",
    "FLUSH_PERIOD_S",
    "HANDED_BYTES",
    "AccessLog",
    "Entry",
    "LineEncoder",
    "fields_table_markdown",
]

BATCH_LINES: Final = 128  # few enough to be in the processor's cache still
HANDED_BYTES: Final = 384 * 1024  # some 1,000 lines
FLUSH_PERIOD_S: Final = 0.2
MAX_WAITING_BYTES: Final = 8 * 1024 * 1024

Entry: TypeAlias = tuple[
    float,  # ts: wall_s when the request's first byte came
    bytes,  # request_id, as it stands in a JSON string
    int,  # status
    str,  # reason
    int,  # bytes_in
    int,  # bytes_out
    float,  # duration_ms
    float | None,  # upstream_ms
    int,  # attempts
    bytes | None,  # trace_id
    Subject,
    bytes,  # path, or a target that begins with it
]
"""One request, nearly in the order of `FIELDS`: the path stands amid the subject's."""

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
_NEVER_SENT: Final = b',"upstream_ms":null,"attempts":0,"trace_id":null'


class AccessLog:
    """`sink`: stdout, off, or a file to append to. Raises StartFault when that file cannot be opened.

    `turn`: of processes that share the sink. All methods belong to the loop's thread. `is_on` False: callers may skip
    making entries.
    """

    def __init__(
        self,
        sink: str,
        *,
        stdout_fd: int = 1,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
        turn: LogTurn | None = None,
    ) -> None:
        self._encoder = LineEncoder()
        self._lines: list[bytes] = []
        self._batches: list[bytes] = []
        self._batched_bytes = self._batched_lines = 0
        self._closed = False
        self._writer: LineWriter | None = None
        if sink != "off":
            path = None if sink == "stdout" else sink
            self._writer = LineWriter(path, stdout_fd, max_waiting_bytes, turn)

    @property
    def is_on(self) -> bool:
        return self._writer is not None

    def write(self, entry: Entry) -> None:
        """Log one request."""
        if self._writer is None:
            return
        lines = self._lines
        lines.append(self._encoder.line(entry))
        if len(lines) >= BATCH_LINES:
            self._batch()
            if self._batched_bytes >= HANDED_BYTES:
                self._hand_over()

    def flush(self) -> None:
        """Hand all that was logged to the writer; does not wait for it."""
        self._batch()
        self._hand_over()

    def _batch(self) -> None:
        lines = self._lines
        if self._writer is None or not lines:
            return
        self._lines = []
        if self._closed or self._writer.is_full:
            self._writer.drop(len(lines))
            return
        batch = b"".join(lines)
        self._batches.append(batch)
        self._batched_bytes += len(batch)
        self._batched_lines += len(lines)

    def _hand_over(self) -> None:
        if self._writer is None or not self._batches:
            return
        chunk, lines = b"".join(self._batches), self._batched_lines
        self._batches.clear()
        self._batched_bytes = self._batched_lines = 0
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


class LineEncoder:
    """Makes lines, one after the other: those of one second share its text, those of one subject what is known of it.

    A line is put together of pieces that are bytes, in one copy: compiled 1.2 k instructions, where a join of a list
    takes 2 k and an f-string 5 k. Durations are put together of whole numbers: `%.3f` takes 1.2 k.
    """

    __slots__ = ("_second", "_second_text", "_subjects")

    def __init__(self) -> None:
        self._second = -1
        self._second_text = b""
        self._subjects = SubjectLines()

    def line(self, entry: Entry) -> bytes:
        """Valid JSON, with a newline at its end."""
        (
            wall_s, request_id, status, reason, bytes_in, bytes_out, duration_ms, upstream_ms, attempts, trace_id,
            subject, path,
        ) = entry  # fmt: skip
        second = int(wall_s)
        if second != self._second:
            self._second = second
            self._second_text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.").encode()
        micros = int(duration_ms * 1000.0 + 0.5)  # `round`, without the call
        if not attempts and upstream_ms is None and trace_id is None:
            sent = _NEVER_SENT
        else:
            sent = _sent(upstream_ms, attempts, trace_id)
        known = self._subjects.around_path(subject)
        return (
            b'{"ts":"%b%b%b","status":%b,"reason":"%b","bytes_in":%b,"bytes_out":%b,"duration_ms":%b%b%b,%b%b%b'
            % (
                self._second_text,
                _MILLIS[int((wall_s - second) * 1000)],
                request_id,
                _NUMBERS[status],
                reason.encode(),
                _NUMBERS[bytes_in] if bytes_in < 1000 else b"%d" % bytes_in,
                _NUMBERS[bytes_out] if bytes_out < 1000 else b"%d" % bytes_out,
                _NUMBERS[micros // 1000] if micros < 1_000_000 else b"%d" % (micros // 1000),
                _DECIMALS[micros % 1000],
                sent,
                known.before,
                path_in_json(path),
                known.after,
            )
        )


def _sent(upstream_ms: float | None, attempts: int, trace_id: bytes | None) -> bytes:
    if upstream_ms is None:
        upstream = b"null"
    else:
        micros = int(upstream_ms * 1000.0 + 0.5)
        whole = _NUMBERS[micros // 1000] if micros < 1_000_000 else b"%d" % (micros // 1000)
        upstream = whole + _DECIMALS[micros % 1000]
    trace = b"null" if trace_id is None else b'"%b"' % trace_id
    return b',"upstream_ms":%b,"attempts":%b,"trace_id":%b' % (upstream, _NUMBERS[attempts], trace)


def fields_table_markdown() -> str:
    """The README's table of log fields."""
    rows = ["| field | meaning |", "|---|---|", *(f"| `{name}` | {meaning} |" for name, meaning in FIELDS)]
    return "\n".join(rows) + "\n"

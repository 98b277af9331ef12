"""How long and how large: what a connection of a bounded port may take in each of its states. Pure.

| state | its time | then |
|---|---|---|
| idle | `idle_timeout_s`; before the first request `header_timeout_s` | closed |
| head | `header_timeout_s` from its first byte | 408, closed |
| body | `header_timeout_s` from its head, unless the application holds it up | 408, closed |
| response | the application's own | |
| stalled | `idle_timeout_s` without taking what it was sent | cut off |
| lingering | 2 s: what it still sends is discarded, so that it can read why | closed |
| closing | `header_timeout_s` to take the rest | cut off |
"""

from dataclasses import dataclass
from enum import Enum, auto

__all__ = ["Bounds", "Growth", "HttpState", "ReadMeter", "limit_s"]

LINGER_S = 2.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """`connections`: at a time, handshakes of TLS and WebSockets among them; further ones are closed."""

    head_bytes: int
    header_timeout_s: float
    idle_timeout_s: float
    connections: int


class HttpState(Enum):
    """What a connection is doing; see the table above."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    RESPONSE = auto()
    STALLED = auto()
    LINGERING = auto()
    CLOSING = auto()


def limit_s(state: HttpState, bounds: Bounds, *, had_request: bool) -> float | None:
    """Seconds that `state` may last; None: as long as the application takes."""
    if state is HttpState.RESPONSE:
        return None
    if state is HttpState.LINGERING:
        return LINGER_S
    if state is HttpState.STALLED or (state is HttpState.IDLE and had_request):
        return bounds.idle_timeout_s
    return bounds.header_timeout_s


class Growth(Enum):
    """What has grown too large while nothing of it is complete."""

    HEAD = auto()
    BODY = auto()


class ReadMeter:
    """Counts the bytes of reads that complete nothing: of a head, or between the data of a body's chunks."""

    __slots__ = ("_at_rest", "_bare_bytes", "_begun", "_head_bytes", "_most_bytes")

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._at_rest = True
        self._begun = 0  # messages within this read
        self._head_bytes = 0  # in reads that hold nothing else
        self._bare_bytes = 0  # of a body, since its last data; -1: this read holds data

    def begin_read(self, *, at_rest: bool) -> None:
        """`at_rest`: nothing was under way before it."""
        self._at_rest = at_rest
        self._begun = 0

    def on_message(self) -> None:
        """A message begins in this read."""
        self._begun += 1
        self._head_bytes = 0

    def on_body(self) -> None:
        """A head is complete, and its body begins."""
        self._bare_bytes = 0

    def on_data(self) -> None:
        """This read holds data of a body."""
        self._bare_bytes = -1

    def end_read(self, read_bytes: int, *, in_head: bool, in_body: bool) -> Growth | None:
        """What is too large after this read."""
        if in_head and (not self._begun or (self._at_rest and self._begun == 1)):  # else it shares the read
            self._head_bytes += read_bytes
            return Growth.HEAD if self._head_bytes > self._most_bytes else None
        if in_body:
            self._bare_bytes = self._bare_bytes + read_bytes if self._bare_bytes >= 0 else 0
            return Growth.BODY if self._bare_bytes > self._most_bytes else None
        return None

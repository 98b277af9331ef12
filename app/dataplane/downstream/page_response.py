"""A response that a page of our own writes as HTTP/1.1, read so that it can be written in any protocol."""

from typing import Final

from app.dataplane.codec.body import ChunkReader
from app.dataplane.codec.fields import RESPONSE_LINES
from app.dataplane.codec.head_buffer import HeadBuffer
from app.dataplane.codec.response import CHUNKED, ResponseHead, read_response
from app.dataplane.proxy.response_writer import ResponseWriter

__all__ = ["PageResponse"]

_HERE_ONLY: Final = frozenset(
    (
        b"connection",
        b"content-length",
        b"keep-alive",
        b"sec-websocket-accept",
        b"transfer-encoding",
        b"upgrade",
    )
)
"""Framing is the writer's; the rest means nothing beyond HTTP/1.1 (RFC 9113 §8.2.2, RFC 8441 §5)."""
_BODILESS: Final = (204, 304)
_MAX_BARE_BYTES: Final = 8192
_WEBSOCKET_STATUS: Final = 200  # RFC 8441 §5


class PageResponse:
    """`complete`: it is written whole. `upgraded`: it was a 101, so what follows is a WebSocket's."""

    __slots__ = ("_buffer", "_chunks", "_head_only", "_left_bytes", "_writer", "complete", "upgraded")

    def __init__(self, writer: ResponseWriter, *, head_only: bool) -> None:
        self._writer = writer
        self._head_only = head_only
        self._buffer: HeadBuffer | None = HeadBuffer()
        self._chunks: ChunkReader | None = None
        self._left_bytes = 0
        self.complete = self.upgraded = False

    def read(self, data: bytes) -> bytes:
        """Write on what came; returns what belongs to the WebSocket. Raises ValueError for what is no response."""
        buffer = self._buffer
        if buffer is not None:
            buffer.add(data)
            while self._buffer is not None:
                head = buffer.take_head()
                if head is None:
                    if buffer.fault:
                        raise ValueError(f"a page's response is malformed: {buffer.fault}")
                    return b""
                self._take_head(head)
            data = buffer.take_rest()
            if self.upgraded:
                self._writer.flush()
                return data
        self._take_body(data)
        return b""

    def _take_head(self, head: bytes) -> None:
        response = read_response(head)
        if response.fault:
            raise ValueError(f"a page's response is malformed: {response.fault}")
        if response.status == 100:
            self._writer.write_continue()
            return
        self._buffer = None
        lines = [
            b"%b:%b\r\n" % (name.lower(), value)
            for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
            if name.lower() not in _HERE_ONLY
        ]
        if response.status == 101:
            self.upgraded = True
            self._writer.write_head(_WEBSOCKET_STATUS, b"", lines, CHUNKED)
            return
        self._writer.write_head(response.status, response.phrase, lines, response.length_bytes)
        self._frame(response)

    def _frame(self, response: ResponseHead) -> None:
        if self._head_only or response.status in _BODILESS:
            return
        if response.length_bytes == CHUNKED:
            self._chunks = ChunkReader(RESPONSE_LINES, _MAX_BARE_BYTES)
        else:
            self._left_bytes = response.length_bytes

    def _take_body(self, data: bytes) -> None:
        if self.complete:
            return
        chunks = self._chunks
        if chunks is not None:
            out: list[bytes] = []
            chunks.read(data, 0, out)
            data = b"".join(out)
            if chunks.fault:
                raise ValueError(f"a page's response is malformed: {chunks.fault}")
            self.complete = chunks.complete
        else:
            data = data[: self._left_bytes] if self._left_bytes >= 0 else data
            if self._left_bytes >= 0:
                self._left_bytes -= len(data)
                self.complete = self._left_bytes == 0
        if data:
            self._writer.write_body(data)
        if self.complete:
            self._writer.end_response([])
        else:
            self._writer.flush()

"""The two sides of an upstream connection without a socket: a transport, and an exchange that writes down calls."""

import asyncio
from typing import Any

from app.dataplane.codec.field_lines import Field, pairs_of
from app.dataplane.codec.response import ResponseHead
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.dataplane.upstream.http2_stream import Http2Stream
from app.foundation.reasons import Reason

__all__ = ["FakeTransport", "RecordingReceiver"]


class FakeTransport(asyncio.Transport):
    """`unsent_bytes`: what a peer that does not read leaves in the write buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False
        self.unsent_bytes = 0
        self.high_water_bytes: int | None = None
        self.protocol: asyncio.BaseProtocol | None = None

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high_water_bytes = high

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted


class RecordingReceiver:
    """An exchange: `calls` in order, bodies joined; it lets the connection go at an end, as an exchange does.

    `last`: what of the body came with the end. `wanted` False: its response is not wanted. `leave_at`: the name of a
    call at which it hangs up.
    """

    def __init__(
        self,
        connection: UpstreamConnection | Http2Stream,
        *,
        head_only: bool = False,
        wants_upgrade: bool = False,
        wanted: bool = True,
        leave_at: str = "",
    ) -> None:
        self.connection = connection
        self.head_only = head_only
        self.upgrade_key = b"" if wants_upgrade else None
        self._wanted, self._leave_at = wanted, leave_at
        self.calls: list[Any] = []
        self.body = self.last = b""
        self.bugs: list[BaseException] = []

    def _note(self, name: str, *details: Any) -> None:
        self.calls.append((name, *details))
        if name == self._leave_at:
            self.connection.abort()

    def on_interim(self, head: ResponseHead) -> None:
        self._note("interim", head.status, b"".join(head.lines))

    def on_response_head(self, head: ResponseHead) -> bool:
        self._note("head", head.status, b"".join(head.lines))
        if not self._wanted:
            self.connection.abort()
        return self._wanted

    def on_response_body(self, data: bytes) -> None:
        assert data, "an empty piece of body"
        self.body += data
        self._note("body", data)

    def on_flush(self) -> None:
        self._note("flush")

    def on_response_end(self, data: bytes, trailers: list[Field], reusable: bool) -> None:
        self.last = data
        if data:
            self.on_response_body(data)
        if self.connection.receiver is not self:
            return
        self._note("end", pairs_of(trailers), reusable)
        if isinstance(self.connection, Http2Stream):
            self.connection.finish()
        else:
            self.connection.receiver = None

    def on_upgraded(self, head: ResponseHead, rest: bytes) -> None:
        self._note("upgraded", head.status, rest)
        self.connection.receiver = None

    def on_upstream_failed(self, reason: Reason, detail: str) -> None:
        self._note("failed", reason, detail)
        self.connection.abort()

    def failed_inside(self, bug: BaseException) -> None:
        self.bugs.append(bug)
        self.connection.abort()

    def pause_upload(self) -> None:
        self._note("pause")

    def resume_upload(self) -> None:
        self._note("resume")

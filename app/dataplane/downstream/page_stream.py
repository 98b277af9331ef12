"""A page of the gateway's own on a stream of HTTP/2: asked, and written, in the HTTP/1.1 that it speaks."""

import asyncio
from typing import Final

from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.request import Request
from app.dataplane.downstream.local_page import LocalPages
from app.dataplane.downstream.page_response import PageResponse
from app.dataplane.downstream.stream_transport import StreamTransport
from app.dataplane.proxy.downstream import Downstream
from app.dataplane.proxy.response_writer import ResponseWriter
from app.foundation.clock import now_s

__all__ = ["PageStream"]

_HERE_ONLY: Final = frozenset(
    (b"connection", b"content-length", b"host", b"keep-alive", b"te", b"transfer-encoding", b"upgrade")
)
"""Made again from what was understood."""
_UPGRADE: Final = (
    b"connection: Upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"  # both ends of this handshake are ours
)


class _PageStreamTransport(StreamTransport):
    """What a page writes to: HTTP/1.1, until a WebSocket begins."""

    def __init__(
        self, downstream: Downstream, writer: ResponseWriter, below: asyncio.Transport, *, head_only: bool
    ) -> None:
        super().__init__(downstream, writer, below)
        self._response = PageResponse(writer, head_only=head_only)

    @property
    def complete(self) -> bool:
        """The response is written whole."""
        return self._response.complete

    def write(self, data: bytes | bytearray | memoryview) -> None:
        response = self._response
        if response.upgraded:
            super().write(data)
            return
        frames = response.read(bytes(data))
        self._eof_written = response.complete
        if frames:
            super().write(frames)


class PageStream:
    """Serves one stream in place of an exchange, and is what the page calls its connection (`PageOwner`)."""

    def __init__(
        self,
        pages: LocalPages,
        downstream: Downstream,
        writer: ResponseWriter,
        below: asyncio.Transport,
        request: Request,
    ) -> None:
        """`below`: the connection's own transport."""
        self._downstream = downstream
        self._request = request
        self._upgraded = False
        self._transport = _PageStreamTransport(downstream, writer, below, head_only=request.method == b"HEAD")
        self._page = pages.page(self._transport, self, chunked=request.length_bytes < 0)

    def begin(self) -> None:
        """Ask the page."""
        self._page.begin(_http1_head(self._request))

    # What the stream says

    def on_request_body(self, data: bytes) -> None:
        if self._upgraded:
            self._transport.on_request_body(data)
        else:
            self._page.on_request_body(data)

    def on_request_end(self, trailers: list[Field]) -> None:
        if self._upgraded:
            self._transport.on_request_end(trailers)
        else:
            self._page.on_request_end(trailers)

    def on_request_malformed(self, detail: str) -> None:
        if self._upgraded:
            self._transport.on_request_malformed(detail)
        else:
            self._page.on_client_gone()  # it would wait for the rest
            self._downstream.abort()

    def on_client_gone(self) -> None:
        if self._upgraded:
            self._transport.on_client_gone()
        else:
            self._page.on_client_gone()

    def on_client_blocked(self) -> None:
        if self._upgraded:
            self._transport.on_client_blocked()
        else:
            self._page.on_client_blocked()

    def on_client_writable(self) -> None:
        if self._upgraded:
            self._transport.on_client_writable()
        else:
            self._page.on_client_writable()

    def on_deadline(self, now: float) -> None:
        """A page sets its own times."""

    # What the page says

    def on_page_end(self, keep: bool) -> None:
        """Whether the connection may go on (`keep`) is no question here; a response that was cut must look so."""
        if self._transport.complete:
            self._downstream.exchange_done(now_s())
        else:
            self._downstream.abort()

    def on_page_upgraded(self, protocol: asyncio.BaseProtocol) -> None:
        self._upgraded = True
        self._transport.set_protocol(protocol)


def _http1_head(request: Request) -> bytes:
    """The request as HTTP/1.1 has it, without its empty line (RFC 9112 §3)."""
    lines = b"".join(field.line for field in request.fields if field.name not in _HERE_ONLY)
    if request.websocket:
        lines += _UPGRADE
    elif request.length_bytes < 0:
        lines += b"transfer-encoding: chunked\r\n"
    elif request.length_bytes:
        lines += b"content-length: %d\r\n" % request.length_bytes
    head = b"%b %b HTTP/1.1\r\nhost: %b\r\n%b" % (request.method, request.target, request.host, lines)
    return head[:-2]

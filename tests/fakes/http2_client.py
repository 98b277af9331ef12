"""A client of HTTP/2 by `h2`, which shares no code with the gateway's own: many streams on one connection.

    async with Http2Client(port) as client:
        response = await client.request("GET", "/")
        stream = client.open("POST", "/upload", end=False)
        await stream.send(b"piece")
        await stream.send(b"last", end=True)
        response = await stream.response()

Everything waits five seconds at most, then the test fails with what it waited for.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from hyperframe.frame import GoAwayFrame

from tests.fakes.client import Response
from tests.fakes.exchange import DEADLINE_S, within

__all__ = ["GracefulH2", "Http2Client", "Http2ClientStream", "StreamCut"]

Fields = list[tuple[str, str]]


class GracefulH2(h2.connection.H2Connection):
    """`h2` as a client, which lets streams go on after a GOAWAY (RFC 9113 §6.8): by itself it ends all at once."""

    def __init__(self) -> None:
        super().__init__(
            h2.config.H2Configuration(
                client_side=True,
                header_encoding="latin-1",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._frame_dispatch_table[GoAwayFrame] = self._take_goaway

    def _take_goaway(self, frame: GoAwayFrame) -> tuple[list[Any], list[Any]]:
        event = h2.events.ConnectionTerminated()
        event.error_code, event.last_stream_id = frame.error_code, frame.last_stream_id
        event.additional_data = frame.additional_data
        return [], [event]


class StreamCut(AssertionError):
    """The stream ended before its response did: by its reset (`code`), or with the connection (None)."""

    def __init__(self, code: int | None, head: Response | None) -> None:
        self.code, self.head = code, head
        super().__init__(f"the stream was cut, code {code}, {head!r}")


class Http2ClientStream:
    """`head`: None until it came. `reset_code`: of RST_STREAM. `windows`: credit is given for what came."""

    def __init__(self, client: "Http2Client", number: int, method: str) -> None:
        self.client, self.number, self.method = client, number, method
        self.head: Response | None = None
        self.interim: list[Response] = []
        self.ended = False
        self.reset_code: int | None = None

    async def send(self, data: bytes, *, end: bool = False) -> None:
        """As the gateway's windows allow; raises StreamCut where it resets the stream meanwhile."""
        client = self.client
        view = memoryview(data)
        while view:
            await client.until(
                lambda: self.reset_code is not None or client.lost or self.room_bytes > 0,
                "the gateway's window",
            )
            if self.reset_code is not None or client.lost:
                raise StreamCut(self.reset_code, self.head)
            piece = view[: min(self.room_bytes, client.h2.max_outbound_frame_size)]
            client.h2.send_data(self.number, bytes(piece))
            view = view[len(piece) :]
            client.flush()
        if end:
            self.end()

    @property
    def room_bytes(self) -> int:
        """How much may be sent now."""
        return self.client.h2.local_flow_control_window(self.number)

    def end(self, trailers: Fields | None = None) -> None:
        if trailers:
            self.client.h2.send_headers(self.number, trailers, end_stream=True)
        else:
            self.client.h2.end_stream(self.number)
        self.client.flush()

    def reset(self, code: int = h2.errors.ErrorCodes.CANCEL) -> None:
        self.client.h2.reset_stream(self.number, code)
        self.client.flush()

    def give_credit(self, count: int) -> None:
        """Of a client that gives none by itself."""
        self.client.h2.acknowledge_received_data(count, self.number)
        self.client.flush()

    async def read_head(self) -> Response:
        await self.client.until(
            lambda: self.head is not None or self._is_over, f"head of stream {self.number}"
        )
        if self.head is None:
            raise StreamCut(self.reset_code, None)
        return self.head

    async def read_body(self, count: int) -> bytes:
        """At least so many bytes of the body; all that came so far."""
        head = await self.read_head()
        await self.client.until(lambda: len(head.body) >= count or self._is_over, f"{count} bytes")
        if len(head.body) < count:
            raise StreamCut(self.reset_code, head)
        return head.body

    async def response(self) -> Response:
        """The whole response; raises StreamCut."""
        await self.client.until(lambda: self.ended or self._is_over, f"the response of stream {self.number}")
        if not self.ended or self.head is None:
            raise StreamCut(self.reset_code, self.head)
        return self.head

    async def read_reset(self) -> int:
        """The code of the stream's reset."""
        await self.client.until(lambda: self._is_over, f"the reset of stream {self.number}")
        assert self.reset_code is not None, "the connection ended instead"
        return self.reset_code

    @property
    def _is_over(self) -> bool:
        return self.reset_code is not None or self.client.lost


class Http2Client:
    """`goaways`: (last stream, code) of each GOAWAY. `lost`: the gateway has closed the connection.

    `credit` False: no window is widened but by `Http2ClientStream.give_credit`.
    """

    def __init__(
        self,
        port: int,
        host: str = "127.0.0.1",
        *,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
        credit: bool = True,
        window_bytes: int | None = None,
        timeout_s: float = DEADLINE_S,
    ) -> None:
        self.host, self.port = host, port
        self._tls, self._server_name = tls, server_name
        self._credit, self._window_bytes, self._timeout_s = credit, window_bytes, timeout_s
        self.h2 = GracefulH2()
        self.streams: dict[int, Http2ClientStream] = {}
        self.goaways: list[tuple[int, int]] = []
        self.settings: dict[int, int] = {}
        self.events: list[Any] = []
        self.lost = False
        self._changed = asyncio.Event()

    async def __aenter__(self) -> "Http2Client":
        await self.connect()
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()

    async def connect(self) -> None:
        """The connection, its preface sent; over TLS `h2` must have been agreed on."""
        tls = self._tls
        if tls is not None:
            tls.set_alpn_protocols(["h2"])
        async with within(f"a connection to {self.host}:{self.port}", self._timeout_s):
            self.reader, self.writer = await asyncio.open_connection(
                self.host,
                self.port,
                ssl=tls,
                server_hostname=(self._server_name or self.host) if tls else None,
            )
        if tls is not None:
            chosen = self.writer.get_extra_info("ssl_object").selected_alpn_protocol()
            assert chosen == "h2", f"ALPN gave {chosen}"
        self.h2.initiate_connection()
        if self._window_bytes is not None:
            self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: self._window_bytes})
        self.flush()
        self._reading = asyncio.create_task(self._read())

    async def close(self) -> None:
        """After a GOAWAY, as decent clients do."""
        if not self.writer.is_closing():
            with suppress(h2.exceptions.ProtocolError):
                self.h2.close_connection()
                self.flush()
        self.writer.close()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        with suppress(OSError):
            async with within("the client's close", self._timeout_s):
                await self.writer.wait_closed()

    def abort(self) -> None:
        self.writer.transport.abort()

    def flush(self) -> None:
        """What `h2` has to send goes out."""
        self.writer.write(self.h2.data_to_send())
        self._changed.set()

    def send_raw(self, data: bytes) -> None:
        """Bytes past `h2`."""
        self.writer.write(data)

    # Requests

    def open(
        self,
        method: str,
        target: str,
        fields: Iterable[tuple[str, str]] = (),
        *,
        end: bool = True,
        pseudo: Fields | None = None,
    ) -> Http2ClientStream:
        """Send a head. A field `Host` becomes `:authority`; `pseudo` replaces all pseudo-fields."""
        rest = [(name.lower(), value) for name, value in fields]
        authority = next((value for name, value in rest if name == "host"), f"{self.host}:{self.port}")
        rest = [field for field in rest if field[0] != "host"]
        if pseudo is None:
            scheme = "https" if self._tls else "http"
            pseudo = [
                (":method", method),
                (":scheme", scheme),
                (":authority", authority),
                (":path", target),
            ]
        number = self.h2.get_next_available_stream_id()
        stream = self.streams[number] = Http2ClientStream(self, number, method)
        self.h2.send_headers(number, [*pseudo, *rest], end_stream=end)
        self.flush()
        return stream

    async def request(
        self, method: str, target: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> Response:
        """A plain request, and its response."""
        fields = list(headers)
        if body and not any(name.lower() == "content-length" for name, _ in fields):
            fields.append(("content-length", str(len(body))))
        stream = self.open(method, target, fields, end=not body)
        if body:
            await stream.send(body, end=True)
        return await stream.response()

    async def expect_closed(self) -> None:
        """The gateway closes the connection."""
        await self.until(lambda: self.lost, "the connection's end")

    async def read_goaway(self) -> tuple[int, int]:
        """The last stream and the code of the first GOAWAY."""
        await self.until(lambda: bool(self.goaways), "GOAWAY")
        return self.goaways[0]

    async def ping(self) -> None:
        """All that the gateway had to say before has come then."""
        count = sum(isinstance(event, h2.events.PingAckReceived) for event in self.events)
        self.h2.ping(b"12345678")
        self.flush()
        await self.until(
            lambda: sum(isinstance(event, h2.events.PingAckReceived) for event in self.events) > count,
            "a ping's ack",
        )

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        async with within(what, self._timeout_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    # What comes

    async def _read(self) -> None:
        try:
            while data := await self.reader.read(65536):
                for event in self.h2.receive_data(data):
                    self.events.append(event)
                    self._take(event)
                self.flush()
                self._changed.set()
        except OSError:
            pass
        finally:
            self.lost = True
            self._changed.set()

    def _take(self, event: Any) -> None:
        stream = self.streams.get(getattr(event, "stream_id", None) or 0)
        match event:
            case h2.events.RemoteSettingsChanged():
                self.settings |= {
                    int(code): change.new_value for code, change in event.changed_settings.items()
                }
            case h2.events.ConnectionTerminated():
                self.goaways.append((event.last_stream_id or 0, int(event.error_code or 0)))
            case h2.events.InformationalResponseReceived() if stream is not None:
                stream.interim.append(_head(event.headers))
            case h2.events.ResponseReceived() if stream is not None:
                stream.head = _head(event.headers)
                stream.head.interim = stream.interim
            case h2.events.DataReceived() if stream is not None:
                if stream.head is not None:
                    stream.head.body += event.data
                if self._credit and event.flow_controlled_length:
                    with suppress(h2.exceptions.StreamClosedError):
                        self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.TrailersReceived() if stream is not None and stream.head is not None:
                stream.head.trailers = [(str(name), str(value)) for name, value in event.headers]
            case h2.events.StreamEnded() if stream is not None:
                stream.ended = True
            case h2.events.StreamReset() if stream is not None:
                stream.reset_code = int(event.error_code)


def _head(fields: Any) -> Response:
    pairs = [(str(name), str(value)) for name, value in fields]
    status = next(value for name, value in pairs if name == ":status")
    return Response(int(status), "", "HTTP/2", [pair for pair in pairs if pair[0] != ":status"])

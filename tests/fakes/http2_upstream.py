"""An upstream on loopback that speaks HTTP/2, framed by `h2` and not by the library that the gateway uses.

    async with Http2Upstream() as up:
        up.reply(200, b"body", [(b"x-a", b"1")])       # the first request
        up.answer(my_answer)                           # the second: async def my_answer(stream: Http2Stream)
        (first, second) = await up.wait_for(2)

Requests beyond the script get `up.default` (200, empty). What is wrong in what the gateway sends is an error of the
test. For faults of its own it writes frames past the rules of `h2`: `Http2Connection.raw_fields` and `raw`.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
from h2.settings import SettingCodes
from hyperframe.frame import DataFrame, Frame, HeadersFrame

from tests.fakes.exchange import within

__all__ = ["Answer", "Fields", "Http2Connection", "Http2Stream", "Http2Upstream", "never", "reply"]

Fields = Iterable[tuple[bytes, bytes]]


class Http2Stream:
    """One request. `reset_code`: of RST_STREAM from the gateway. `ended`: its message is whole."""

    def __init__(self, connection: "Http2Connection", stream_id: int) -> None:
        self.connection = connection
        self.stream_id = stream_id
        self.fields: list[tuple[bytes, bytes]] = []
        self.body = bytearray()
        self.trailers: list[tuple[bytes, bytes]] = []
        self.ended = False
        self.reset_code: int | None = None
        self.uncredited_bytes = 0
        self.task: asyncio.Task[None] | None = None

    def all(self, name: bytes) -> list[bytes]:
        return [value for each, value in self.fields if each == name]

    def field(self, name: bytes) -> bytes:
        """Of the one field with this name."""
        (value,) = self.all(name)
        return value

    @property
    def method(self) -> bytes:
        return self.field(b":method")

    @property
    def path(self) -> bytes:
        return self.field(b":path")

    # The response

    def head(self, status: int, fields: Fields = (), *, end: bool = False) -> None:
        lines = [(b":status", b"%d" % status), *fields]
        self.connection.h2.send_headers(self.stream_id, lines, end_stream=end)
        self.connection.flush()

    async def data(self, data: bytes, *, end: bool = False) -> None:
        """As the windows allow."""
        h2, at = self.connection.h2, 0
        while at < len(data):
            room = min(h2.local_flow_control_window(self.stream_id), h2.max_outbound_frame_size)
            if room <= 0:
                await self.connection.moved()
                continue
            h2.send_data(self.stream_id, data[at : at + room])
            self.connection.flush()
            at += room
        if end:
            h2.end_stream(self.stream_id)
            self.connection.flush()

    def send_trailers(self, fields: Fields) -> None:
        self.connection.h2.send_headers(self.stream_id, list(fields), end_stream=True)
        self.connection.flush()

    def reset(self, code: int = h2.errors.ErrorCodes.INTERNAL_ERROR) -> None:
        self.connection.h2.reset_stream(self.stream_id, code)
        self.connection.flush()

    async def whole(self) -> None:
        """The request's message has come whole."""
        while not self.ended:
            await self.connection.moved()

    async def gone(self) -> None:
        """The gateway gave the request up."""
        while self.reset_code is None and not self.connection.closed:
            await self.connection.moved()

    def credit(self) -> None:
        """Take what came: for `credits=False`."""
        taken, self.uncredited_bytes = self.uncredited_bytes, 0
        if taken:
            self.connection.h2.acknowledge_received_data(taken, self.stream_id)
            self.connection.flush()


Answer = Callable[[Http2Stream], Awaitable[None]]


def reply(status: int = 200, body: bytes = b"", fields: Fields = (), trailers: Fields = ()) -> Answer:
    """A whole response, after the whole request."""

    async def answer(stream: Http2Stream) -> None:
        await stream.whole()
        last = list(trailers)
        stream.head(status, fields, end=not body and not last)
        if body:
            await stream.data(body, end=not last)
        if last:
            stream.send_trailers(last)

    return answer


def never() -> Answer:
    """No response, until the gateway gives up."""
    return Http2Stream.gone


class Http2Connection(asyncio.Protocol):
    """`goaway`: (last stream id, code) of the gateway's GOAWAY. `closed`: it is gone."""

    def __init__(self, upstream: "Http2Upstream") -> None:
        self.upstream = upstream
        self.streams: dict[int, Http2Stream] = {}
        self.closed = False
        self.goaway: tuple[int, int] | None = None
        config = h2.config.H2Configuration(
            client_side=False,
            header_encoding=None,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.h2 = h2.connection.H2Connection(config)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.upstream.connections.append(self)
        self.h2.initiate_connection()
        if self.upstream.settings:
            self.h2.update_settings(cast(Any, self.upstream.settings))  # in force once they are acknowledged
        if self.upstream.says_settings:
            self.flush()
        else:
            self.h2.data_to_send()
        self.upstream.notify()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self.upstream.notify()

    def flush(self) -> None:
        data = self.h2.data_to_send()
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def raw(self, *frames: Frame | bytes) -> None:
        """Written as they are, after all that waits."""
        self.flush()
        for frame in frames:
            self.transport.write(frame if isinstance(frame, bytes) else frame.serialize())

    def raw_fields(self, stream_id: int, fields: Fields, *, end: bool = False) -> None:
        """A HEADERS frame that `h2` knows nothing of."""
        frame = HeadersFrame(stream_id, data=self.h2.encoder.encode(list(fields)))
        frame.flags.add("END_HEADERS")
        if end:
            frame.flags.add("END_STREAM")
        self.raw(frame)

    def raw_data(self, stream_id: int, data: bytes, *, end: bool = False) -> None:
        frame = DataFrame(stream_id, data=data)
        if end:
            frame.flags.add("END_STREAM")
        self.raw(frame)

    async def moved(self) -> None:
        await self.upstream.moved()

    def data_received(self, data: bytes) -> None:
        try:
            for event in self.h2.receive_data(data):
                self._take(event)
        except h2.exceptions.ProtocolError as fault:
            self.upstream.errors.append(fault)
            self.transport.abort()
            return
        if self.upstream.says_settings:
            self.flush()
        self.upstream.notify()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            stream_id = event.stream_id
            stream = self.streams[stream_id] = Http2Stream(self, stream_id)
            stream.fields = cast(list[tuple[bytes, bytes]], list(event.headers or ()))
            self.upstream.begin(stream)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = (event.last_stream_id or 0, int(event.error_code or 0))
        else:
            stream = self.streams.get(getattr(event, "stream_id", None) or 0, None)  # type: ignore[assignment]
            if stream is not None:
                self._continue(stream, event)

    def _continue(self, stream: Http2Stream, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.DataReceived):
            stream.body += event.data or b""
            stream.uncredited_bytes += event.flow_controlled_length or 0
            if self.upstream.credits:
                stream.credit()
        elif isinstance(event, h2.events.TrailersReceived):
            stream.trailers = cast(list[tuple[bytes, bytes]], list(event.headers or ()))
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset_code = event.error_code or 0


class Http2Upstream:
    """`settings`: of its own, by `h2`'s SettingCodes. `credits` False: windows are opened by `Http2Stream.credit` only.

    `says_settings` False: it takes connections and requests, and says nothing.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        settings: dict[SettingCodes, int] | None = None,
        credits: bool = True,
        says_settings: bool = True,
    ) -> None:
        self.settings = settings or {}
        self.credits = credits
        self.says_settings = says_settings
        self.connections: list[Http2Connection] = []
        self.streams: list[Http2Stream] = []
        self.errors: list[BaseException] = []
        self.default: Answer = reply()
        self.port = 0
        self._tls = tls
        self._script: deque[Answer] = deque()
        self._waiting: list[asyncio.Future[None]] = []
        self._server: asyncio.Server | None = None

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.authority}"

    @property
    def open_connections(self) -> int:
        return sum(not connection.closed for connection in self.connections)

    async def __aenter__(self) -> "Http2Upstream":
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        assert self._server is not None
        self._server.close()
        tasks = [stream.task for stream in self.streams if stream.task is not None]
        for connection in self.connections:
            connection.transport.abort()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.until(lambda: not self.open_connections, "the upstream's connections to end")
        if self.errors and error is None:
            raise self.errors[0]

    def _accept(self) -> Http2Connection:
        return Http2Connection(self)

    # The script: each call answers one more request

    def answer(self, answer: Answer) -> None:
        self._script.append(answer)

    def reply(self, status: int = 200, body: bytes = b"", fields: Fields = (), trailers: Fields = ()) -> None:
        self.answer(reply(status, body, fields, trailers))

    def begin(self, stream: Http2Stream) -> None:
        self.streams.append(stream)
        answer = self._script.popleft() if self._script else self.default
        stream.task = asyncio.get_running_loop().create_task(self._run(answer, stream))

    async def _run(self, answer: Answer, stream: Http2Stream) -> None:
        try:
            await answer(stream)
        except h2.exceptions.ProtocolError as fault:
            if stream.reset_code is None and not stream.connection.closed:
                self.errors.append(fault)
        except Exception as fault:
            self.errors.append(fault)
        self.notify()

    # Waiting, with the deadline of five seconds

    def notify(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    async def moved(self) -> None:
        """Something came, or is gone."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        async with within(what):
            while not condition():
                await self.moved()

    async def wait_for(self, count: int) -> list[Http2Stream]:
        """`count` heads have arrived (bodies perhaps not)."""
        await self.until(lambda: len(self.streams) >= count, f"{count} requests at the upstream")
        return self.streams

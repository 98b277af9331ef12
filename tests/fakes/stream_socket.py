"""A WebSocket on a stream of HTTP/2 (RFC 8441), as a client opens it."""

from collections.abc import Iterable

from websockets.frames import Frame
from websockets.protocol import OPEN, Protocol, Side

from tests.fakes.client import Response
from tests.fakes.http2_client import Http2Client, Http2ClientStream, StreamCut

__all__ = ["StreamSocket", "opened"]


Fields = Iterable[tuple[str, str]]


class StreamSocket:
    """A WebSocket on a stream: the frames are those of `websockets`. `head`: the response to the handshake."""

    def __init__(self, stream: Http2ClientStream) -> None:
        self.stream = stream
        self.conn = Protocol(
            Side.CLIENT, state=OPEN, max_size=None
        )  # RFC 8441 §5: the stream is the handshake
        self._fed_bytes = 0
        self._frames: list[Frame] = []

    @property
    def head(self) -> Response:
        head = self.stream.head
        assert head is not None
        return head

    async def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.conn.send_text(message.encode())
        else:
            self.conn.send_binary(message)
        await self._flush()

    async def ping(self, data: bytes) -> None:
        self.conn.send_ping(data)
        await self._flush()

    async def close(self, code: int, reason: str = "") -> None:
        self.conn.send_close(code, reason)
        await self._flush()

    async def recv(self) -> Frame:
        """The next frame."""
        client = self.stream.client

        def news() -> bool:
            body = self.head.body
            if len(body) > self._fed_bytes:
                self.conn.receive_data(body[self._fed_bytes :])
                self._fed_bytes = len(body)
                self._frames += [each for each in self.conn.events_received() if isinstance(each, Frame)]
            return bool(self._frames)

        await client.until(
            lambda: news() or self.stream.ended or self.stream.reset_code is not None, "a frame"
        )
        if not self._frames:
            raise StreamCut(self.stream.reset_code, self.head)
        if self.stream.reset_code is None:  # after its Close a gateway may have ended the stream already
            await self._flush()  # what they are answered with
        return self._frames.pop(0)

    async def message(self) -> bytes:
        """The next message, of any number of frames."""
        data = b""
        while True:
            frame = await self.recv()
            data += frame.data
            if frame.fin:
                return data

    async def _flush(self) -> None:
        for data in self.conn.data_to_send():
            if data:
                await self.stream.send(data)


async def opened(client: Http2Client, target: str = "/chat?room=1", fields: Fields = ()) -> StreamSocket:
    """After the response to the handshake, whatever it says."""
    pseudo = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", f"127.0.0.1:{client.port}"),
        (":path", target),
    ]
    asked = [("sec-websocket-version", "13"), *fields]
    stream = client.open("CONNECT", target, asked, end=False, pseudo=pseudo)
    await stream.read_head()
    return StreamSocket(stream)

"""An HTTP/2 connection to an upstream that the test plays, without a socket."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from app.dataplane.codec.body import RequestBody
from app.dataplane.codec.request_head import RequestHead
from app.dataplane.upstream.http2_connection import Http2Connection
from app.dataplane.upstream.http2_stream import Http2Stream
from tests.fakes.http2_peer import Http2Peer
from tests.fakes.network import Network
from tests.fakes.upstream_side import RecordingReceiver
from tests.fakes.upstream_wire import Wire

GET = RequestHead(b"GET", b"/p?q", b"in.example", [b"x-a: 1\r\n", b"x-request-id: i\r\n"], 0, False)


class Connected:
    """`forgotten`: connections that said that they are gone."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.forgotten: list[Http2Connection] = []

    def forget_http2(self, connection: Http2Connection) -> None:
        self.forgotten.append(connection)

    async def make(self, max_streams: int = 100) -> None:
        loop = cast(asyncio.AbstractEventLoop, self.network)
        self.connection = connection = Http2Connection(self, loop, b"http")
        await self.network.create_connection(lambda: cast(asyncio.Protocol, connection), "10.0.0.1", 80)
        self.transport = self.network.made[-1]
        self.peer = Http2Peer(self.transport, max_streams)

    async def request(
        self, head: RequestHead = GET, body: RequestBody | None = None, **of: object
    ) -> tuple[Http2Stream, RecordingReceiver]:
        stream = self.connection.take()
        receiver = RecordingReceiver(stream, **of)  # type: ignore[arg-type]
        stream.begin(receiver)
        stream.send(head, RequestBody(0) if body is None else body)
        await self.peer.turn()
        return stream, receiver


@pytest.fixture
def connected() -> Callable[[int], Awaitable[Connected]]:
    async def make(max_streams: int = 100) -> Connected:
        made = Connected(Network())
        await made.make(max_streams)
        await made.peer.begin()
        return made

    return make


@pytest.fixture
def wire() -> Wire:
    return Wire()

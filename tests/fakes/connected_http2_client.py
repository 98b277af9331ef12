"""A client's HTTP/2 connection without its socket: the frames of `h2` in, those of the gateway out."""

from typing import Any

from app.dataplane.downstream.http2_connection import Http2Connection
from app.dataplane.downstream.own_pages import OwnPages
from app.dataplane.proxy.entrance import Entrance
from tests.fakes.connected_client import pages_of
from tests.fakes.driven_exchange import Proxy
from tests.fakes.http2_client import GracefulH2
from tests.fakes.manual_loop import settled
from tests.fakes.transport import FakeTransport

__all__ = ["ConnectedHttp2Client"]

GET = [(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "/")]
POST = [(":method", "POST"), *GET[1:]]


class ConnectedHttp2Client:
    """`transport`: the gateway's end of the connection. `events`: what `h2` understood, all of them."""

    def __init__(
        self,
        proxy: Proxy,
        pages: OwnPages | None = None,
        *,
        tls: bool = False,
        sock: Any = None,
        entrance: Entrance | None = None,
    ) -> None:
        """`entrance`: None is the gateway's own port."""
        self.proxy = proxy
        came_by = entrance or proxy.context.own_entrance
        self.connection = Http2Connection(proxy.context, pages or pages_of(), came_by)
        self.transport = FakeTransport(self.connection, tls=tls, sock=sock)
        self.connection.connection_made(self.transport)
        self.h2 = GracefulH2()
        self.events: list[Any] = []

    async def begin(self) -> None:
        """The client's preface, and the gateway's."""
        self.h2.initiate_connection()
        await self.exchange_frames()

    async def exchange_frames(self) -> list[Any]:
        """Frames pass both ways until nobody has more to say; what came to the client."""
        came: list[Any] = []
        while True:
            await settled()
            taken = self.transport.take()
            if taken:
                came += self.h2.receive_data(taken)
            sent = self.h2.data_to_send()
            if sent and self.transport.reading and not self.transport.closing:
                self.connection.data_received(sent)
            elif not taken:
                break
        self.events += came
        return came

    async def open(
        self, pseudo: list[tuple[str, str]] = GET, *fields: tuple[str, str], end: bool = True
    ) -> int:
        number = self.h2.get_next_available_stream_id()
        self.h2.send_headers(number, [*pseudo, *fields], end_stream=end)
        await self.exchange_frames()
        return number

    async def send(self, number: int, data: bytes, *, end: bool = False) -> None:
        self.h2.send_data(number, data, end_stream=end)
        await self.exchange_frames()

    async def answer(
        self,
        data: bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ndate: d\r\n\r\nok",
        upstream: int = -1,
    ) -> None:
        """One of the upstream's connections, the one made last, answers."""
        self.proxy.loop.transports[upstream].protocol.data_received(data)
        await self.exchange_frames()

    def named(self, kind: str, number: int | None = None) -> list[Any]:
        """Events by the name of their type, of one stream or of any."""
        found = [event for event in self.events if type(event).__name__ == kind]
        return [each for each in found if number is None or each.stream_id == number]

    def fields(self, number: int) -> dict[str, str]:
        """Of the response's head."""
        (head,) = self.named("ResponseReceived", number)
        return dict(head.headers)

    def body(self, number: int) -> bytes:
        return b"".join([event.data for event in self.named("DataReceived", number)])

    def goaways(self) -> list[tuple[int, int]]:
        return [(event.last_stream_id, int(event.error_code)) for event in self.named("ConnectionTerminated")]

    async def come_due(self) -> None:
        """The connection's own deadline passes."""
        now = self.proxy.clock.now_s = self.connection.life.deadline_s
        self.connection.on_deadline(now)
        await self.exchange_frames()

    async def stream_comes_due(self, number: int) -> None:
        stream = self.connection.streams[number]
        now = self.proxy.clock.now_s = stream.deadline_s
        stream.on_deadline(now)
        await self.exchange_frames()

    @property
    def left_s(self) -> float:
        """To the connection's deadline."""
        return self.connection.life.deadline_s - self.proxy.clock.now_s

    @property
    def state(self) -> str:
        return self.connection.life.state.name

"""The other end of an HTTP/2 connection without a socket, framed by `h2`: the test says what it receives and sends."""

import asyncio
from typing import Any, cast

import h2.config
import h2.connection
import h2.events
from hyperframe.frame import Frame, GoAwayFrame, HeadersFrame

from tests.fakes.network import Transport

__all__ = ["Http2Peer"]

Fields = list[tuple[bytes, bytes]]


class Http2Peer:
    """A server. `events`: what came, in order. `max_streams`: what its SETTINGS say."""

    def __init__(self, transport: Any, max_streams: int = 100) -> None:
        """`transport`: of `tests.fakes.network`, or of a `ManualLoop`."""
        self._transport = transport
        self._read_bytes = 0
        config = h2.config.H2Configuration(
            client_side=False,
            header_encoding=None,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.h2 = h2.connection.H2Connection(config)
        self.h2.local_settings.max_concurrent_streams = max_streams
        self.h2.local_settings.acknowledge()
        self.events: list[h2.events.Event] = []

    @property
    def connection(self) -> Any:
        return getattr(self._transport, "connection", None) or self._transport.protocol

    @property
    def _is_gone(self) -> bool:
        transport = self._transport
        return bool(transport.gone if isinstance(transport, Transport) else transport.lost)

    async def begin(self) -> None:
        """Take the preface, and send its SETTINGS."""
        self.h2.initiate_connection()
        await self.turn()

    async def turn(self) -> None:
        """What each side has to say, until both have said it."""
        for _ in range(6):
            await asyncio.sleep(0)
            self.take()
            self.send()

    def take(self) -> None:
        written = self._transport.written[self._read_bytes :]
        self._read_bytes += len(written)
        if written:
            self.events += self.h2.receive_data(bytes(written))

    def send(self) -> None:
        data = self.h2.data_to_send()
        if data and not self._is_gone:
            self.connection.data_received(data)

    async def head(
        self, number: int, status: int, fields: Fields | None = None, *, end: bool = False
    ) -> None:
        self.h2.send_headers(number, [(b":status", b"%d" % status), *(fields or [])], end_stream=end)
        await self.turn()

    async def data(self, number: int, data: bytes, *, end: bool = False) -> None:
        self.h2.send_data(number, data, end_stream=end)
        await self.turn()

    async def raw(self, *frames: Frame) -> None:
        """Past the rules of `h2`."""
        self.send()
        self.connection.data_received(b"".join([frame.serialize() for frame in frames]))
        await self.turn()

    async def raw_fields(self, number: int, fields: Fields, *, end: bool = False) -> None:
        frame = HeadersFrame(number, data=self.h2.encoder.encode(fields))
        frame.flags.add("END_HEADERS")
        if end:
            frame.flags.add("END_STREAM")
        await self.raw(frame)

    async def goaway(self, last_number: int, code: int = 0) -> None:
        frame = GoAwayFrame(0)
        frame.last_stream_id, frame.error_code = last_number, code
        await self.raw(frame)

    def came(self, kind: type[h2.events.Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def requests(self) -> list[Fields]:
        return [cast(Fields, event.headers) for event in self.came(h2.events.RequestReceived)]

    @property
    def body(self) -> bytes:
        """Of all requests."""
        return b"".join([event.data for event in self.came(h2.events.DataReceived)])

    @property
    def reset_codes(self) -> dict[int, int]:
        return {event.stream_id: int(event.error_code) for event in self.came(h2.events.StreamReset)}

    @property
    def said_goaway(self) -> bool:
        return bool(self.came(h2.events.ConnectionTerminated))

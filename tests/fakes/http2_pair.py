"""A server's HTTP/2 session with a client of `h2` at its other end, no connection between them."""

from typing import Any

import h2.events

from app.dataplane.codec.http2_owner import NOBODY, SessionLimits
from app.dataplane.codec.http2_session import Http2Session
from tests.fakes.http2_client import GracefulH2

__all__ = ["Http2Pair"]

LIMITS = SessionLimits(
    max_streams=100,
    max_head_bytes=32_768,
    stream_window_bytes=65_536,
    connection_window_bytes=1_000_000,
)
GET = [(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "/")]


class Http2Pair:
    """`session`: the server's, both prefaces exchanged; nobody is its owner."""

    def __init__(self) -> None:
        self.session = Http2Session(NOBODY, True, LIMITS)
        self.client = GracefulH2()
        self.client.initiate_connection()
        self.take()

    def open(self) -> int:
        """The client's next stream, a request without a body."""
        number = self.client.get_next_available_stream_id()
        self.client.send_headers(number, GET, end_stream=True)
        self.take()
        return number

    def take(self) -> list[tuple[Any, ...]]:
        """What the client got since: heads, data and ends of streams, as plain values."""
        events: list[Any] = []
        while True:
            sent, written = self.client.data_to_send(), self.session.output(1 << 20)
            if not sent and not written:
                break
            if sent:
                self.session.receive(sent, 0.0)
            events += self.client.receive_data(written)
        return [said for event in events for said in _said(event)]


def _said(event: Any) -> list[tuple[Any, ...]]:
    match event:
        case h2.events.InformationalResponseReceived():
            return [("interim", list(event.headers))]
        case h2.events.ResponseReceived():
            return [("head", list(event.headers))]
        case h2.events.TrailersReceived():
            return [("trailers", list(event.headers))]
        case h2.events.DataReceived() if event.data:
            return [("data", event.data)]
        case h2.events.StreamEnded():
            return [("end",)]
    return []

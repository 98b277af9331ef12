"""The parts of a viewer's socket that no message of the scenarios brings about."""

from typing import Any

import pytest

from app.admin.commands import Garbage
from app.admin.feed.feed import Viewer
from app.admin.feed.viewer_socket import ViewerSocket
from tests.fakes.transport import FakeTransport

HANDSHAKE = (
    b"GET /monitor/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n%b\r\n"
)


class Hub:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.joined: list[Viewer] = []
        self.left: list[Viewer] = []
        self.said: list[bytes] = []
        self.said_to_admin: list[bool] = []
        self.why_full: str | None = None

    def join(self, viewer: Viewer) -> None:
        self.joined.append(viewer)

    def leave(self, viewer: Viewer) -> None:
        self.left.append(viewer)

    def on_message(self, viewer: Viewer, address: str, text: bytes, *, is_admin: bool) -> None:
        self.said.append(text)
        self.said_to_admin.append(is_admin)
        if text == b"garbage":
            raise Garbage("not a message")


class Opened:
    def __init__(self, fields: bytes = b"", *, is_admin: bool = True) -> None:
        self.hub, self.transport, self.connections = Hub(), FakeTransport(), set[object]()
        self.socket = ViewerSocket(self.hub, self.connections, frozenset(), is_admin=is_admin)
        self.socket.connection_made(self.transport)
        self.socket.data_received(HANDSHAKE % fields)

    @property
    def sent(self) -> bytes:
        return bytes(self.transport.written)


def masked(text: bytes, opcode: int = 0x81) -> bytes:
    return bytes((opcode, 0x80 | len(text), 0, 0, 0, 0)) + text


async def test_a_handshake_joins_and_the_end_leaves():
    opened = Opened()
    assert opened.sent.startswith(b"HTTP/1.1 101 ")
    assert opened.hub.joined == [opened.socket]
    assert opened.connections == {opened.socket}
    opened.socket.connection_lost(None)
    assert (opened.hub.left, opened.connections) == ([opened.socket], set())


@pytest.mark.parametrize(
    ("fields", "status"),
    [(b"Origin: http://evil.example\r\n", b"403"), (b"Origin: null\r\n", b"403")],
)
async def test_a_foreign_page_gets_a_problem_and_the_connection_ends(fields, status):
    opened = Opened(fields)
    assert opened.sent.startswith(b"HTTP/1.1 %b " % status)
    assert b"application/problem+json" in opened.sent
    assert opened.hub.joined == []
    assert opened.transport.is_closing()


async def test_messages_reach_the_hub_and_garbage_ends_the_connection():
    opened = Opened()
    opened.socket.data_received(masked(b"hello"))
    assert opened.hub.said == [b"hello"]
    opened.socket.data_received(masked(b"garbage"))
    assert (1007).to_bytes(2) in opened.sent
    assert opened.hub.left == [opened.socket]


async def test_a_viewer_that_takes_nothing_is_not_read_from():
    opened = Opened()
    opened.socket.pause_writing()
    assert opened.transport.reading is False
    opened.socket.resume_writing()
    assert opened.transport.reading is True


async def test_nothing_is_sent_once_it_closes():
    opened = Opened()
    opened.socket.shutdown()
    sent = opened.sent
    assert (1001).to_bytes(2) in sent
    opened.socket.send(b"late")
    assert opened.sent == sent


def test_the_hub_of_the_tests_is_one() -> None:
    hub: Any = Hub()
    assert ViewerSocket(hub, set(), frozenset(), is_admin=True).in_step is False


@pytest.mark.parametrize("is_admin", [True, False])
async def test_a_message_says_by_which_port_it_came(is_admin):
    opened = Opened(is_admin=is_admin)
    opened.socket.data_received(masked(b"{}"))
    assert opened.hub.said_to_admin == [is_admin]
    opened.socket.connection_lost(None)

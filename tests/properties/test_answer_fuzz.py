"""Whatever an upstream sends, in whatever pieces: one end per exchange, and nothing of it in the next one."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from app.config.model import Endpoint
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.dataplane.upstream.upstream import Address

GOOD = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 9\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00",
)


class Pipe(asyncio.Transport):
    """The transport's side that the connection uses."""

    def __init__(self):
        self.aborted = False

    def set_write_buffer_limits(self, high=None, low=None):
        """Nothing is written here."""

    def abort(self):
        self.aborted = True

    def is_closing(self):
        return self.aborted


class Recorder:
    """An exchange that writes down what it is told."""

    def __init__(self, connection, head_only=False, wants_upgrade=False):
        self.connection = connection
        self.head_only = head_only
        self.wants_upgrade = wants_upgrade
        self.heads = 0
        self.body = b""
        self.ends = []

    def on_interim(self, status, phrase, fields):
        assert 101 < status < 200

    def on_answer_head(self, status, phrase, fields, head):
        assert 200 <= status <= 599
        self.heads += 1
        return True

    def on_answer_bytes(self, data):
        assert self.heads == 1, "body before head"
        self.body += data

    def flush(self):
        assert not self.ends

    def over(self, how):
        self.ends.append(how)
        self.connection.exchange = None

    def on_answer_end(self, trailers, reusable):
        self.over("end")

    def on_upgraded(self, phrase, fields, rest):
        assert self.wants_upgrade
        self.over("upgraded")

    def on_upstream_failed(self, reason, detail):
        assert detail
        self.over("failed")

    def failed_inside(self, error):
        raise error

    def pause_client(self):
        """No writes, no back-pressure."""

    def resume_client(self):
        """See `pause_client`."""


@st.composite
def answers(draw):
    """Good answers, whole or mutated, one or two after another."""
    data = bytearray(b"".join(draw(st.lists(st.sampled_from(GOOD), min_size=1, max_size=2))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data) - 1))
        change = draw(st.sampled_from(("set", "insert", "delete")))
        octet = draw(st.sampled_from(b"\r\n:; 09afzZ\x00\xff") | st.integers(0, 255))
        if change == "set":
            data[at] = octet
        elif change == "insert":
            data.insert(at, octet)
        elif len(data) > 1:
            del data[at]
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
    return [bytes(data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


@given(answers(), st.booleans(), st.booleans())
def test_any_answer_ends_an_exchange_at_most_once_and_a_close_always_does(pieces, head_only, wants_upgrade):
    connection = UpstreamConnection(Address(Endpoint("127.0.0.1", 1), "127.0.0.1"))
    connection.connection_made(Pipe())
    exchange = Recorder(connection, head_only, wants_upgrade)
    connection.begin(exchange)
    for piece in pieces:
        connection.data_received(piece)
    connection.connection_lost(None)
    assert len(exchange.ends) == 1
    assert exchange.heads <= 1


@given(answers())
def test_bytes_after_an_end_close_the_connection_and_reach_nobody(pieces):
    connection = UpstreamConnection(Address(Endpoint("127.0.0.1", 1), "127.0.0.1"))
    pipe = Pipe()
    connection.connection_made(pipe)
    first = Recorder(connection)
    connection.begin(first)
    connection.data_received(GOOD[0])
    assert first.ends == ["end"]
    assert first.body == b"hello"
    for piece in pieces:
        connection.data_received(piece)
    assert pipe.aborted
    assert (first.ends, first.body) == (["end"], b"hello")

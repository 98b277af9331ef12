"""The upstream connection against parsers of other hands: llhttp, which read responses before it, and h11.

Whatever it accepts, both accept, and all three understand alike: status, fields, body, trailers, and where the message
ends. Stricter it may be; where it reads otherwise, a function below names it, narrowly and with its reason.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dataplane.codec.fields import named_by_connection
from app.dataplane.upstream.http1_connection import UpstreamConnection
from tests.fakes.oracles import INCOMPLETE, REJECTED, Message, h11_response, llhttp_response
from tests.fakes.rewriting import Pairs, pairs
from tests.fakes.upstream_side import FakeTransport, RecordingReceiver

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"
SEEDS = (
    OK + b"Content-Length: 5\r\n\r\nhello",
    OK + b"Date: today\r\nServer: x \t\r\nSet-Cookie: a=1\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n",
    OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    CHUNKED + b"\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
    CHUNKED + b"Connection: close, X\r\nX: y\r\n\r\na;b=c\r\n0123456789\r\n00\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok",
    b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 9\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
    b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 404\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n",
    b"HTTP/1.1 500 caf\xe9 \r\nX: \xff\r\nContent-Length: 1\r\n\r\nx",
    b"HTTP/1.1 426 Upgrade\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok",
    CHUNKED + b"Content-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    OK + b"Content-Length: 5, 5\r\n\r\nhello",
    OK + b"X : y\r\nContent-Length: 0\r\n\r\n",
    OK + b"X: y\r\n folded\r\nContent-Length: 0\r\n\r\n",
    OK.replace(b"\r\n", b"\n") + b"Content-Length: 0\n\n",
)
SPLINTERS = (
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b" ",
        b":",
        b"\t",
        b"\x0b",
        b"\x7f",
        b"\xff",
        b",",
        b";",
        b"_",
        b"0",
        b"5",
        b"f",
    ),
    *(
        b"\r\n\r\n",
        b" \r\n",
        b"\r\n ",
        b"0\r\n\r\n",
        b"HTTP/1.1",
        b"HTTP/1.0",
        b"204",
        b"304",
        b"199",
        b"close",
    ),
    *(b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"X: y\r\n"),
    *(b"Connection: keep-alive\r\n", b"Connection: Date\r\n", b"Upgrade: h2c\r\n"),
)
GATEWAYS = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te transfer-encoding upgrade"
    b" content-length x-request-id tidegate-reason".split()
)
"""What is not handed on, so that it can't be compared (test_headers.py holds that)."""


@st.composite
def streams(draw) -> bytes:
    """One response or two, with up to five changes."""
    data = bytearray(b"".join(draw(st.lists(st.sampled_from(SEEDS), min_size=1, max_size=2))))
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(data)))
        change = draw(st.sampled_from(("set", "insert", "delete", "repeat", "case")))
        if change == "set":
            data[at : at + 1] = bytes([draw(st.integers(0, 255))])
        elif change == "insert":
            data[at:at] = draw(st.sampled_from(SPLINTERS))
        elif change == "delete":
            del data[at : at + draw(st.integers(1, 12))]
        elif change == "repeat":
            data[at:at] = data[at : at + draw(st.integers(1, 30))]
        else:
            data[at : at + 1] = bytes(data[at : at + 1]).swapcase()
    return bytes(data)


class Owner:
    """A pool that forgets."""

    def forget(self, connection: UpstreamConnection) -> None:
        """Nothing is counted here."""


def ours(data: bytes, *, closed: bool) -> Message | str:
    connection, transport = UpstreamConnection(Owner()), FakeTransport()
    connection.connection_made(transport)
    receiver = RecordingReceiver(connection)
    connection.begin(receiver)
    if data:
        connection.data_received(data)
    if closed and connection.receiver is receiver:
        connection.eof_received()
        connection.connection_lost(None)
    assert not receiver.bugs
    name, *details = receiver.calls[-1] if receiver.calls else ("nothing",)
    if name == "failed":
        return INCOMPLETE if "closed the connection" in details[1] else REJECTED
    if name != "end":
        return INCOMPLETE
    trailers, reusable = details
    (head,) = [call for call in receiver.calls if call[0] == "head"]
    return Message((head[1],), False, pairs(head[2]), receiver.body, trailers, keep=reusable)


def handed_on(fields: Pairs) -> Pairs:
    """What the gateway would hand on of an oracle's fields."""
    options = b",".join(value for name, value in fields if name == b"connection")
    gone = GATEWAYS | named_by_connection(options)
    return [field for field in fields if field[0] not in gone]


def asked_of_llhttp(data: bytes, *, closed: bool) -> Message | str:
    """llhttp reads nothing behind an interim response that says `close`; it means the final one (RFC 9112 §9.6)."""
    interim, rest = b"", data
    while (found := _INTERIM.match(rest)) is not None:
        interim += _CONNECTION.sub(b"\r\nXonnection:", found[0])
        rest = rest[found.end() :]
    return llhttp_response(interim + rest, closed=closed)


def says_one_length_twice(data: bytes) -> bool:
    """llhttp rejects it; a recipient may take equal lengths for one (RFC 9110 §8.6), as h11 and the gateway do."""
    lengths = _LENGTH.findall(data.partition(b"\r\n\r\n")[0] + b"\r\n")
    return len(lengths) > 1 and len(set(lengths)) == 1


_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)[ \t]*(?=\r\n)", re.IGNORECASE)
_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)[0-9]{2}(?:[^\r]|\r\n(?!\r\n))*\r\n\r\n")
_CONNECTION = re.compile(rb"\r\nconnection:", re.IGNORECASE)
ORACLES = {"llhttp": asked_of_llhttp, "h11": h11_response}


def compare(name: str, data: bytes, *, closed: bool) -> None:
    mine, theirs = ours(data, closed=closed), ORACLES[name](data, closed=closed)
    if mine is REJECTED:
        return
    if mine is INCOMPLETE:
        assert not isinstance(theirs, Message), (name, theirs, data)
        return
    assert isinstance(mine, Message)
    if name == "llhttp" and theirs is REJECTED and says_one_length_twice(data):
        return
    assert isinstance(theirs, Message), (name, theirs, mine, data)
    assert mine.start == theirs.start, (mine, theirs)
    assert mine.fields == handed_on(theirs.fields), (mine, theirs)
    assert (mine.body, mine.trailers) == (theirs.body, theirs.trailers), (mine, theirs)
    if mine.keep:
        assert theirs.end == len(data), (mine, theirs)
        assert theirs.keep is not False, (mine, theirs)


@pytest.mark.parametrize("name", ORACLES)
@given(streams(), st.booleans())
def test_what_the_connection_accepts_an_oracle_accepts_and_understands_alike(name, data, closed):
    compare(name, data, closed=closed)

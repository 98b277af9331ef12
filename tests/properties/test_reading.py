"""The request reader against parsers of other hands: llhttp, which read requests before it, and h11.

Whatever it accepts, both accept, and all three understand alike: method, target, version, fields, body, trailers, and
where the next message begins. Stricter it may be; where it is laxer or reads otherwise, `_EXCUSES` names it, narrowly
and with its reason.
"""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dataplane.codec.field_lines import pairs_of
from app.dataplane.codec.forwarded import PeerIdentity
from app.dataplane.downstream.request_reader import RequestReader
from app.settings import load_settings
from tests.fakes.oracles import INCOMPLETE, REJECTED, Message, h11_request, llhttp_request
from tests.scenarios.test_requests_malformed import BODIES, MALFORMED, OTHERS, TRUNCATED

Pairs = list[tuple[bytes, bytes]]
SETTINGS = load_settings({})
PEER = PeerIdentity("192.0.2.1", "http")
HOST = b"Host: a.example\r\n"
GOOD = (
    b"GET / HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /x?y=1&z=%20 HTTP/1.1\r\n" + HOST + b"Accept: */*\r\nCookie: a=1; b=2\r\nX:\r\n\r\n",
    b"HEAD http://b.example:81/x HTTP/1.1\r\n" + HOST + b"User-Agent: u \t\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello",
    b"PUT /x HTTP/1.0\r\n" + HOST + b"Content-Length: 005\r\nConnection: keep-alive\r\n\r\nhello",
    b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HOST + b"\r\n5\r\nhello\r\n0\r\nX-T: y\r\n\r\n",
    b"PATCH /x HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding:  Chunked \r\n\r\na;b=c\r\n0123456789\r\n00\r\n\r\n",
    b"GET /ws HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00",
    b"GET /x HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /x HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
    b"GET /x HTTP/1.0\r\n\r\n",
    b"\r\n\r\nDELETE /caf\xc3\xa9 HTTP/1.1\r\n" + HOST + b"X: \xff\r\n\r\n",
)
_CHUNKED = b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
SEEDS = (
    *GOOD,
    *GOOD,
    *(data for data in MALFORMED.values() if len(data) < 500),
    *(data for data, _, _ in OTHERS.values()),
    *(_CHUNKED + data for data in BODIES.values() if len(data) < 500),
    *TRUNCATED.values(),
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
        b"\x0c",
        b"\x7f",
        b"\xff",
        b"\xa0",
        b",",
        b";",
        b"_",
    ),
    *(
        b"0",
        b"5",
        b"10",
        b"+",
        b"-",
        b"0x",
        b"f",
        b"/",
        b"?",
        b"#",
        b"\\",
        b"HTTP/1.1",
        b"HTTP/1.0",
        b"chunked",
    ),
    *(
        b"\r\n\r\n",
        b" \r\n",
        b"\r\n ",
        b"0\r\n\r\n",
        b"GET / HTTP/1.1\r\n",
        b"close",
        b"keep-alive",
        b"Host:",
    ),
    *(b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Host: b\r\n"),
    *(b"Upgrade: h2c\r\n", b"Connection: Upgrade\r\n", b"Expect: 100-continue\r\n", b"X: y\r\n"),
)


@st.composite
def mutated(draw, seeds: tuple[bytes, ...]) -> bytes:
    """One or two messages, with up to five changes."""
    data = bytearray(b"".join(draw(st.lists(st.sampled_from(seeds), min_size=1, max_size=2))))
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


NAMES = st.sampled_from(
    b"Host Content-Length Transfer-Encoding Connection Upgrade Expect Trailer TE X X_Y x-api-key Via".split()
)
VALUES = st.sampled_from(
    [
        *(b"", b"a", b"a.example", b"5", b"0", b"05", b"5 ", b"\xe9", b'"q"', b"100-continue"),
        *(b"chunked", b"CHUNKED", b"chunked ", b"gzip, chunked"),
        *(b"close", b"Keep-Alive", b"upgrade", b"close, x", b"h2c", b"websocket"),
    ]
) | st.binary(max_size=6)


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """A request put together from parts, each of which is nearly always good."""
    method = draw(
        st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"HEAD", b"M-SEARCH", b"get"])
    )
    target = draw(
        st.sampled_from([b"/", b"/x?y", b"*", b"http://b/x", b"//", b"/a%00", b"/\xe9", b"/?#", b"x"])
    )
    version = draw(st.sampled_from([b"HTTP/1.1"] * 6 + [b"HTTP/1.0"] * 2 + [b"HTTP/1.2"]))
    blank = draw(st.sampled_from([b" "] * 8 + [b"", b"\t", b"  "]))
    fields = draw(st.lists(st.tuples(NAMES, VALUES), max_size=5))
    lines = [b"%b:%b%b" % (name, blank, value) for name, value in fields]
    if draw(st.integers(0, 5)):
        lines.append(HOST[:-2])
    head = b"\r\n".join([b" ".join([method, target, version]), *lines, b"", b""])
    rest: bytes = draw(
        st.sampled_from([b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"0\r\nX: y\r\n\r\n", GOOD[0]])
    )
    return head + rest


CHUNK_PARTS = st.sampled_from(
    [
        *(
            b"5\r\nhello\r\n",
            b"0\r\n\r\n",
            b"0\r\nX-T: y\r\n\r\n",
            b"\r\n",
            b"\n",
            b"5",
            b"0",
            b"a",
            b"hello",
        ),
        *(
            b"5;a\r\nhello\r\n",
            b'5;a=b;c="d e"\r\nhello\r\n',
            b"1;=\r\nx\r\n",
            b"00;x\r\n",
            b";a=",
            b'"\\""',
            b" ",
        ),
        *(b"X-T: a, b\r\n", b"X-U:\r\n", b"Host: b\r\n", b"X : y\r\n", b" folded\r\n", b"\t", b"\x80"),
    ]
)


@st.composite
def chunked(draw: st.DrawFn) -> bytes:
    """A chunked body put together from parts, which fit more or less."""
    parts: list[bytes] = draw(st.lists(CHUNK_PARTS, max_size=8))
    return b"".join([_CHUNKED, *parts, draw(st.sampled_from([b"", GOOD[0]]))])


STREAMS = mutated(SEEDS) | written() | chunked()


def ours(data: bytes, pieces: list[bytes] | None = None) -> list[Message | str]:
    """All messages of the stream; the last one may be INCOMPLETE (its head was accepted) or REJECTED."""
    reader, found = RequestReader(SETTINGS, PEER), list[Message | str]()
    message: Message | None = None
    for piece in [data] if pieces is None else pieces:
        reader.receive(piece)
        while True:
            if message is None:
                request = reader.next_request()
                if request is None:
                    break
                if request.rejection is not None:
                    return [*found, REJECTED]
                message = Message((request.method, request.target), request.http10, pairs_of(request.fields))
                message.keep = not request.close
            message.body += reader.read_body()
            if reader.body_fault:
                return [*found, REJECTED]
            if not reader.body_complete:
                break
            message.trailers = pairs_of(reader.trailers)
            message.end = reader.unread_bytes  # from behind: set right below
            found.append(message)
            message = None
    if message is not None:
        found.append(INCOMPLETE)
    return found


def ends(data: bytes) -> list[Message | str]:
    """As `ours`, of the whole at once, with `end` counted from the stream's start."""
    found = ours(data)
    for message in found:
        if isinstance(message, Message):
            message.end = len(data) - message.end
    return found


# --- differences that are meant: the input or the result is brought into the oracle's terms ---------------------


def asked_of_llhttp(data: bytes) -> Message | str:
    """llhttp takes what follows a head with Upgrade for another protocol, also where the head announces a body. An
    Upgrade changes nothing of a request's framing (RFC 9110 §7.8, RFC 9112 §6), so it is asked without that field."""
    head, end, rest = data.partition(b"\r\n\r\n")
    hidden = _UPGRADE.sub(b"\r\nXpgrade\\1:", head)
    found = llhttp_request(hidden + end + rest)
    if isinstance(found, Message):
        found.fields = [(b"upgrade" if name == b"xpgrade" else name, value) for name, value in found.fields]
    return found


def asked_of_h11(data: bytes) -> Message | str:
    """h11 rejects empty lines before a request, which servers ought to ignore (RFC 9112 §2.2)."""
    rest = data
    while rest.startswith(b"\r\n"):
        rest = rest[2:]
    found = h11_request(rest)
    if isinstance(found, Message):
        found.end += len(data) - len(rest)
    return found


_UPGRADE = re.compile(rb"\r\nupgrade([ \t]*):", re.IGNORECASE)
ORACLES = {"llhttp": asked_of_llhttp, "h11": asked_of_h11}


def in_h11s_terms(fields: Pairs) -> Pairs:
    """h11 hands on codings in lower case."""
    return [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in fields]


def alike(name: str, mine: Message, theirs: Message) -> bool:
    """`keep`: stricter is allowed here too, as everywhere."""
    fields = in_h11s_terms(mine.fields) if name == "h11" else mine.fields
    same = (
        mine.start == theirs.start
        and mine.http10 == theirs.http10
        and fields == theirs.fields
        and mine.body == theirs.body
        and mine.trailers == theirs.trailers
        and mine.end == theirs.end
    )
    return same and (theirs.keep is None or not mine.keep or theirs.keep)


def compare(name: str, data: bytes) -> None:
    at = 0
    for mine in ends(data):
        theirs = ORACLES[name](data[at:])
        if mine is REJECTED:
            return
        if mine is INCOMPLETE:
            assert not isinstance(theirs, Message), (name, theirs, data[at:])
            # a line that an oracle rejects in its middle is rejected at its end
            assert theirs is INCOMPLETE or ours(data + b"\r\n")[-1] is REJECTED, (name, data[at:])
            return
        assert isinstance(mine, Message)
        assert isinstance(theirs, Message), (name, theirs, mine, data[at:])
        theirs.end += at
        assert alike(name, mine, theirs), (name, mine, theirs)
        at = mine.end


@pytest.mark.parametrize("name", ORACLES)
@given(STREAMS)
def test_what_the_reader_accepts_an_oracle_accepts_and_understands_alike(name, data):
    compare(name, data)


@given(STREAMS, st.lists(st.integers(0, 400), max_size=6))
def test_the_pieces_in_which_a_stream_comes_mean_nothing(data, cuts):
    at = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in pairwise(at)]
    for each in (pieces, [bytes([octet]) for octet in data]):
        found = ours(data, each)
        whole = ours(data)
        for message in (*found, *whole):
            if isinstance(message, Message):
                message.end = 0  # counted in bytes that have come
        assert found == whole


@pytest.mark.parametrize("data", GOOD)
@pytest.mark.parametrize("name", ORACLES)
def test_a_good_request_is_accepted_by_all_unless_its_target_is_not_ascii(name, data):
    (message, *_) = ends(data)
    if b"\xc3" in data:
        assert message is REJECTED
    else:
        assert isinstance(message, Message)
        compare(name, data)


@pytest.mark.parametrize("data", [*MALFORMED.values(), *(data for data, _, _ in OTHERS.values())])
def test_what_is_malformed_is_rejected_though_an_oracle_may_take_it(data):
    assert ours(data)[-1:] == [REJECTED] or ours(data) == []
    if data.endswith(b"\r\n\r\n"):
        assert ours(data) == [REJECTED]


@pytest.mark.parametrize("data", [_CHUNKED + data for data in BODIES.values()])
def test_a_body_that_breaks_is_rejected(data):
    assert ours(data) == [REJECTED]

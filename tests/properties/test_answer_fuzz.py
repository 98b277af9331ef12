"""Whatever an upstream sends, in whatever pieces: one end per exchange, and nothing of it in the next one."""

from hypothesis import given
from hypothesis import strategies as st

from app.dataplane.upstream.http1_connection import UpstreamConnection
from tests.fakes.upstream_side import FakeTransport, RecordingReceiver

GOOD = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 9\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00",
)
ENDS = ("end", "upgraded", "failed")


class Owner:
    """A pool that forgets."""

    def forget(self, connection: UpstreamConnection) -> None:
        """Nothing is counted here."""


def made() -> tuple[UpstreamConnection, FakeTransport]:
    connection, transport = UpstreamConnection(Owner()), FakeTransport()
    connection.connection_made(transport)
    return connection, transport


def feed(connection: UpstreamConnection, transport: FakeTransport, pieces: list[bytes]) -> None:
    for piece in pieces:
        if not transport.aborted:  # a loop hands on nothing more
            connection.data_received(piece)


def ends(receiver: RecordingReceiver) -> list[str]:
    return [call[0] for call in receiver.calls if call[0] in ENDS]


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
    connection, transport = made()
    receiver = RecordingReceiver(connection, head_only=head_only, wants_upgrade=wants_upgrade)
    connection.begin(receiver)
    feed(connection, transport, pieces)
    connection.connection_lost(None)
    assert len(ends(receiver)) == 1
    names = [call[0] for call in receiver.calls]
    assert names.count("head") <= 1
    assert "body" not in names or names.index("head") < names.index("body")
    assert names[-1] in ENDS, "nothing comes after the end"
    assert all(101 < call[1] < 200 for call in receiver.calls if call[0] == "interim")
    assert wants_upgrade or "upgraded" not in names
    assert not receiver.bugs


@given(answers(), st.booleans(), st.booleans())
def test_the_pieces_in_which_an_answer_comes_mean_nothing(pieces, head_only, wants_upgrade):
    """But for how much of a surplus is seen at the end, which only decides whether the connection is kept."""
    seen = []
    for cut in (pieces, [b"".join(pieces)], [bytes([octet]) for octet in b"".join(pieces)]):
        connection, transport = made()
        receiver = RecordingReceiver(connection, head_only=head_only, wants_upgrade=wants_upgrade)
        connection.begin(receiver)
        feed(connection, transport, cut)
        connection.connection_lost(None)
        heads = [call for call in receiver.calls if call[0] in ("interim", "head")]
        if ends(receiver) != ["failed"]:
            seen.append((heads, receiver.body, ends(receiver)))
        else:
            seen.append(([], b"", ["failed"]))
    assert seen[0] == seen[1] == seen[2]


@given(answers())
def test_bytes_after_an_end_close_the_connection_and_reach_nobody(pieces):
    connection, transport = made()
    first = RecordingReceiver(connection)
    connection.begin(first)
    connection.data_received(GOOD[0])
    assert ends(first) == ["end"]
    assert first.body == b"hello"
    before = list(first.calls)
    feed(connection, transport, pieces)
    assert transport.aborted
    assert first.calls == before

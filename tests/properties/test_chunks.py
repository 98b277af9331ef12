"""Chunked coding against a parser of another hand, both ways (RFC 9112 §7.1)."""

import httptools
from hypothesis import given
from hypothesis import strategies as st

from app.dataplane.codec.body import ChunkReader, chunk, last_chunk
from app.dataplane.codec.field_lines import Field, pairs_of
from app.dataplane.codec.fields import REQUEST_LINES

TOKENS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12).map(
    lambda name: b"x-" + name.encode()
)
VALUES = st.text('abcXYZ019 ;=",', max_size=20).map(lambda value: value.strip().encode())
BODIES = st.lists(st.binary(min_size=1, max_size=300), max_size=12)
TRAILERS = st.lists(st.tuples(TOKENS, VALUES), max_size=4)


class Reader:
    def __init__(self) -> None:
        self.body = b""
        self.trailers: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_header(self, name: bytes, value: bytes) -> None:
        self.trailers.append((name, value))

    def on_headers_complete(self) -> None:
        self.trailers = []

    def on_message_complete(self) -> None:
        self.complete = True


@given(BODIES, TRAILERS, st.integers(1, 50))
def test_a_chunked_body_is_read_back_whatever_its_parts(parts, trailers, step):
    framed = b"".join(chunk(part) for part in parts)
    never_sent = [(b"content-length", b"1"), (b"host", b"evil")]
    framed += last_chunk(
        [Field(name, value, 0, name + b": " + value + b"\r\n") for name, value in (*trailers, *never_sent)]
    )
    reader = Reader()
    parser = httptools.HttpRequestParser(reader)
    parser.feed_data(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
    for start in range(0, len(framed), step):
        parser.feed_data(framed[start : start + step])
    assert reader.complete
    assert reader.body == b"".join(parts)
    assert reader.trailers == trailers

    ours, out = ChunkReader(REQUEST_LINES, 64 * 1024), list[bytes]()
    for start in range(0, len(framed), step):
        piece = framed[start : start + step]
        assert ours.read(piece, 0, out) == len(piece)
    assert ours.complete
    assert not ours.fault
    assert b"".join(out) == reader.body
    assert pairs_of(ours.trailers) == trailers


@given(
    st.lists(
        st.sampled_from([b"5", b"0", b"\r\n", b"\n", b"hello", b";a", b"X: y", b" ", b"\r"]), max_size=12
    )
)
def test_a_reader_never_goes_on_after_its_end_or_a_fault(pieces):
    reader, out = ChunkReader(REQUEST_LINES, 100), list[bytes]()
    ended = False
    for piece in pieces:
        before = len(out)
        stopped = reader.read(piece, 0, out)
        assert 0 <= stopped <= len(piece)
        if ended:
            assert (stopped, len(out)) == (0, before)
        ended = reader.complete or bool(reader.fault)
        assert stopped == len(piece) or ended

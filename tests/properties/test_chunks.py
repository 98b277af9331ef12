"""What we frame in chunks, a parser of another hand reads back (RFC 9112 §7.1)."""

import httptools
from hypothesis import given
from hypothesis import strategies as st

from app.dataplane.codec.request import RequestBody

TOKENS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12).map(
    lambda name: b"x-" + name.encode()
)
VALUES = st.text('abcXYZ019 ;=",', max_size=20).map(lambda value: value.strip().encode())


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


@given(
    st.lists(st.binary(min_size=1, max_size=300), max_size=12),
    st.lists(st.tuples(TOKENS, VALUES), max_size=4),
    st.integers(1, 50),
)
def test_a_chunked_body_is_read_back_whatever_its_parts(parts, trailers, step):
    body = RequestBody(-1)
    framed = b"".join(body.add(part) for part in parts)
    body.trailers = [*trailers, (b"content-length", b"1"), (b"host", b"evil")]
    framed += body.end()
    reader = Reader()
    parser = httptools.HttpRequestParser(reader)
    parser.feed_data(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
    for start in range(0, len(framed), step):
        parser.feed_data(framed[start : start + step])
    assert reader.complete
    assert reader.body == b"".join(parts)
    assert reader.trailers == trailers
    assert b"".join(body.replay or []) == framed

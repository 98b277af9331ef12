"""Framing is read from any field lines without raising, and never accepts what is ambiguous."""

from hypothesis import given
from hypothesis import strategies as st

from app.dataplane.codec.forwarded import PeerIdentity
from app.dataplane.codec.request import CHUNKED, read_request
from app.dataplane.codec.response import UNTIL_CLOSE, read_response

PEER = PeerIdentity("192.0.2.1", "http")
NAMES = st.sampled_from(
    b"host content-length transfer-encoding connection expect upgrade x-api-key authorization x-request-id "
    b"traceparent user-agent x".split()
)
VALUES = st.one_of(
    st.sampled_from(
        [b"a", b"5", b"0", b"chunked", b"gzip, chunked", b"close", b"100-continue", b"websocket"]
    ),
    st.binary(max_size=20),
    st.integers().map(lambda number: str(number).encode()),
)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=8)


def head(start: bytes, fields: list[tuple[bytes, bytes]]) -> bytes:
    return b"\r\n".join([start, *(b"%b: %b" % field for field in fields)])


@given(FIELDS, st.booleans())
def test_a_request_is_read_without_raising_and_ambiguity_is_a_fault(fields, http10):
    request = read_request(head(b"POST /x HTTP/1.0" if http10 else b"POST /x HTTP/1.1", fields), PEER)
    lengths = [value for name, value in fields if name == b"content-length"]
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    hosts = [value for name, value in fields if name == b"host"]
    if (
        len(lengths) + len(codings) > 1
        or len(hosts) > 1
        or (codings and http10)
        or (not hosts and not http10)
    ):
        assert request.rejection is not None
    if request.rejection is None:
        assert request.length_bytes == (CHUNKED if codings else int(lengths[0]) if lengths else 0)
    assert request.websocket is False, "a POST never is one"


@given(FIELDS, st.booleans())
def test_a_response_is_read_without_raising_and_ambiguity_is_a_fault(fields, http10):
    response = read_response(head(b"HTTP/1.0 200 OK" if http10 else b"HTTP/1.1 200 OK", fields))
    lengths = {value.strip(b" \t") for name, value in fields if name == b"content-length"}
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    if len(lengths) > 1 or len(codings) > 1 or (codings and (lengths or http10)):
        assert response.fault
    if not response.fault:
        expected = CHUNKED if codings else int(lengths.pop()) if lengths else UNTIL_CLOSE
        assert response.length_bytes == expected


@given(st.binary(max_size=60) | FIELDS.map(lambda fields: head(b"GET / HTTP/1.1", fields)))
def test_no_bytes_make_a_reader_raise(data):
    request, response = read_request(data, PEER), read_response(data)
    assert request.rejection is None or request.rejection.detail
    assert response.fault or response.status

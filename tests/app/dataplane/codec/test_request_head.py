"""The head of a request for an upstream in HTTP/1.1 and in HTTP/2."""

import pytest

from app.dataplane.codec.request_head import RequestHead, http1_head, http2_fields


@pytest.mark.parametrize(
    ("method", "length_bytes", "websocket", "framing"),
    [
        (b"GET", 0, False, b""),
        (b"POST", 0, False, b"content-length: 0\r\n"),
        (b"DELETE", 0, False, b""),
        (b"GET", 7, False, b"content-length: 7\r\n"),
        (b"PUT", -1, False, b"transfer-encoding: chunked\r\n"),
        (b"GET", 0, True, b"connection: Upgrade\r\nupgrade: websocket\r\n"),
    ],
)
def test_the_framing_follows_from_method_and_length(method, length_bytes, websocket, framing):
    head = RequestHead(method, b"/a?b", b"h", [b"x: y\r\n"], length_bytes, websocket)
    assert http1_head(head) == b"%b /a?b HTTP/1.1\r\nhost: h\r\nx: y\r\n%b\r\n" % (method, framing)


def test_te_is_named_by_connection():
    head = RequestHead(b"POST", b"/", b"h", [b"te: trailers\r\n"], -1, False)
    head.names_te = True
    assert http1_head(head).endswith(b"te: trailers\r\nconnection: TE\r\ntransfer-encoding: chunked\r\n\r\n")


@pytest.mark.parametrize(
    ("method", "length_bytes", "length"),
    [
        (b"GET", 0, []),
        (b"POST", 0, [(b"content-length", b"0")]),
        (b"PUT", 7, [(b"content-length", b"7")]),
        (b"PUT", -1, []),
    ],
)
def test_in_http2_pseudo_fields_come_first_and_names_are_lower_case(method, length_bytes, length):
    head = RequestHead(method, b"/a?b", b"h", [b"X-A: y: z\r\n", b"x-b: \r\n"], length_bytes, False)
    assert http2_fields(head, b"https") == [
        (b":method", method),
        (b":scheme", b"https"),
        (b":authority", b"h"),
        (b":path", b"/a?b"),
        (b"x-a", b"y: z"),
        (b"x-b", b""),
        *length,
    ]


def test_in_http2_te_needs_no_connection_field():
    head = RequestHead(b"POST", b"/", b"h", [b"te: trailers\r\n"], -1, False)
    head.names_te = True
    assert http2_fields(head, b"http")[4:] == [(b"te", b"trailers")]

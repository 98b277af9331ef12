"""Requests of HTTP/2 that would be read as something else in HTTP/1.1, as frames of one stream (RFC 9113 §10.3, §8)."""

from collections.abc import Callable

from tests.fakes.http2_frames import data, headers

__all__ = ["SMUGGLED"]

Pair = tuple[bytes, bytes]
METHOD, SCHEME = (b":method", b"GET"), (b":scheme", b"http")
PATH, AUTHORITY = (b":path", b"/x"), (b":authority", b"a.example")
GET = [METHOD, SCHEME, PATH, AUTHORITY]
POST = [(b":method", b"POST"), SCHEME, PATH, AUTHORITY]
NEXT = b"GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"

_NAMES: dict[str, Pair] = {
    "name-with-crlf": (b"x\r\ny", b"1"),
    "name-with-crlf-and-coding": (b"x: 1\r\ntransfer-encoding", b"chunked"),
    "name-with-a-request": (b"x: 1\r\n\r\n" + NEXT + b"y", b"1"),
    "name-with-lf": (b"x\ny", b"1"),
    "name-with-cr": (b"x\ry", b"1"),
    "name-with-nul": (b"x\0", b"1"),
    "name-with-colon": (b"x:y", b"1"),
    "name-that-ends-in-a-colon": (b"transfer-encoding:", b"chunked"),
    "name-with-colon-and-value": (b"transfer-encoding: chunked, x:", b"1"),
    "name-with-space": (b"x y", b"1"),
    "name-that-ends-in-a-space": (b"transfer-encoding ", b"chunked"),
    "name-that-begins-with-a-space": (b" transfer-encoding", b"chunked"),
    "name-that-ends-in-a-tab": (b"content-length\t", b"5"),
    "name-in-upper-case": (b"X-Upper", b"1"),
    "coding-in-upper-case": (b"Transfer-Encoding", b"chunked"),
    "host-in-upper-case": (b"Host", b"b.example"),
    "name-with-obs-text": (b"x\xe9", b"1"),
    "name-with-control": (b"x\x01", b"1"),
    "name-empty": (b"", b"1"),
}
_VALUES: dict[str, bytes] = {
    "value-with-crlf-and-field": b"1\r\ntransfer-encoding: chunked",
    "value-with-crlf-and-host": b"1\r\nhost: b.example",
    "value-with-a-request": b"1\r\n\r\n" + NEXT,
    "value-with-lf": b"1\nx: y",
    "value-with-cr": b"1\rx: y",
    "value-with-nul": b"1\x002",
    "value-with-control": b"1\x01",
    "value-with-delete": b"1\x7f",
    "value-that-begins-with-a-space": b" 1",
    "value-that-ends-in-a-space": b"1 ",
    "value-that-begins-with-a-tab": b"\t1",
    "value-that-is-folded": b"1\r\n 2",
}
_FIELDS: dict[str, Pair] = {
    "coding": (b"transfer-encoding", b"chunked"),
    "coding-identity": (b"transfer-encoding", b"identity"),
    "coding-empty": (b"transfer-encoding", b""),
    "coding-with-tab": (b"transfer-encoding", b"\tchunked"),
    "connection": (b"connection", b"close"),
    "connection-that-names-a-field": (b"connection", b"x-forwarded-for"),
    "keep-alive": (b"keep-alive", b"timeout=5"),
    "proxy-connection": (b"proxy-connection", b"keep-alive"),
    "upgrade": (b"upgrade", b"websocket"),
    "upgrade-h2c": (b"upgrade", b"h2c"),
    "te": (b"te", b"gzip"),
    "te-list": (b"te", b"trailers, deflate"),
}
_PATHS: dict[str, bytes] = {
    "path-absolute": b"http://b.example/x",
    "path-without-scheme": b"b.example/x",
    "path-relative": b"x",
    "path-empty": b"",
    "path-asterisk": b"*",
    "path-with-space": b"/x HTTP/1.1",
    "path-with-crlf": b"/x HTTP/1.1\r\nhost: b.example\r\ny: ",
    "path-with-a-request": b"/x HTTP/1.1\r\nhost: a\r\n\r\n" + NEXT,
    "path-with-lf": b"/x\ny",
    "path-with-nul": b"/x\0",
    "path-with-tab": b"/x\ty",
    "path-with-fragment": b"/x#y",
    "path-with-obs-text": b"/caf\xc3\xa9",
}
_METHODS: dict[str, bytes] = {
    "method-empty": b"",
    "method-lower-case": b"get",
    "method-with-a-target": b"GET /smuggled HTTP/1.1\r\nhost: b.example\r\n\r\nGET",
    "method-with-space": b"GET ",
    "method-with-nul": b"GE\0T",
    "method-unknown": b"SMUGGLE",
}
_AUTHORITIES: dict[str, bytes] = {
    "authority-empty": b"",
    "authority-with-crlf": b"a.example\r\nx: y",
    "authority-with-userinfo": b"u@a.example",
    "authority-with-path": b"a.example/y",
    "authority-with-space": b"a b",
    "authority-list": b"a.example, b.example",
    "authority-with-bad-port": b"a.example:x",
}
_HEADS: dict[str, list[Pair]] = {
    "no-method": [SCHEME, PATH, AUTHORITY],
    "no-scheme": [METHOD, PATH, AUTHORITY],
    "no-path": [METHOD, SCHEME, AUTHORITY],
    "no-authority-and-no-host": [METHOD, SCHEME, PATH],
    "scheme-with-host": [METHOD, (b":scheme", b"http://b.example/y?"), PATH, AUTHORITY],
    "scheme-with-crlf": [METHOD, (b":scheme", b"http\r\nx: y"), PATH, AUTHORITY],
    "scheme-other": [METHOD, (b":scheme", b"ftp"), PATH, AUTHORITY],
    "two-methods": [METHOD, *GET],
    "two-paths": [*GET, (b":path", b"/smuggled")],
    "two-authorities": [*GET, (b":authority", b"b.example")],
    "two-schemes": [*GET, SCHEME],
    "pseudo-field-of-a-response": [*GET, (b":status", b"200")],
    "pseudo-field-unknown": [*GET, (b":x", b"1")],
    "pseudo-field-behind-a-field": [*GET[:3], (b"x", b"1"), AUTHORITY],
    "host-of-another": [*GET, (b"host", b"b.example")],
    "host-twice": [*GET, (b"host", b"a.example"), (b"host", b"a.example")],
    "host-twice-without-authority": [METHOD, SCHEME, PATH, (b"host", b"a.example"), (b"host", b"b.example")],
    "host-malformed": [METHOD, SCHEME, PATH, (b"host", b"a.example/y")],
    "connect-with-a-path": [(b":method", b"CONNECT"), SCHEME, PATH, AUTHORITY],
    "protocol-without-connect": [*GET, (b":protocol", b"websocket")],
    "length-that-nothing-follows": [*GET, (b"content-length", b"5")],
}
_LENGTHS: dict[str, tuple[list[bytes], bytes]] = {
    "length-twice": ([b"5", b"5"], b"hello"),
    "two-lengths": ([b"5", b"6"], b"hello"),
    "length-list": ([b"5, 5"], b"hello"),
    "length-plus": ([b"+5"], b"hello"),
    "length-negative": ([b"-5"], b"hello"),
    "length-hex": ([b"0x5"], b"hello"),
    "length-with-space": ([b"5 "], b"hello"),
    "length-empty": ([b""], b"hello"),
    "length-overflow": ([b"18446744073709551621"], b"hello"),
    "length-beyond-int64": ([b"9999999999999999999"], b"hello"),
    "length-too-small": ([b"4"], b"hello"),
    "length-zero": ([b"0"], NEXT),
    "length-too-large": ([b"6"], b"hello"),
}
_TRAILERS: dict[str, Pair] = {
    "trailer-pseudo-field": (b":path", b"/smuggled"),
    "trailer-with-crlf": (b"x", b"1\r\n\r\n" + NEXT),
    "trailer-in-upper-case": (b"X", b"1"),
    "trailer-with-colon": (b"x:y", b"1"),
    "trailer-coding": (b"transfer-encoding", b"chunked"),
    "trailer-length": (b"content-length", b"5"),
    "trailer-connection": (b"connection", b"close"),
}


def _corpus() -> dict[str, Callable[[int], bytes]]:
    made: dict[str, list[Pair]] = dict(_HEADS)
    made |= {name: [*GET, pair] for name, pair in (_NAMES | _FIELDS).items()}
    made |= {name: [*GET, (b"x", value)] for name, value in _VALUES.items()}
    made |= {name: [METHOD, SCHEME, (b":path", path), AUTHORITY] for name, path in _PATHS.items()}
    made |= {name: [(b":method", method), SCHEME, PATH, AUTHORITY] for name, method in _METHODS.items()}
    made |= {name: [METHOD, SCHEME, PATH, (b":authority", host)] for name, host in _AUTHORITIES.items()}
    corpus = {name: _head_alone(pairs) for name, pairs in made.items()}
    for name, (lengths, body) in _LENGTHS.items():
        corpus[name] = _with_body([*POST, *((b"content-length", length) for length in lengths)], body)
    for name, pair in _TRAILERS.items():
        corpus[name] = _with_trailers(pair)
    return corpus


def _head_alone(pairs: list[Pair]) -> Callable[[int], bytes]:
    return lambda stream_id: headers(stream_id, pairs)


def _with_body(pairs: list[Pair], body: bytes) -> Callable[[int], bytes]:
    return lambda stream_id: headers(stream_id, pairs, end=False) + data(stream_id, body, end=True)


def _with_trailers(pair: Pair) -> Callable[[int], bytes]:
    return lambda stream_id: (
        headers(stream_id, POST, end=False) + data(stream_id, b"hello") + headers(stream_id, [pair])
    )


SMUGGLED = _corpus()
"""The frames of each, for the stream that they are to stand on. None is a request."""

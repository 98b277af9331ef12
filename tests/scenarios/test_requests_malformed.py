"""Requests that two readers could read differently, or that are none (RFC 9112 §§2-7, 11).

Each is answered with the contract's status and reason, the connection ends, and the upstream never gets a
complete request out of it; the gateway serves the next client.
"""

import pytest

from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway
from tests.fakes.upstream import RecorderUpstream

HOST = b"Host: a.example\r\n"
CHUNKED = b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"

MALFORMED: dict[str, bytes] = {
    # RFC 9112 §3: request line
    "empty-method": b" /x HTTP/1.1\r\n" + HOST + b"\r\n",
    "method-with-at": b"G@T /x HTTP/1.1\r\n" + HOST + b"\r\n",
    "method-lower-case": b"get /x HTTP/1.1\r\n" + HOST + b"\r\n",
    "method-with-nul": b"GE\0T /x HTTP/1.1\r\n" + HOST + b"\r\n",
    "no-target": b"GET HTTP/1.1\r\n" + HOST + b"\r\n",
    "space-in-target": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "tab-for-space": b"GET\t/x\tHTTP/1.1\r\n" + HOST + b"\r\n",
    "control-in-target": b"GET /a\x01b HTTP/1.1\r\n" + HOST + b"\r\n",
    "nul-in-target": b"GET /a\0b HTTP/1.1\r\n" + HOST + b"\r\n",
    "delete-in-target": b"GET /a\x7fb HTTP/1.1\r\n" + HOST + b"\r\n",
    "obs-text-in-target": b"GET /caf\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n",
    "fragment-in-target": b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n",
    "relative-target": b"GET x HTTP/1.1\r\n" + HOST + b"\r\n",
    "authority-form": b"GET a.example:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "asterisk-for-get": b"GET * HTTP/1.1\r\n" + HOST + b"\r\n",
    "userinfo-in-absolute-form": b"GET http://u:p@a.example/x HTTP/1.1\r\n" + HOST + b"\r\n",
    "ftp-in-absolute-form": b"GET ftp://a.example/x HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute-form-without-host": b"GET http:///x HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute-form-with-bad-port": b"GET http://a.example:99999/x HTTP/1.1\r\n" + HOST + b"\r\n",
    "version-with-tail": b"GET /x HTTP/1.1x\r\n" + HOST + b"\r\n",
    "version-two-digits": b"GET /x HTTP/1.10\r\n" + HOST + b"\r\n",
    "version-no-number": b"GET /x HTTP/x.y\r\n" + HOST + b"\r\n",
    "version-lower-case": b"GET /x http/1.1\r\n" + HOST + b"\r\n",
    "version-other-protocol": b"GET /x FOO/1.1\r\n" + HOST + b"\r\n",
    "space-after-version": b"GET /x HTTP/1.1 \r\n" + HOST + b"\r\n",
    "answer-for-request": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    # §2.2: line ends
    "bare-lf-after-request-line": b"GET /x HTTP/1.1\n" + HOST + b"\r\n",
    "bare-lf-after-field": b"GET /x HTTP/1.1\r\nHost: a.example\nX: y\r\n\r\n",
    "bare-lf-only": b"GET /x HTTP/1.1\nHost: a.example\n\n",
    "bare-lf-ends-head": b"GET /x HTTP/1.1\r\n" + HOST + b"\n",
    "bare-cr-in-value": b"GET /x HTTP/1.1\r\n" + HOST + b"X: a\rb\r\n\r\n",
    "bare-cr-in-request-line": b"GET /x\rHTTP/1.1\r\n" + HOST + b"\r\n",
    "space-before-first-field": b"GET /x HTTP/1.1\r\n " + HOST + b"\r\n",
    # §5: fields
    "obs-fold": b"GET /x HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n",
    "obs-fold-tab": b"GET /x HTTP/1.1\r\n" + HOST + b"X: a\r\n\tb\r\n\r\n",
    "obs-fold-coding": b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "space-before-colon": b"GET /x HTTP/1.1\r\n" + HOST + b"X : a\r\n\r\n",
    "space-before-colon-coding": CHUNKED.replace(b"Encoding:", b"Encoding :") + b"0\r\n\r\n",
    "space-in-name": b"GET /x HTTP/1.1\r\n" + HOST + b"X Y: a\r\n\r\n",
    "empty-name": b"GET /x HTTP/1.1\r\n" + HOST + b": a\r\n\r\n",
    "no-colon": b"GET /x HTTP/1.1\r\n" + HOST + b"nonsense\r\n\r\n",
    "nul-in-name": b"GET /x HTTP/1.1\r\n" + HOST + b"X\0: a\r\n\r\n",
    "nul-in-value": b"GET /x HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n\r\n",
    "control-in-name": b"GET /x HTTP/1.1\r\n" + HOST + b"X\x01: a\r\n\r\n",
    "control-in-value": b"GET /x HTTP/1.1\r\n" + HOST + b"X: a\x01b\r\n\r\n",
    "delete-in-value": b"GET /x HTTP/1.1\r\n" + HOST + b"X: a\x7fb\r\n\r\n",
    "obs-text-in-name": b"GET /x HTTP/1.1\r\n" + HOST + b"X\xe9: a\r\n\r\n",
    # §3.2: Host
    "no-host": b"GET /x HTTP/1.1\r\nX: a\r\n\r\n",
    "empty-host": b"GET /x HTTP/1.1\r\nHost:\r\n\r\n",
    "two-hosts": b"GET /x HTTP/1.1\r\n" + HOST + b"Host: b.example\r\n\r\n",
    "same-host-twice": b"GET /x HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "two-hosts-http10": b"GET /x HTTP/1.0\r\n" + HOST + HOST + b"\r\n",
    "host-list": b"GET /x HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n",
    "host-with-userinfo": b"GET /x HTTP/1.1\r\nHost: u@a.example\r\n\r\n",
    "host-with-path": b"GET /x HTTP/1.1\r\nHost: a.example/y\r\n\r\n",
    "host-with-space": b"GET /x HTTP/1.1\r\nHost: a b\r\n\r\n",
    "host-with-bad-port": b"GET /x HTTP/1.1\r\nHost: a.example:x\r\n\r\n",
    "no-host-absolute-form": b"GET http://a.example/x HTTP/1.1\r\n\r\n",
    # §6.3: Content-Length
    "length-and-coding": CHUNKED[:-2] + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "coding-and-length": (
        b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "two-lengths": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "same-length-twice": b"POST /x HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "length-list": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 5, 5\r\n\r\nhello",
    "length-plus": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: +5\r\n\r\nhello",
    "length-negative": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\nhello",
    "length-hex": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 0x5\r\n\r\nhello",
    "length-inner-space": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 5 6\r\n\r\nhello",
    "length-fraction": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 5.0\r\n\r\nhello",
    "length-empty": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length:\r\n\r\n",
    "length-word": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: five\r\n\r\nhello",
    "length-overflow": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    "length-beyond-int64": b"POST /x HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 9999999999999999999\r\n\r\nhello",
    # §6.1: Transfer-Encoding
    "coding-gzip": CHUNKED.replace(b"chunked", b"gzip") + b"0\r\n\r\n",
    "coding-identity": CHUNKED.replace(b"chunked", b"identity") + b"0\r\n\r\n",
    "coding-x-prefix": CHUNKED.replace(b"chunked", b"xchunked") + b"0\r\n\r\n",
    "coding-suffix": CHUNKED.replace(b"chunked", b"chunkedx") + b"0\r\n\r\n",
    "coding-quoted": CHUNKED.replace(b"chunked", b'"chunked"') + b"0\r\n\r\n",
    "coding-chunked-twice-in-list": CHUNKED.replace(b"chunked", b"chunked, chunked") + b"0\r\n\r\n",
    "coding-gzip-chunked": CHUNKED.replace(b"chunked", b"gzip, chunked") + b"0\r\n\r\n",
    "coding-chunked-gzip": CHUNKED.replace(b"chunked", b"chunked, gzip") + b"0\r\n\r\n",
    "coding-with-parameter": CHUNKED.replace(b"chunked", b"chunked;q=1") + b"0\r\n\r\n",
    "coding-empty": CHUNKED.replace(b"chunked", b"") + b"0\r\n\r\n",
    "coding-twice": CHUNKED[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding-with-vertical-tab": CHUNKED.replace(b" chunked", b"\x0bchunked") + b"0\r\n\r\n",
    "coding-in-http10": CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"0\r\n\r\n",
    # no HTTP at all
    "tls-client-hello": bytes.fromhex("16030100d3010000cf0303") + bytes(range(64)),
    "garbage": b"\x00\xff\xfe\xfd" * 8,
    "smtp": b"EHLO a.example\r\n",
}

OTHERS: dict[str, tuple[bytes, int, str]] = {
    "http09-simple": (b"GET /x\r\n\r\n", 505, "version_not_supported"),
    "http09": (b"GET /x HTTP/0.9\r\n" + HOST + b"\r\n", 505, "version_not_supported"),
    "http12": (b"GET /x HTTP/1.2\r\n" + HOST + b"\r\n", 505, "version_not_supported"),
    "http20": (b"GET /x HTTP/2.0\r\n" + HOST + b"\r\n", 505, "version_not_supported"),
    "http30": (b"GET /x HTTP/3.0\r\n" + HOST + b"\r\n", 505, "version_not_supported"),
    "http2-preface-with-a-field": (
        b"PRI * HTTP/2.0\r\nHost: a\r\n\r\nSM\r\n\r\n",
        505,
        "version_not_supported",
    ),
    "http2-preface-for-a-path": (b"PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version_not_supported"),
    "connect": (b"CONNECT a.example:80 HTTP/1.1\r\n" + HOST + b"\r\n", 405, "method_not_allowed"),
    "connect-then-bytes": (
        b"CONNECT a.example:80 HTTP/1.1\r\n" + HOST + b"\r\nGET /x HTTP/1.1\r\n" + HOST + b"\r\n",
        405,
        "method_not_allowed",
    ),
    "expect-other": (b"GET /x HTTP/1.1\r\n" + HOST + b"Expect: cake\r\n\r\n", 417, "expectation_failed"),
    "expect-two": (
        b"GET /x HTTP/1.1\r\n" + HOST + b"Expect: 100-continue, cake\r\n\r\n",
        417,
        "expectation_failed",
    ),
}

REFUSED = {name: (data, 400, "request_malformed") for name, data in MALFORMED.items()} | OTHERS

BODIES: dict[str, bytes] = {
    # §7.1: the body's framing breaks after the head went on
    "chunk-size-negative": b"-5\r\nhello\r\n0\r\n\r\n",
    "chunk-size-plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "chunk-size-hex-prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "chunk-size-no-hex": b"zz\r\nhello\r\n0\r\n\r\n",
    "chunk-size-overflow": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "chunk-size-empty": b"\r\nhello\r\n0\r\n\r\n",
    "chunk-size-space-before": b" 5\r\nhello\r\n0\r\n\r\n",
    "chunk-size-space-after": b"5 \r\nhello\r\n0\r\n\r\n",
    "chunk-size-two-numbers": b"5 5\r\nhello\r\n0\r\n\r\n",
    "chunk-size-bare-lf": b"5\nhello\r\n0\r\n\r\n",
    "chunk-size-bare-cr": b"5\rhello\r\n0\r\n\r\n",
    "chunk-extension-with-lf": b"5;a=\nb\r\nhello\r\n0\r\n\r\n",
    "chunk-extension-bare-lf": b"5;a\nhello\r\n0\r\n\r\n",
    "chunk-extension-endless": b"5;" + b"a" * 600_000,
    "chunk-size-zeros-endless": b"0" * 600_000,
    "chunk-without-crlf": b"5\r\nhello0\r\n\r\n",
    "chunk-data-bare-lf": b"5\r\nhello\n0\r\n\r\n",
    "chunk-longer-than-size": b"3\r\nhello\r\n0\r\n\r\n",
    "last-chunk-bare-lf": b"5\r\nhello\r\n0\n\n",
    "trailer-with-length": b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
    "trailer-without-colon": b"5\r\nhello\r\n0\r\nnonsense\r\n\r\n",
    "trailer-with-nul": b"5\r\nhello\r\n0\r\nX: \0\r\n\r\n",
    "trailer-folded": b"5\r\nhello\r\n0\r\nX: a\r\n b\r\n\r\n",
    "trailers-endless": b"5\r\nhello\r\n0\r\n" + b"X: aaaaaaaa\r\n" * 50_000,
    "trailer-value-endless": b"5\r\nhello\r\n0\r\nX: " + b"a" * 600_000,
}

TRUNCATED: dict[str, bytes] = {
    "head": b"GET /x HTTP/1.1\r\n" + HOST,
    "request-line": b"GET /x HT",
    "length-body": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 50\r\n\r\nhello",
    "chunk-data": CHUNKED + b"5\r\nhel",
    "chunk-size": CHUNKED + b"5",
    "last-chunk": CHUNKED + b"5\r\nhello\r\n",
    "trailers": CHUNKED + b"5\r\nhello\r\n0\r\nX: a\r\n",
}


async def good_request_works(port: int, upstream: RecorderUpstream) -> None:
    async with RawClient(port) as client:
        answer = await client.request("GET", "/good")
        assert answer.status == 200
    assert upstream.requests[-1].target == "/good"


@pytest.mark.parametrize("name", REFUSED)
async def test_a_malformed_request_is_refused_and_never_forwarded(name):
    data, status, reason = REFUSED[name]
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(data)
            answer = await client.read_response()
            assert (answer.status, answer.get("Tidegate-Reason")) == (status, reason)
            assert answer.get("Connection") == "close"
            await client.expect_closed()
            assert not client.was_reset
        assert upstream.requests == []
        await good_request_works(gateway.port, upstream)
        assert gateway.context.counts.internal_errors == 0


@pytest.mark.parametrize("name", ["no-host", "length-and-coding", "obs-fold", "tls-client-hello", "garbage"])
async def test_a_malformed_request_is_refused_byte_by_byte_too(name):
    data, status, reason = REFUSED[name]
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            for index in range(len(data)):
                await client.send(data[index : index + 1])
            answer = await client.read_response()
            assert (answer.status, answer.get("Tidegate-Reason")) == (status, reason)
        assert upstream.requests == []


@pytest.mark.parametrize("name", ["two-lengths", "length-and-coding", "coding-gzip", "no-host", "obs-fold"])
async def test_what_follows_a_malformed_request_is_never_read_as_a_request(name):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(MALFORMED[name] + b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n")
            assert (await client.read_response()).status == 400
            await client.expect_closed()
        assert upstream.requests == []


@pytest.mark.parametrize("name", BODIES)
async def test_a_request_whose_body_breaks_is_refused_and_never_completed(name):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(CHUNKED + BODIES[name] + b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n")
            answer = await client.read_response()
            assert (answer.status, answer.get("Tidegate-Reason")) == (400, "request_malformed")
            assert answer.get("Connection") == "close"
            await client.expect_closed()
            assert not client.was_reset
        await good_request_works(gateway.port, upstream)
        assert [request.target for request in upstream.requests if request.whole] == ["/good"]
        assert "/smuggled" not in [request.target for request in upstream.requests]
        assert gateway.context.counts.internal_errors == 0


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_breaks_after_its_head_was_forwarded_is_never_completed(name):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(CHUNKED)
            await upstream.wait_for(1)
            await client.send(BODIES[name])
            assert (await client.read_response()).status == 400
            await client.expect_closed()
        await upstream.wait_closed_early(0)
        assert not upstream.requests[0].whole


@pytest.mark.parametrize("name", TRUNCATED)
async def test_a_truncated_request_is_never_completed(name):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        async with RawClient(gateway.port) as client:
            await client.send(TRUNCATED[name])
            client.half_close()
            await client.read_until_closed()
        await good_request_works(gateway.port, upstream)
        assert [request.target for request in upstream.requests if request.whole] == ["/good"]
        assert gateway.context.counts.internal_errors == 0


async def test_garbage_after_a_good_request_is_answered_in_its_turn():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.reply(200, b"good")
        async with RawClient(gateway.port) as client:
            await client.send(b"GET /x HTTP/1.1\r\n" + HOST + b"\r\n" + b"\0garbage\r\n\r\n")
            first = await client.read_response()
            assert (first.status, first.body) == (200, b"good")
            assert (await client.read_response()).status == 400
            await client.expect_closed()
        assert len(upstream.requests) == 1

from http import HTTPStatus

import pytest

from app.dataplane.codec.body import RequestBody
from app.dataplane.codec.fields import RESPONSE_LINES
from app.dataplane.codec.local_reply import LocalReply
from app.dataplane.codec.response import read_response
from app.dataplane.downstream.response_writer import Http1ResponseWriter
from app.foundation.reasons import REASONS
from tests.fakes.proxy import context_of
from tests.fakes.requests import request_of
from tests.fakes.transport import FakeTransport

LINES = b"x-a: 1\r\n"


class Written:
    def __init__(self, *, complete=True, **of):
        request = request_of(**of)
        self.context = context_of("")
        self.transport = FakeTransport()
        self.writer = Http1ResponseWriter(self.context, self.context.own_entrance, self.transport)
        self.body = RequestBody(request.length_bytes)
        self.body.complete = complete
        self.writer.begin(request, self.body)

    def head(self, status=200, phrase=b"OK", length_bytes=2):
        self.writer.write_head(status, phrase, [LINES], length_bytes)
        self.writer.flush()
        return self.transport.take()


async def test_a_head_and_its_body_are_one_write_at_the_end():
    made = Written()
    made.writer.write_head(200, b"OK", [LINES], 4)
    made.writer.write_body(b"ab")
    assert made.transport.take() == b""
    assert made.writer.flush()
    assert not made.writer.flush()
    assert made.transport.take() == b"HTTP/1.1 200 OK\r\nx-a: 1\r\ncontent-length: 4\r\n\r\nab"
    made.writer.write_body(b"c")
    made.writer.end_response([], b"d")
    assert made.transport.take() == b"cd"
    assert not made.writer.last


async def test_a_body_of_unknown_length_is_chunked():
    made = Written()
    assert made.head(length_bytes=-1).endswith(b"x-a: 1\r\ntransfer-encoding: chunked\r\n\r\n")
    made.writer.write_body(b"abc")
    fields = [RESPONSE_LINES.read(line) for line in (b"X-Sum: 1", b"Set-Cookie: a")]
    made.writer.end_response([field for field in fields if field is not None], b"de")
    assert made.transport.take() == b"3\r\nabc\r\n2\r\nde\r\n0\r\nx-sum: 1\r\n\r\n"


async def test_for_http_1_0_it_ends_with_the_connection():
    made = Written(version="1.0", fields=["connection: keep-alive"])
    assert made.head(length_bytes=-2) == b"HTTP/1.1 200 OK\r\nx-a: 1\r\nconnection: close\r\n\r\n"
    made.writer.write_body(b"abc")
    made.writer.end_response([])
    assert (made.transport.take(), made.writer.last) == (b"abc", True)


async def test_http_1_0_is_told_that_its_connection_goes_on():
    made = Written(version="1.0", fields=["connection: keep-alive"])
    assert made.head().endswith(b"content-length: 2\r\nconnection: keep-alive\r\n\r\n")
    assert not made.writer.last
    assert Written(version="1.0").head().endswith(b"connection: close\r\n\r\n")


@pytest.mark.parametrize(
    ("status", "method", "length_bytes", "framing"),
    [
        (204, "GET", 0, b""),
        (204, "GET", -1, b""),
        (304, "GET", -2, b""),
        (304, "GET", 7, b"content-length: 7\r\n"),
        (200, "HEAD", -1, b""),
        (200, "HEAD", 7, b"content-length: 7\r\n"),
        (200, "GET", 0, b"content-length: 0\r\n"),
    ],
)
async def test_what_has_no_body_has_no_framing_of_one(status, method, length_bytes, framing):
    head = Written(method=method).head(status, length_bytes=length_bytes)
    assert head.partition(LINES)[2] == framing + b"\r\n"


@pytest.mark.parametrize(
    ("status", "phrase"), [(200, b"OK"), (200, b"Fine"), (200, b""), (599, b"Odd"), (404, b"caf\xe9")]
)
async def test_the_reason_phrase_is_the_upstreams(status, phrase):
    assert Written().head(status, phrase).startswith(b"HTTP/1.1 %d %b\r\n" % (status, phrase))


@pytest.mark.parametrize(
    "last", [{"fields": ["connection: close"]}, {"complete": False}, {"version": "1.0"}], ids=str
)
async def test_the_last_response_says_so(last):
    made = Written(**last)
    assert made.head().endswith(b"connection: close\r\n\r\n")
    assert made.writer.last


async def test_while_draining_every_response_is_the_last():
    made = Written()
    made.context.draining = True
    assert made.head().endswith(b"connection: close\r\n\r\n")
    made = Written()
    made.context.draining = True
    made.writer.reply(LocalReply(404, LINES, b"no"))
    assert (b"connection: close\r\n" in made.transport.take(), made.writer.last) == (True, True)


async def test_a_reply_is_whole_and_drops_what_was_collected():
    made = Written()
    made.writer.write_head(200, b"OK", [LINES], 4)
    assert made.writer.reply(LocalReply(404, LINES, b"no")) == 2
    assert made.transport.take() == b"HTTP/1.1 404 Not Found\r\nx-a: 1\r\ncontent-length: 2\r\n\r\nno"
    assert not made.writer.flush()


async def test_a_reply_to_head_has_no_body():
    made = Written(method="HEAD")
    assert made.writer.reply(LocalReply(404, LINES, b"no")) == 0
    assert made.transport.take().endswith(b"content-length: 2\r\n\r\n")


@pytest.mark.parametrize(
    ("field", "last"),
    [
        ("content-length: 65536", False),
        ("content-length: 65537", True),
        ("transfer-encoding: chunked", True),
    ],
)
async def test_after_a_reply_a_short_rest_of_the_body_is_read(field, last):
    made = Written(complete=False, method="POST", fields=[field])
    made.writer.reply(LocalReply(404, LINES, b"no"))
    assert made.writer.last is last
    made = Written(complete=False, method="POST", fields=[field])
    made.writer.end_after_response()
    made.writer.reply(LocalReply(404, LINES, b"no"))
    assert made.writer.last


async def test_a_client_that_waits_for_continue_may_never_send_its_body():
    made = Written(complete=False, method="POST", fields=["content-length: 5", "expect: 100-continue"])
    made.writer.reply(LocalReply(404, LINES, b"no"))
    assert made.writer.last
    made.transport.take()
    made.writer.write_continue()
    assert made.transport.take() == b"HTTP/1.1 100 Continue\r\n\r\n"


async def test_an_interim_response_goes_on_without_framing():
    made = Written()
    made.writer.write_interim(read_response(b"HTTP/1.1 103 Early Hints\r\nLink: a\r\nKeep-Alive: 5"))
    assert made.transport.take() == b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n"


async def test_an_upgrade_is_a_head_of_its_own():
    made = Written()
    made.writer.write_upgrade(b"Switching Protocols", LINES)
    assert made.transport.take() == (
        b"HTTP/1.1 101 Switching Protocols\r\nx-a: 1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n"
    )


async def test_it_tells_what_the_client_owes():
    made = Written()
    made.transport.stall()
    made.head()
    assert made.writer.unsent_bytes() > 0


async def test_before_its_first_request_it_writes_nothing():
    transport = FakeTransport()
    context = context_of("")
    writer = Http1ResponseWriter(context, context.own_entrance, transport)
    writer.write_head(200, b"OK", [LINES], 0)
    assert writer.reply(LocalReply(404, LINES, b"no")) == 0
    assert not writer.flush()
    assert transport.take() == b""


@pytest.mark.parametrize("status", sorted({200, 302, *(status for status, _ in REASONS.values())}))
async def test_every_local_reply_has_a_status_line(status):
    made = Written()
    made.writer.reply(LocalReply(status, LINES, b""))
    line = made.transport.take().partition(b"\r\n")[0]
    assert line == b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode())

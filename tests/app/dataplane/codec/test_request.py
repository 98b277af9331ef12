import pytest

from app.dataplane.codec.fields import Hop
from app.dataplane.codec.heads import RequestHead
from app.dataplane.codec.request import (
    HIGH_WATER_BYTES,
    SMALL_BODY_BYTES,
    Request,
    RequestBody,
    chunk,
    last_chunk,
)

HOP = Hop("10.0.0.1", "http", ())


def request(head: RequestHead, authority: bytes | None = None) -> Request:
    return Request(b"GET", (b"/x", b"q", authority), [], head, HOP)


def test_the_host_is_the_field_unless_the_target_names_one():
    head = RequestHead()
    assert request(head).host == b""
    head.host = b"a"
    assert request(head).host == b"a"
    assert request(head, b"b").host == b"b"


def test_the_client_is_the_peer_until_a_proxy_tells_otherwise():
    assert request(RequestHead()).client_ip == "10.0.0.1"


@pytest.mark.parametrize(
    ("length_bytes", "expects", "is_short"),
    [
        (0, False, False),
        (1, False, True),
        (1, True, False),
        (SMALL_BODY_BYTES, False, True),
        (SMALL_BODY_BYTES + 1, False, False),
        (-1, False, False),
    ],
)
def test_only_a_known_short_body_that_surely_comes_is_waited_for(length_bytes, expects, is_short):
    head = RequestHead()
    head.length_bytes, head.expects_continue = length_bytes, expects
    assert request(head).rest_is_short is is_short


def test_a_chunk_has_its_size_in_hex():
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"


def test_the_last_chunk_carries_only_trailers_that_may_pass():
    assert last_chunk([]) == b"0\r\n\r\n"
    assert last_chunk([(b"x-a", b"1"), (b"content-length", b"5")]) == b"0\r\nx-a: 1\r\n\r\n"
    assert last_chunk([(b"host", b"evil")]) == b"0\r\n\r\n"


def test_a_body_of_known_length_goes_on_as_it_is():
    body = RequestBody(5)
    assert not body.complete
    assert body.add(b"hel") == b"hel"
    assert body.add(b"lo") == b"lo"
    assert body.end() == b""
    assert (body.complete, body.seen_bytes) == (True, 5)
    assert body.replay == [b"hel", b"lo"]


def test_a_chunked_body_is_framed_anew():
    body = RequestBody(-1)
    body.trailers = [(b"x", b"y")]
    assert body.add(b"hello") == b"5\r\nhello\r\n"
    assert body.end() == b"0\r\nx: y\r\n\r\n"
    assert body.seen_bytes == 5


def test_a_request_without_body_is_complete_at_once():
    body = RequestBody(0)
    assert body.complete
    assert body.replayable
    assert not body.is_large


def test_a_large_body_is_forgotten_once_it_was_sent():
    body = RequestBody(HIGH_WATER_BYTES * 2)
    body.add(b"x" * HIGH_WATER_BYTES)
    assert not body.is_large
    body.add(b"x")
    assert body.is_large


def test_a_forgotten_body_is_not_kept_again():
    body = RequestBody(2)
    body.add(b"x")
    body.forget()
    assert body.add(b"y") == b"y"
    assert (body.replayable, body.is_large, body.replay_bytes) == (False, False, 0)

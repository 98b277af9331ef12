"""Bytes in any pieces in, requests one at a time out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dataplane.codec.body import RequestBody
from app.dataplane.codec.forwarded import PeerIdentity
from app.dataplane.downstream.request_reader import RequestReader
from app.foundation.reasons import Reason
from app.settings import load_settings

LIMITS = {"MAX_TARGET_BYTES": "256", "MAX_HEAD_BYTES": "1024", "MAX_FIELDS": "16"}
GET = b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n"
)


def reader(*data, **variables):
    made = RequestReader(load_settings({**LIMITS, **variables}), PeerIdentity("192.0.2.1", "http"))
    for piece in data:
        made.receive(piece)
    return made


def told(made):
    """The reason of the next request's rejection."""
    request = made.next_request()
    assert request is not None
    return request.rejection and request.rejection.reason


def test_requests_come_one_at_a_time_and_the_rest_stays_unread():
    made = reader(GET % 1 + GET % 2 + GET % 3)
    assert made.next_request().path == b"/1"
    assert made.unread_bytes == len(GET % 2 + GET % 3)
    assert made.body_complete
    assert [made.next_request().path, made.next_request().path] == [b"/2", b"/3"]
    assert (made.next_request(), made.unread_bytes, made.has_unread) == (None, 0, False)


def test_the_head_is_kept_as_it_came():
    made = reader(b"\r\n\r\n" + GET % 1)
    made.next_request()
    assert made.head == (GET % 1)[:-4]


def test_a_body_is_read_when_it_is_asked_for():
    made = reader(POST + GET % 2)
    assert made.next_request().length_bytes == 5
    assert not made.body_complete
    assert (made.read_body(), made.body_complete, made.read_body()) == (b"hello", True, b"")
    assert made.next_request().path == b"/2"


def test_a_chunked_body_comes_decoded_with_its_trailers():
    made = reader(CHUNKED + GET % 2)
    assert made.next_request().length_bytes == -1
    assert (made.read_body(), made.body_complete) == (b"abcde", True)
    assert [(field.name, field.value) for field in made.trailers] == [(b"x-sum", b"1")]
    assert made.next_request().path == b"/2"


def test_too_many_trailers_are_dropped():
    lines = b"".join(b"X-%d: 1\r\n" % at for at in range(17))
    made = reader(CHUNKED.replace(b"X-Sum: 1\r\n", lines))
    made.next_request()
    made.read_body()
    assert (made.body_complete, made.trailers) == (True, [])


@given(cuts=st.lists(st.integers(0, 400), max_size=40))
def test_in_whatever_pieces_the_bytes_come_the_requests_are_the_same(cuts):
    data = b"\r\n" + GET % 1 + POST + CHUNKED + GET % 2 + POST
    made, seen, body, at = reader(), [], b"", 0
    for cut in [*sorted(cut for cut in cuts if cut < len(data)), len(data)]:
        made.receive(data[at:cut])
        at = cut
        while True:
            if not made.body_complete:
                body += made.read_body()
                if not made.body_complete:
                    break
            request = made.next_request()
            if request is None:
                break
            assert request.rejection is None
            seen.append(request.path)
    assert seen == [b"/1", b"/p", b"/c", b"/2", b"/p"]
    assert body == b"helloabcdehello"
    assert made.unread_bytes == 0


def test_a_part_of_a_head_is_told():
    made = reader(b"GET / HT")
    assert (made.next_request(), made.has_unread) == (None, True)


# What is too large, or too late


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET /" + b"a" * 256 + b" HTTP/1.1\r\nHost: h\r\n\r\n", Reason.URI_TOO_LONG),
        (b"GET /" + b"a" * 256 + b" HTTP/1.1\r\nHost: h", Reason.URI_TOO_LONG),
        (b"GET /" + b"a" * 300, Reason.URI_TOO_LONG),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 1024 + b"\r\n\r\n", Reason.HEAD_TOO_LARGE),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 1024, Reason.HEAD_TOO_LARGE),
        (b"G" * 1100, Reason.HEAD_TOO_LARGE),
        (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: 1\r\n" * 16 + b"\r\n", Reason.HEAD_TOO_LARGE),
        (b"GET / HTTP/1.1\nHost: h\n\n", Reason.REQUEST_MALFORMED),
        (b"GET / HTTP/1.1\r\nHo\0st", Reason.REQUEST_MALFORMED),
        (b"hello\r\n", Reason.REQUEST_MALFORMED),
        (b"\x16\x03\x01\x02\x00\x01\x00", Reason.REQUEST_MALFORMED),
        (b"GET /\r\n", Reason.VERSION_NOT_SUPPORTED),
        (b"GET / HTTP/2.0\r\n", Reason.VERSION_NOT_SUPPORTED),
        (b"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", Reason.REQUEST_MALFORMED),
    ],
)
def test_what_can_be_no_request_is_rejected_at_once_and_reading_stops(data, reason):
    made = reader(data)
    assert told(made) is reason
    made.receive(GET % 1)
    assert (made.next_request(), made.read_body(), made.unread_bytes) == (None, b"", 0)


def test_a_target_as_long_as_its_limit_passes_while_it_comes():
    made = reader(b"GET /" + b"a" * 255)
    assert made.next_request() is None
    made.receive(b" HTTP/1.1\r\nHost: h\r\n\r\n")
    assert told(made) is None


def test_a_head_that_does_not_come_in_time_is_a_request_as_well():
    made = reader(b"GET / HT")
    request = made.time_out()
    assert request.rejection.reason is Reason.REQUEST_TIMEOUT
    assert (request.close, made.body_complete, made.next_request()) == (True, False, None)


@pytest.mark.parametrize(
    ("head", "complete"),
    [
        (b"POST /a HTTP/1.1\r\nHost: h\r\nExpect: x\r\nContent-Length: 5\r\n\r\nhello", False),
        (b"GET /a HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n", True),
        (b"GET /a HTTP/1.1\r\n\r\n", False),
    ],
)
def test_after_a_rejected_head_nothing_more_is_believed(head, complete):
    made = reader(head + GET % 2)
    assert told(made) is not None
    assert (made.body_complete, made.next_request(), made.read_body()) == (complete, None, b"")


@pytest.mark.parametrize("rest", [b"x\r\n", b"3\r\nabcX", b"FFFFFFFFFFFFFFFFF\r\n"])
def test_a_chunked_body_that_breaks_stops_the_reading(rest):
    made = reader(CHUNKED[: CHUNKED.index(b"3\r\nabc")] + rest)
    made.next_request()
    made.read_body()
    assert made.body_fault
    assert (made.body_complete, made.read_body(), made.unread_bytes) == (False, b"", 0)


def test_the_rest_is_handed_over_and_nothing_more_is_read():
    made = reader(GET % 1 + b"frames")
    made.next_request()
    assert made.take_rest() == b"frames"
    made.receive(GET % 2)
    assert made.next_request() is None


# Where a body goes


class Receiver:
    """What a body was passed to, in order."""

    def __init__(self):
        self.calls = []

    def on_request_body(self, data):
        self.calls.append(data)

    def on_request_end(self, trailers):
        self.calls.append([field.name for field in trailers])

    def on_request_malformed(self, detail):
        self.calls.append(detail)


def test_a_body_is_passed_on_as_it_comes():
    made, receiver = reader(CHUNKED[:-30]), Receiver()
    made.next_request()
    assert not made.pass_body(receiver)
    made.receive(CHUNKED[-30:])
    assert made.pass_body(receiver)
    assert (b"".join(receiver.calls[:-1]), receiver.calls[-1]) == (b"abcde", [b"x-sum"])


def test_a_malformed_body_is_reported_and_never_complete():
    made, receiver = reader(CHUNKED.partition(b"3\r\n")[0] + b"x\r\n"), Receiver()
    made.next_request()
    assert not made.pass_body(receiver)
    assert receiver.calls == ["invalid chunk size"]


def test_a_body_that_nobody_wants_is_read_to_its_end():
    made = reader(POST + GET % 2)
    made.next_request()
    assert made.pass_body(None)
    assert made.next_request().path == b"/2"


def first_body(data, **variables):
    made = reader(data, **variables)
    request = made.next_request()
    body = RequestBody(request.length_bytes)
    made.read_first_body(request, body)
    return made, request, body


def test_what_came_with_the_head_is_in_the_body_before_the_request_begins():
    _, request, body = first_body(POST)
    assert (request.rejection, body.replay, body.complete) == (None, [b"hello"], True)
    _, request, body = first_body(CHUNKED)
    assert (request.rejection, body.complete, [field.name for field in body.trailers]) == (
        None,
        True,
        [b"x-sum"],
    )
    _, request, body = first_body(POST[:-5])
    assert (request.rejection, body.replay, body.complete) == (None, [], False)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (CHUNKED.replace(b"3\r\nabc", b"x\r\nabc"), Reason.REQUEST_MALFORMED),
        (CHUNKED.replace(b"3\r\nabc", b"b\r\nhello-hello"), Reason.BODY_TOO_LARGE),
    ],
)
def test_what_came_with_the_head_may_reject_the_request(data, reason):
    made, request, _ = first_body(data, MAX_BODY_BYTES="8")
    assert request.rejection.reason is reason
    made.receive(GET % 2)
    assert made.next_request() is None

import pytest

from app.dataplane.codec.http2_response import read_http2_response
from app.dataplane.codec.response import CHUNKED

OK = (b":status", b"200")


def test_fields_pass_in_order_and_the_status_has_its_phrase():
    head = read_http2_response([OK, (b"set-cookie", b"a"), (b"server", b"x"), (b"set-cookie", b"b")])
    assert head.lines == [b"set-cookie: a\r\n", b"server: x\r\n", b"set-cookie: b\r\n"]
    assert (head.status, head.phrase, head.fault, head.length_bytes) == (200, b"OK", "", CHUNKED)
    assert not head.closes


def test_what_the_gateway_heeds_is_found():
    head = read_http2_response(
        [OK, (b"content-length", b"5"), (b"date", b"today"), (b"content-type", b"text/event-stream")]
    )
    assert (head.length_bytes, head.dated, head.is_event_stream) == (5, True, True)
    assert b"content-length" not in b"".join(head.lines)


def test_a_status_without_a_name_has_no_phrase():
    assert read_http2_response([(b":status", b"299")]).phrase == b""


@pytest.mark.parametrize(
    ("pairs", "fault"),
    [
        ([], "it does not begin with a status"),
        ([(b"server", b"x"), OK], "it does not begin with a status"),
        ([(b":status", b"20")], "it does not begin with a status"),
        ([(b":status", b"20x")], "it does not begin with a status"),
        ([(b":status", b"600")], "status 600"),
        ([(b":status", b"099")], "status 99"),
        ([(b":status", b"101")], "status 101"),
        ([OK, OK], "a field line is malformed"),
        ([OK, (b":path", b"/")], "a field line is malformed"),
        ([OK, (b"X-A", b"1")], "a field line is malformed"),
        ([OK, (b"x-a:b", b"1")], "a field line is malformed"),
        ([OK, (b"", b"1")], "a field line is malformed"),
        ([OK, (b"x a", b"1")], "a field line is malformed"),
        ([OK, (b"x-a", b"1\r\nx-b: 2")], "a field line is malformed"),
        ([OK, (b"x-a", b"1\x00")], "a field line is malformed"),
        ([OK, (b"connection", b"close")], "a field that HTTP/2 does not have"),
        ([OK, (b"transfer-encoding", b"chunked")], "a field that HTTP/2 does not have"),
        ([OK, (b"upgrade", b"h2c")], "a field that HTTP/2 does not have"),
        ([OK, (b"content-length", b"5"), (b"content-length", b"6")], "two Content-Length"),
        ([OK, (b"content-length", b"-5")], "Content-Length is not a number"),
    ],
)
def test_what_two_readers_could_take_differently_is_a_fault(pairs, fault):
    assert read_http2_response(pairs).fault == fault

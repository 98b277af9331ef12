import pytest

from app.dataplane.codec.response import CHUNKED, UNTIL_CLOSE, ResponseHead, read_response


def read(*lines: bytes, start: bytes = b"HTTP/1.1 200 OK") -> ResponseHead:
    return read_response(b"\r\n".join([start, *lines]))


def test_fields_pass_in_order_with_every_cookie():
    head = read(b"Set-Cookie: a=1, b", b"Server: x", b"Set-Cookie: c=2", b"Via: 1.1 y", b"Trailer: z", b"X:")
    assert head.lines == [
        b"set-cookie: a=1, b\r\n",
        b"server: x\r\n",
        b"set-cookie: c=2\r\n",
        b"via: 1.1 y\r\n",
        b"trailer: z\r\n",
        b"x: \r\n",
    ]
    assert (head.status, head.phrase, head.fault, head.dated, head.closes) == (200, b"OK", "", False, False)


def test_date_is_kept_and_reported():
    head = read(b"Date: today")
    assert (head.lines, head.dated) == ([b"date: today\r\n"], True)


@pytest.mark.parametrize(
    "line",
    [
        b"Connection: close",
        b"Keep-Alive: timeout=5",
        b"Proxy-Connection: close",
        b"Proxy-Authenticate: Basic",
        b"TE: x",
        b"Transfer-Encoding: chunked",
        b"Upgrade: h2c",
        b"Content-Length: 5",
        b"X-Request-ID: other",
        b"Tidegate-Reason: no_route",
    ],
)
def test_framing_and_connection_fields_and_what_only_the_gateway_says_stay_here(line):
    head = read(line)
    assert (head.lines, head.fault) == ([], "")


def test_fields_named_by_connection_are_dropped_wherever_they_stand():
    head = read(b"X-A: 1", b"Date: today", b"X-B: 2", b"Connection: X-A, date", b"X-A: 3")
    assert (head.lines, head.dated) == ([b"x-b: 2\r\n"], False)


def test_a_date_stays_dated_when_another_field_is_named():
    assert read(b"Date: today", b"Connection: x-a").dated


def test_several_connection_fields_count_together():
    head = read(b"Connection: x-a", b"Connection: close", b"X-A: 1", b"X-B: 1")
    assert (head.closes, head.lines) == (True, [b"x-b: 1\r\n"])


@pytest.mark.parametrize(
    ("value", "is_one"),
    [(b"text/event-stream", True), (b"Text/Event-Stream; charset=utf-8", True), (b"text/plain", False)],
)
def test_an_event_stream_is_known_by_its_type(value, is_one):
    head = read(b"Content-Type: " + value)
    assert head.is_event_stream is is_one
    assert head.lines == [b"content-type: " + value + b"\r\n"]


@pytest.mark.parametrize(
    ("start", "lines", "length_bytes", "closes"),
    [
        (b"HTTP/1.1 200 OK", [], UNTIL_CLOSE, False),
        (b"HTTP/1.0 200 OK", [b"Server: x"], UNTIL_CLOSE, True),
        (b"HTTP/1.0 200 OK", [b"Connection: keep-alive"], UNTIL_CLOSE, False),
        (b"HTTP/1.0 200 OK", [b"Connection: x"], UNTIL_CLOSE, True),
        (b"HTTP/1.1 200 OK", [b"Connection: x", b"Connection: close"], UNTIL_CLOSE, True),
        (b"HTTP/1.1 200 OK", [b"Content-Length: 5"], 5, False),
        (b"HTTP/1.1 200 OK", [b"Content-Length: 5", b"Content-Length: 5"], 5, False),
        (b"HTTP/1.1 200 OK", [b"Transfer-Encoding: Chunked"], CHUNKED, False),
    ],
)
def test_a_response_says_where_it_ends_and_whether_the_connection_does(start, lines, length_bytes, closes):
    head = read(*lines, start=start)
    assert (head.fault, head.length_bytes, head.closes) == ("", length_bytes, closes)


@pytest.mark.parametrize(
    ("lines", "start"),
    [
        ([b"Content-Length: 5", b"Content-Length: 6"], b"HTTP/1.1 200 OK"),
        ([b"Content-Length: five"], b"HTTP/1.1 200 OK"),
        ([b"Content-Length:"], b"HTTP/1.1 200 OK"),
        ([b"Content-Length: 5", b"Content-Length: x"], b"HTTP/1.1 200 OK"),
        ([b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"], b"HTTP/1.1 200 OK"),
        ([b"Transfer-Encoding: chunked", b"Content-Length: 5"], b"HTTP/1.1 200 OK"),
        ([b"Transfer-Encoding: chunked"], b"HTTP/1.0 200 OK"),
        ([b"Transfer-Encoding: gzip"], b"HTTP/1.1 200 OK"),
        ([b"Transfer-Encoding: gzip, chunked"], b"HTTP/1.1 200 OK"),
    ],
)
def test_ambiguous_framing_is_a_fault(lines, start):
    assert read(*lines, start=start).fault


def test_the_first_fault_is_the_one_that_is_told():
    assert read(b"Content-Length: 5", b"Content-Length: x").fault == "two Content-Length"
    assert read(b"Content-Length: x").fault == "Content-Length is not a number"


@pytest.mark.parametrize(
    "line", [b"no colon", b"X : a", b" folded", b"X: \0", b"X: a\rb", b"X: a\nY: b", b""]
)
def test_a_malformed_line_is_a_fault(line):
    assert read(line).fault == "a field line is malformed"


@pytest.mark.parametrize(
    ("start", "status", "phrase"),
    [
        (b"HTTP/1.1 204 No Content", 204, b"No Content"),
        (b"HTTP/1.1 599 caf\xe9\t!", 599, b"caf\xe9\t!"),
        (b"HTTP/1.1 200 ", 200, b""),
        (b"HTTP/1.1 200", 200, b""),
        (b"HTTP/1.1 100 Continue", 100, b"Continue"),
        (b"HTTP/1.0 200 OK", 200, b"OK"),
    ],
)
def test_a_status_line_is_version_status_and_phrase(start, status, phrase):
    head = read(start=start)
    assert (head.status, head.phrase, head.fault) == (status, phrase, "")


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"garbage",
        b"HTTP/1.1",
        b"HTTP/1.1 ",
        b"HTTP/1.1  200 OK",
        b"HTTP/1.1 200OK",
        b"HTTP/1.1 2000",
        b"HTTP/1.1 2x0 OK",
        b"HTTP/1.1 +20 OK",
        b"HTTP/1.1 \xb200 OK",
        b"HTTP/1.2 200 OK",
        b"HTTP/2.0 200 OK",
        b"http/1.1 200 OK",
        b" HTTP/1.1 200 OK",
        b"ICY 200 OK",
    ],
)
def test_any_other_status_line_is_a_fault(start):
    assert read(start=start).fault == "its status line is not `HTTP/1.1 STATUS REASON`"


@pytest.mark.parametrize("status", [b"000", b"099", b"600", b"999", b"20", b"2"])
def test_a_status_out_of_range_is_a_fault(status):
    assert read(start=b"HTTP/1.1 " + status).fault == f"status {int(status)}"


@pytest.mark.parametrize("octet", [b"\0", b"\n", b"\r", b"\x01", b"\x1b", b"\x7f"])
def test_a_control_character_in_the_phrase_is_a_fault(octet):
    assert read(start=b"HTTP/1.1 200 O" + octet + b"K").fault == "its status line holds a control character"


def test_upgrade_is_noted():
    assert read(b"Upgrade: websocket", start=b"HTTP/1.1 101 x").upgrade == b"websocket"


@pytest.mark.parametrize(
    ("lines", "status"), [((), -1), ((b"grpc-status: 14",), 14), ((b"grpc-status: x",), 2)]
)
def test_a_status_of_grpc_in_the_head_is_noted_and_passes(lines, status):
    head = read(*lines)
    assert head.grpc_status == status
    assert head.lines == [line + b"\r\n" for line in lines]

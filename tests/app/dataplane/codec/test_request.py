import pytest

from app.dataplane.codec.request import (
    CHUNKED,
    METHODS,
    SMALL_BODY_BYTES,
    digits,
    names_option,
    unread_request,
)
from app.foundation.reasons import Reason, Rejection
from tests.fakes.request_lines import MALFORMED, PEER, PROXY, read, reason_of, started

# --- the request line --------------------------------------------------------------------------------------


def test_a_plain_request_is_read_whole():
    request = read(b"Accept: */*")
    assert (request.method, request.target, request.path, request.query, request.host) == (
        b"GET",
        b"/x?y",
        b"/x",
        b"y",
        b"a",
    )
    assert (request.rejection, request.length_bytes, request.close, request.http10) == (None, 0, False, False)
    assert (request.peer, request.client_ip) == (PEER, "192.0.2.1")


@pytest.mark.parametrize("method", sorted(METHODS.keys() - {b"CONNECT"}))
def test_every_known_method_is_read(method):
    assert read(start=method + b" /x HTTP/1.1").rejection is None


@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
@pytest.mark.parametrize("method", [b"", b"get", b"G@T", b"GETX", b"X-STRANGE", b"GE\0T", b"\xff"])
def test_any_other_method_is_malformed(method, version):
    assert reason_of(read(start=method + b" /x " + version)) is MALFORMED


def test_connect_is_read_though_its_target_is_no_path():
    request = read(start=b"CONNECT a.example:80 HTTP/1.1")
    assert (request.rejection, request.target, request.path) == (None, b"a.example:80", b"")


@pytest.mark.parametrize(
    ("target", "path", "query", "host"),
    [
        (b"/", b"/", None, b"a"),
        (b"/a%20b?c?d", b"/a%20b", b"c?d", b"a"),
        (b"/?", b"/", b"", b"a"),
        (b"//x", b"//x", None, b"a"),
        (b"http://B.example:81/x?y", b"/x", b"y", b"B.example:81"),
        (b"HTTPS://b", b"/", None, b"b"),
        (b"http://b?y", b"/", b"y", b"b"),
    ],
)
def test_origin_form_and_absolute_form_whose_host_replaces_the_field(target, path, query, host):
    request = read(start=b"GET %b HTTP/1.1" % target)
    assert (request.rejection, request.path, request.query, request.host) == (None, path, query, host)


def test_asterisk_form_belongs_to_options():
    assert read(start=b"OPTIONS * HTTP/1.1").path == b"*"
    assert reason_of(read(start=b"GET * HTTP/1.1")) is MALFORMED


@pytest.mark.parametrize(
    "target",
    [
        b"",
        b"x",
        b"a:80",
        b"/a#b",
        b"/a\x01",
        b"/a\x7f",
        b"/a\tb",
        b"/caf\xe9",
        b"ftp://a/",
        b"http://u@a/",
        b"http:///x",
    ],
)
def test_any_other_target_is_malformed(target):
    assert reason_of(read(start=b"GET %b HTTP/1.1" % target)) is MALFORMED


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET",
        b"GET /x",
        b"GET /x HTTP/1.1 ",
        b" GET /x HTTP/1.1",
        b"GET  /x HTTP/1.1",
        b"GET /x  HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"GET\t/x\tHTTP/1.1",
        b"GET /x http/1.1",
        b"GET /x HTTP/1.1x",
        b"GET /x HTTP/1.10",
        b"GET /x HTTP/11",
        b"GET /x HTTP/x.y",
        b"GET /x FOO/1.1",
        b"GET HTTP/1.1",
        b"HTTP/1.1 200 OK",
        b"get /x",
        b"GET x",
        b"\xff\xfe",
    ],
)
def test_any_other_request_line_never_becomes_a_request(start):
    request = started(start, b"Host: a")
    assert reason_of(request) in (MALFORMED, Reason.VERSION_NOT_SUPPORTED)
    assert (reason_of(request) is Reason.VERSION_NOT_SUPPORTED) == (start == b"GET /x")
    assert (request.method, request.path, request.close) == (b"", b"", True)


@pytest.mark.parametrize("version", [b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/3.0"])
def test_another_version_is_told_by_its_name(version):
    for method in (b"GET", b"PRI"):
        request = started(b"%b * %b" % (method, version))
        assert request.rejection == Rejection(
            Reason.VERSION_NOT_SUPPORTED, f"{version.decode()} is not spoken here; use HTTP/1.1"
        )


# --- framing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [b"5", b"0", b"00005", b"9" * 18])
def test_a_length_is_digits(value):
    request = read(b"Content-Length: " + value)
    assert (request.rejection, request.length_bytes) == (None, int(value))


@pytest.mark.parametrize(
    "value", [b"", b"+5", b"-5", b"5, 5", b"0x5", b"5 6", b"5_0", b"9" * 19, "５".encode(), b"\xb2"]
)
def test_a_length_that_is_no_number_is_a_fault(value):
    request = read(b"Content-Length: " + value)
    assert request.rejection == Rejection(MALFORMED, "Content-Length is not a number")
    assert request.length_bytes == 0
    assert digits(value) == -1


@pytest.mark.parametrize("value", [b"chunked", b"Chunked", b" chunked\t"])
def test_a_chunked_body_has_no_known_length(value):
    request = read(b"Transfer-Encoding: " + value)
    assert (request.rejection, request.length_bytes) == (None, CHUNKED)


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Length: 5", b"Content-Length: 5"],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 5"],
        [b"Content-Length: 0", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: gzip, chunked"],
        [b"Transfer-Encoding: identity"],
        [b"Transfer-Encoding:"],
        [b"Transfer-Encoding: \xa0chunked"],
    ],
)
def test_ambiguous_framing_is_a_fault(lines):
    assert reason_of(read(*lines)) is MALFORMED


def test_http10_has_no_transfer_coding():
    request = read(b"Transfer-Encoding: chunked", start=b"POST /x HTTP/1.0")
    assert request.rejection == Rejection(MALFORMED, "HTTP/1.0 has no Transfer-Encoding")


def test_the_first_fault_is_the_one_that_is_told():
    request = read(b"Host: b", b"Content-Length: x", start=b"GET x HTTP/1.1")
    assert request.rejection == Rejection(MALFORMED, "Host is there twice; send it once")
    request.reject(Reason.NO_ROUTE, "later")
    assert reason_of(request) is MALFORMED


# --- expectations, options, upgrades -----------------------------------------------------------------------


def test_the_only_expectation_is_100_continue():
    assert read(b"Expect: 100-Continue").expects_continue
    assert read(b"Expect: x").rejection == Rejection(
        Reason.EXPECTATION_FAILED, "Expect can only be 100-continue"
    )


def test_an_expectation_of_http10_is_ignored():
    request = read(b"Expect: x", start=b"GET /x HTTP/1.0")
    assert (request.rejection, request.expects_continue) == (None, False)


@pytest.mark.parametrize(
    ("options", "closes"),
    [(b"keep-alive", False), (b"close", True), (b"x, Close ,y", True), (b"closed", False)],
)
def test_connection_close_is_one_of_the_options(options, closes):
    assert read(b"Connection: " + options).close is closes


@pytest.mark.parametrize(
    ("lines", "closes"),
    [
        ([], True),
        ([b"Connection: close"], True),
        ([b"Connection: keep-alive"], False),
        ([b"Connection: x, Keep-Alive"], False),
    ],
)
def test_http10_ends_with_the_response_unless_keep_alive_is_asked_for(lines, closes):
    request = read(*lines, start=b"GET /x HTTP/1.0")
    assert (request.close, request.http10, request.rejection) == (closes, True, None)


def test_http10_may_have_no_host_and_is_told_of_in_via():
    request = started(b"GET /x HTTP/1.0")
    assert (request.rejection, request.host) == (None, b"")
    assert request.peer is PEER.http10


@pytest.mark.parametrize("value", [None, b"", b"keep-alive", b"close-x, x close"])
def test_an_option_is_a_whole_element(value):
    assert not names_option(value, b"close")


UPGRADE, CONNECTION = b"Upgrade: websocket", b"Connection: Upgrade"


@pytest.mark.parametrize(
    ("lines", "start", "is_one"),
    [
        ([UPGRADE, CONNECTION], b"GET /x HTTP/1.1", True),
        ([b"Upgrade:  WebSocket ", b"Connection: keep-alive, UPGRADE"], b"GET /x HTTP/1.1", True),
        ([UPGRADE, b"Connection: keep-alive"], b"GET /x HTTP/1.1", False),
        ([UPGRADE], b"GET /x HTTP/1.1", False),
        ([CONNECTION], b"GET /x HTTP/1.1", False),
        ([b"Upgrade: websocket,h2c", CONNECTION], b"GET /x HTTP/1.1", False),
        ([b"Upgrade: h2c", CONNECTION], b"GET /x HTTP/1.1", False),
        ([UPGRADE, CONNECTION], b"POST /x HTTP/1.1", False),
        ([UPGRADE, CONNECTION], b"GET /x HTTP/1.0", False),
        ([UPGRADE, CONNECTION, b"Content-Length: 5"], b"GET /x HTTP/1.1", False),
        ([UPGRADE, CONNECTION, b"Transfer-Encoding: chunked"], b"GET /x HTTP/1.1", False),
    ],
)
def test_a_websocket_is_a_get_without_body_that_wants_upgrade_and_connection(lines, start, is_one):
    assert read(*lines, start=start).websocket is is_one


# --- what is asked of a request ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "is_short"),
    [
        ([], False),
        ([b"Content-Length: 1"], True),
        ([b"Content-Length: 1", b"Expect: 100-continue"], False),
        ([b"Content-Length: %d" % SMALL_BODY_BYTES], True),
        ([b"Content-Length: %d" % (SMALL_BODY_BYTES + 1)], False),
        ([b"Transfer-Encoding: chunked"], False),
    ],
)
def test_only_a_known_short_body_that_surely_comes_is_waited_for(lines, is_short):
    assert read(*lines).rest_is_short is is_short


def test_a_head_that_never_became_a_request_is_rejected_and_ends_the_connection():
    request = unread_request(Reason.REQUEST_TIMEOUT, "late", PEER)
    assert request.rejection == Rejection(Reason.REQUEST_TIMEOUT, "late")
    assert (request.close, request.method, request.path, request.host) == (True, b"", b"", b"")


def test_reading_the_same_head_again_gives_an_equal_request():
    """Kept lines or not: what is known of a request does not depend on what came before it."""
    lines = (b"User-Agent: u", b"X-API-Key: k", b"Content-Length: 5", b"Via: 1.0 fred", b"Connection: x-a")
    first, *others = [read(*lines, peer=PROXY) for _ in range(3)]
    for other in others:
        for name in ("lines", "agent", "x_api_key", "length_bytes", "brought", "options", "host", "path"):
            assert getattr(other, name) == getattr(first, name)


# --- gRPC --------------------------------------------------------------------------------------------------


def test_a_request_of_grpc_is_known_by_its_content_type_and_may_have_a_timeout():
    request = read(b"Content-Type: application/grpc", b"TE: trailers", b"grpc-timeout: 250m")
    assert (request.is_grpc, request.te_trailers, request.grpc_timeout_s) == (True, True, 0.25)
    assert request.lines == [b"content-type: application/grpc\r\n", b"grpc-timeout: 250m\r\n"]
    assert request.rejection is None


def test_without_a_timeout_a_call_may_take_as_long_as_it_likes():
    assert read(b"Content-Type: application/grpc").grpc_timeout_s is None


@pytest.mark.parametrize("lines", [(b"grpc-timeout: soon",), (b"grpc-timeout: 1S", b"grpc-timeout: 1S")])
def test_a_malformed_timeout_is_a_fault(lines):
    assert reason_of(read(b"Content-Type: application/grpc", *lines)) is MALFORMED


def test_to_other_requests_a_timeout_of_grpc_means_nothing():
    request = read(b"Content-Type: text/plain", b"grpc-timeout: soon")
    assert (request.is_grpc, request.grpc_timeout_s, request.rejection) == (False, None, None)


def test_te_that_wants_no_trailers_is_not_passed_on_as_such():
    assert not read(b"TE: gzip").te_trailers

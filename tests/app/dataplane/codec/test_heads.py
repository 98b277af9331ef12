import pytest

from app.dataplane.codec.heads import RequestHead, read_answer_head, read_request_head, wants_close
from app.errors import Reason

HOST = (b"host", b"a")


def read(*fields: tuple[bytes, bytes], http10: bool = False) -> RequestHead:
    return read_request_head([HOST, *fields], http10)


def test_a_plain_head_has_no_fault_and_no_body():
    head = read((b"accept", b"*/*"))
    assert (head.fault, head.length_bytes, head.host) == (None, 0, b"a")


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        (b"x-api-key", "x_api_key"),
        (b"authorization", "authorization"),
        (b"x-request-id", "request_id"),
        (b"traceparent", "traceparent"),
        (b"user-agent", "agent"),
        (b"connection", "options"),
        (b"upgrade", "upgrade"),
    ],
)
def test_what_is_asked_of_a_head_is_noted(name, attribute):
    assert getattr(read((name, b"v")), attribute) == b"v"


@pytest.mark.parametrize(
    ("name", "attribute", "joined"),
    [
        (b"x-api-key", "x_api_key", b"v, w"),
        (b"authorization", "authorization", b"v, w"),
        (b"x-request-id", "request_id", b""),
        (b"traceparent", "traceparent", b""),
        (b"connection", "options", b"v,w"),
        (b"upgrade", "upgrade", b"v,w"),
    ],
)
def test_a_field_that_is_there_twice_is_never_half_believed(name, attribute, joined):
    assert getattr(read((name, b"v"), (name, b"w")), attribute) == joined


@pytest.mark.parametrize("value", [b"5", b"0", b"00005", b"9" * 18])
def test_a_length_is_digits(value):
    head = read((b"content-length", value))
    assert (head.fault, head.length_bytes) == (None, int(value))


@pytest.mark.parametrize("value", [b"", b"+5", b"-5", b"5, 5", b"0x5", b"5 6", b"9" * 19, "５".encode()])
def test_a_length_that_is_no_number_is_a_fault(value):
    head = read((b"content-length", value))
    assert head.fault == (Reason.REQUEST_MALFORMED, "Content-Length is no number")
    assert head.length_bytes == 0


@pytest.mark.parametrize("value", [b"chunked", b"Chunked", b" chunked\t"])
def test_a_chunked_body_has_no_known_length(value):
    head = read((b"transfer-encoding", value))
    assert (head.fault, head.length_bytes) == (None, -1)


@pytest.mark.parametrize(
    "fields",
    [
        [(b"content-length", b"5"), (b"content-length", b"5")],
        [(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")],
        [(b"transfer-encoding", b"chunked"), (b"content-length", b"5")],
        [(b"transfer-encoding", b"gzip, chunked")],
        [(b"transfer-encoding", b"identity")],
        [(b"transfer-encoding", b"\x0bchunked")],
        [HOST],
        [(b"host", b"b")],
    ],
)
def test_ambiguous_framing_is_a_fault(fields):
    fault = read(*fields).fault
    assert fault is not None
    assert fault[0] is Reason.REQUEST_MALFORMED


def test_the_first_fault_is_the_one_that_is_told():
    head = read(HOST, (b"content-length", b"x"))
    assert head.fault == (Reason.REQUEST_MALFORMED, "Host is there twice; send it once")


def test_http10_has_no_transfer_coding():
    assert read((b"transfer-encoding", b"chunked"), http10=True).fault is not None


def test_http11_wants_a_host():
    assert read_request_head([], False).fault == (Reason.REQUEST_MALFORMED, "Host is missing")


def test_http10_may_have_no_host():
    assert read_request_head([], True).fault is None


def test_a_bad_host_is_a_fault_in_http10_too():
    assert read_request_head([(b"host", b"a b")], True).fault == (
        Reason.REQUEST_MALFORMED,
        "Host is no host and port",
    )


def test_the_only_expectation_is_100_continue():
    assert read((b"expect", b"100-Continue")).expects_continue
    assert read((b"expect", b"x")).fault == (Reason.EXPECTATION_FAILED, "Expect can only be 100-continue")


def test_an_expectation_of_http10_is_ignored():
    head = read((b"expect", b"x"), http10=True)
    assert (head.fault, head.expects_continue) == (None, False)


@pytest.mark.parametrize(
    ("upgrade", "options", "is_one"),
    [
        (b"websocket", b"Upgrade", True),
        (b" WebSocket ", b"keep-alive, UPGRADE", True),
        (b"websocket", b"keep-alive", False),
        (b"websocket", None, False),
        (b"websocket,h2c", b"upgrade", False),
        (b"h2c", b"upgrade", False),
        (None, b"upgrade", False),
    ],
)
def test_a_websocket_wants_upgrade_and_connection(upgrade, options, is_one):
    head = RequestHead()
    head.upgrade, head.options = upgrade, options
    assert head.is_websocket is is_one


@pytest.mark.parametrize(
    ("options", "closes"), [(None, False), (b"close", True), (b"x, Close ,y", True), (b"closed", False)]
)
def test_connection_close_is_one_of_the_options(options, closes):
    assert wants_close(options) is closes


@pytest.mark.parametrize(
    ("fields", "http10", "length_bytes", "closes"),
    [
        ([], False, -2, False),
        ([(b"server", b"x")], True, -2, True),
        ([(b"connection", b"keep-alive")], True, -2, False),
        ([(b"connection", b"x"), (b"connection", b"close")], False, -2, True),
        ([(b"content-length", b"5")], False, 5, False),
        ([(b"content-length", b"5"), (b"content-length", b"5")], False, 5, False),
        ([(b"transfer-encoding", b"Chunked")], False, -1, False),
    ],
)
def test_an_answer_says_where_it_ends_and_whether_the_connection_does(fields, http10, length_bytes, closes):
    head = read_answer_head(fields, http10)
    assert (head.fault, head.length_bytes, head.closes) == ("", length_bytes, closes)


@pytest.mark.parametrize(
    ("fields", "http10"),
    [
        ([(b"content-length", b"5"), (b"content-length", b"6")], False),
        ([(b"content-length", b"five")], False),
        ([(b"content-length", b"5"), (b"content-length", b"x")], False),
        ([(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")], False),
        ([(b"transfer-encoding", b"chunked"), (b"content-length", b"5")], False),
        ([(b"transfer-encoding", b"chunked")], True),
        ([(b"transfer-encoding", b"gzip")], False),
    ],
)
def test_an_answer_of_ambiguous_framing_has_a_fault(fields, http10):
    assert read_answer_head(fields, http10).fault


def test_the_upgrade_of_an_answer_is_noted():
    assert read_answer_head([(b"upgrade", b"websocket")], False).upgrade == b"websocket"

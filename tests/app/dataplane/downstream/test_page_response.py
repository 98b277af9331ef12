"""HTTP/1.1 of a page becomes calls of a writer."""

import pytest

from app.dataplane.codec.response import CHUNKED, UNTIL_CLOSE
from app.dataplane.downstream.page_response import PageResponse
from tests.fakes.stream_side import StreamSide

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Request-ID: 7\r\nConnection: close\r\n"


@pytest.fixture
def side():
    return StreamSide()


def fed(side, data, *, head_only=False, at_once=True):
    response = PageResponse(side, head_only=head_only)
    pieces = [data] if at_once else [data[at : at + 1] for at in range(len(data))]
    rest = b"".join(response.read(piece) for piece in pieces)
    return response, rest


@pytest.mark.parametrize("at_once", [True, False])
def test_fields_pass_in_lower_case_without_those_of_the_connection(side, at_once):
    response, rest = fed(side, HEAD + b"Content-Length: 2\r\n\r\nok", at_once=at_once)
    assert side.head == (200, b"content-type: text/plain\r\nx-request-id: 7\r\n", 2)
    assert (side.body, side.calls, response.complete, rest) == (b"ok", ["end"], True, b"")


@pytest.mark.parametrize("at_once", [True, False])
def test_chunks_are_decoded(side, at_once):
    text = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    response, _ = fed(side, text, at_once=at_once)
    assert side.head is not None
    assert (side.head[2], side.body, side.calls, response.complete) == (CHUNKED, b"abcde", ["end"], True)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_a_status_without_a_body_ends_with_its_head(side, status):
    response, _ = fed(side, b"HTTP/1.1 " + status + b"\r\n\r\n")
    assert (side.body, side.calls, response.complete) == (b"", ["end"], True)


def test_the_response_to_head_has_a_length_and_no_body(side):
    response, _ = fed(side, HEAD + b"Content-Length: 10\r\n\r\n", head_only=True)
    assert side.head is not None
    assert (side.head[2], side.calls, response.complete) == (10, ["end"], True)


def test_an_empty_body_ends_with_the_head(side):
    response, _ = fed(side, HEAD + b"Content-Length: 0\r\n\r\n")
    assert (side.calls, response.complete) == (["end"], True)


def test_a_body_without_a_length_goes_on(side):
    response, _ = fed(side, HEAD + b"\r\nsome")
    response.read(b"more")
    assert side.head is not None
    assert (side.head[2], side.body, side.calls, response.complete) == (UNTIL_CLOSE, b"somemore", [], False)


def test_what_comes_behind_the_end_is_nobodys(side):
    response, _ = fed(side, HEAD + b"Content-Length: 2\r\n\r\nokmore")
    response.read(b"and more")
    assert (side.body, side.calls) == (b"ok", ["end"])


def test_an_invitation_to_send_the_body_passes(side):
    fed(side, b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 2\r\n\r\nok")
    assert (side.calls, side.body) == (["continue", "end"], b"ok")


@pytest.mark.parametrize("at_once", [True, False])
def test_101_is_200_in_http2_and_frames_follow(side, at_once):
    text = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
    )
    response, rest = fed(side, text + b"\x81\x00" if at_once else text, at_once=at_once)
    assert side.head == (200, b"sec-websocket-protocol: chat\r\n", CHUNKED)
    assert (response.upgraded, response.complete, rest) == (True, False, b"\x81\x00" if at_once else b"")
    assert (side.body, side.calls) == (b"", [])


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\nX: 1\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ],
)
def test_what_is_no_response_is_a_fault_of_ours(side, text):
    with pytest.raises(ValueError, match="a page's response is malformed"):
        fed(side, text)

"""Bytes of an upstream in, calls of the exchange out; no socket."""

import pytest

from app.dataplane.upstream import http1_connection
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.foundation.reasons import Reason
from tests.fakes.upstream_wire import (
    CHUNKED,
    FLUSH,
    HELLO,
    OK,
    Owner,
    Wire,
    ends,
    fault,
    heads,
    in_all_pieces,
)

# --- whole responses ---------------------------------------------------------------------------------------


def test_a_whole_response_is_one_head_one_body_one_end(wire):
    receiver = wire.exchange()
    wire.send(OK + b"Server: x\r\nContent-Length: 5\r\n\r\nhello")
    assert receiver.calls == [("head", 200, b"server: x\r\n"), ("body", b"hello"), ("end", [], True)]
    assert not wire.transport.aborted


@pytest.mark.parametrize(
    ("data", "last"), [(HELLO, b"hello"), (CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde")]
)
def test_what_comes_with_the_end_goes_on_with_it(wire, data, last):
    receiver = wire.exchange()
    wire.send(data)
    assert receiver.last == last


def test_a_body_that_comes_later_is_flushed_as_it_comes(wire):
    receiver = wire.exchange()
    wire.send(OK + b"Content-Length: 5\r\n\r\n", b"he", b"llo")
    assert receiver.calls == [
        ("head", 200, b""),
        FLUSH,
        ("body", b"he"),
        FLUSH,
        ("body", b"llo"),
        ("end", [], True),
    ]


@pytest.mark.parametrize(
    ("data", "body", "trailers"),
    [
        (HELLO, b"hello", []),
        (OK + b"Content-Length: 0\r\n\r\n", b"", []),
        (CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde", []),
        (CHUNKED + b"0\r\nX-T: 1\r\n\r\n", b"", [(b"x-t", b"1")]),
        (b"HTTP/1.1 103 Early\r\nLink: a\r\n\r\n" + HELLO, b"hello", []),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", b"", []),
    ],
)
def test_a_response_means_the_same_in_whatever_pieces_it_comes(data, body, trailers):
    for pieces in in_all_pieces(data):
        wire = Wire()
        receiver = wire.exchange()
        wire.send(*pieces)
        assert receiver.body == body
        assert ends(receiver) == [("end", trailers, True)]
        assert len(heads(receiver)) == 1
        assert not receiver.bugs


@pytest.mark.parametrize(
    ("data", "head_only"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", False),
        (b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", False),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", False),
        (OK + b"Content-Length: 9\r\n\r\n", True),
        (CHUNKED, True),
        (OK + b"\r\n", True),
    ],
)
def test_some_responses_have_no_body_whatever_their_fields_say(data, head_only, wire):
    receiver = wire.exchange(head_only=head_only)
    wire.send(data)
    assert receiver.body == b""
    assert ends(receiver) == [("end", [], True)]


def test_a_body_of_no_known_length_ends_with_the_connection(wire):
    receiver = wire.exchange()
    wire.send(OK + b"\r\nhel", b"lo")
    assert receiver.calls == [("head", 200, b""), ("body", b"hel"), FLUSH, ("body", b"lo"), FLUSH]
    wire.close()
    assert receiver.calls[-1] == ("end", [], False)
    assert wire.owner.forgotten == [wire.connection]


def test_a_body_of_no_known_length_may_come_after_its_head(wire):
    receiver = wire.exchange()
    wire.send(OK + b"\r\n", b"hello")
    assert receiver.calls == [("head", 200, b""), FLUSH, ("body", b"hello"), FLUSH]


@pytest.mark.parametrize(("error", "clean"), [(ConnectionResetError(), False), (None, False)])
def test_a_body_of_no_known_length_that_is_cut_is_not_its_end(wire, error, clean):
    receiver = wire.exchange()
    wire.send(OK + b"\r\nhel")
    wire.close(error, clean=clean)
    assert ends(receiver) == [("failed", Reason.UPSTREAM_RESET, "the upstream closed the connection")]


@pytest.mark.parametrize(
    "data", [b"", b"HTTP/1.1 2", OK, OK + b"Content-Length: 5\r\n\r\nhel", CHUNKED + b"5"]
)
def test_a_connection_that_ends_before_its_response_does_has_failed(wire, data):
    receiver = wire.exchange()
    if data:
        wire.send(data)
    wire.close()
    assert ends(receiver) == [("failed", Reason.UPSTREAM_RESET, "the upstream closed the connection")]
    assert wire.connection.response_begun is bool(data)
    assert wire.connection.lost


@pytest.mark.parametrize(
    "head",
    [
        OK + b"Connection: close\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n",
    ],
)
def test_a_connection_that_closes_is_not_used_again(wire, head):
    receiver = wire.exchange()
    wire.send(head + b"hello")
    assert ends(receiver) == [("end", [], False)]


@pytest.mark.parametrize("surplus", [b"x", b"\r\n", HELLO])
@pytest.mark.parametrize(
    "whole", [HELLO, CHUNKED + b"1\r\na\r\n0\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"]
)
def test_a_connection_with_bytes_behind_its_response_is_not_used_again(wire, whole, surplus):
    receiver = wire.exchange()
    wire.send(whole + surplus)
    assert ends(receiver) == [("end", [], False)]
    assert receiver.body in (b"hello", b"a", b"")


# --- malformed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\r\n\r\n",
        b"\r\n" + HELLO,
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 600 No\r\n\r\n",
        OK + b"no colon\r\n\r\n",
        OK + b"X: a\nY: b\r\n\r\n",
        OK + b"X: \x01\r\n\r\n",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 \x01\r\n\r\n",
    ],
)
def test_a_malformed_head_fails_the_exchange_in_whatever_pieces_it_comes(data):
    for pieces in in_all_pieces(data):
        wire = Wire()
        receiver = wire.exchange()
        wire.send(*pieces)
        assert fault(receiver), pieces
        assert not heads(receiver)


def test_a_server_of_http2_that_waited_for_the_request_is_named(wire):
    receiver = wire.exchange()
    wire.send(b"\0\0\x06\x04\0\0\0\0\0" + b"\0\x03\0\0\0\x64")  # SETTINGS, as a gRPC server begins
    assert fault(receiver) == "it is HTTP/2, which `protocol: h2` would speak with it"


@pytest.mark.parametrize(
    "start", [b"g", b"\r", b"HTTP/2", b"HTTP/1.1 600 No\r\n", b"HTTP/1.1 200 OK\n", b"\0"]
)
def test_what_cannot_become_a_head_is_found_out_before_its_end_comes(wire, start):
    receiver = wire.exchange()
    wire.send(start)
    assert fault(receiver)


def test_a_head_without_end_is_bounded(wire):
    receiver = wire.exchange()
    wire.send(OK)
    for _ in range(300):
        wire.send(b"X: %b\r\n" % (b"a" * 1000))
    assert fault(receiver) == "its head is larger than 256 KiB"


@pytest.mark.parametrize(
    "body", [b"z\r\n", b"3\r\nabcd\r\n", b"0\r\nContent-Length: 5\r\n\r\n", b"5;" + b"a" * 300_000]
)
def test_a_malformed_chunked_body_fails_the_exchange_after_its_head(wire, body):
    receiver = wire.exchange()
    wire.send(CHUNKED, body)
    assert fault(receiver)
    assert heads(receiver) == [200]


# --- one exchange after another ----------------------------------------------------------------------------


def test_a_connection_serves_one_exchange_after_another(wire):
    for _ in range(3):
        receiver = wire.exchange()
        assert not wire.connection.response_begun
        wire.send(HELLO)
        assert receiver.calls == [("head", 200, b""), ("body", b"hello"), ("end", [], True)]


def test_a_head_that_repeats_is_the_same_value_and_another_is_not(wire):
    seen = []
    for head in (b"A: 1", b"A: 1", b"A: 2", b"A: 1"):
        receiver = wire.exchange()

        def keep(response):
            seen.append(response)
            return True

        receiver.on_response_head = keep
        wire.send(OK + head + b"\r\nContent-Length: 0\r\n\r\n")
    assert seen[0] is seen[1]
    assert [b"".join(response.lines) for response in seen] == [b"a: %d\r\n" % n for n in (1, 1, 2, 1)]


def test_a_kept_head_does_not_make_its_body_the_old_one(wire):
    for body, head_only in ((b"one", False), (b"", True), (b"two", False)):
        receiver = wire.exchange(head_only=head_only)
        wire.send(OK + b"Content-Length: 3\r\n\r\n" + body)
        assert receiver.body == body
        assert ends(receiver) == [("end", [], True)]


@pytest.mark.parametrize("unasked", [b"x", HELLO])
def test_bytes_that_come_unasked_close_the_connection_and_reach_nobody(wire, unasked):
    first = wire.exchange()
    wire.send(HELLO)
    before = list(first.calls)
    wire.send(unasked)
    assert wire.transport.aborted
    assert wire.owner.forgotten == [wire.connection]
    assert first.calls == before


def test_an_idle_connection_that_is_lost_is_forgotten(wire):
    wire.close()
    assert wire.owner.forgotten == [wire.connection]


# --- the exchange's side -----------------------------------------------------------------------------------


def test_a_response_that_is_not_wanted_is_not_read_on(wire):
    receiver = wire.exchange(wanted=False)
    wire.send(HELLO)
    assert receiver.calls == [("head", 200, b"")]


@pytest.mark.parametrize("leave_at", ["head", "body"])
@pytest.mark.parametrize(
    "pieces",
    [
        [HELLO],
        [OK + b"Content-Length: 5\r\n\r\nhel", b"lo"],
        [CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"],
        [CHUNKED + b"5\r\nhello\r\n"],
        [CHUNKED + b"5\r\nhello\r\nmalformed"],
        [OK + b"\r\nhello"],
    ],
)
def test_an_exchange_that_leaves_hears_no_more(wire, pieces, leave_at):
    receiver = wire.exchange(leave_at=leave_at)
    wire.send(*pieces)
    assert receiver.calls[-1][0] == leave_at
    wire.close()
    assert receiver.calls[-1][0] == leave_at


def test_a_fault_of_ours_is_the_exchanges_end_not_the_loops(wire):
    receiver = wire.exchange()

    def fail(_):
        raise ValueError("a bug")

    receiver.on_response_body = fail
    wire.send(HELLO)
    (bug,) = receiver.bugs
    assert str(bug) == "a bug"
    assert wire.transport.aborted


def test_back_pressure_reaches_the_exchange(wire):
    receiver = wire.exchange()
    wire.connection.pause_writing()
    wire.connection.resume_writing()
    assert receiver.calls == [("pause",), ("resume",)]
    assert wire.transport.high_water_bytes == http1_connection.HIGH_WATER_BYTES


def test_without_an_exchange_back_pressure_is_nobodys(wire):
    wire.connection.pause_writing()
    wire.connection.resume_writing()
    wire.connection.abort()
    assert wire.transport.aborted


def test_what_nobody_is_left_to_take_is_not_waited_for(wire):
    wire.transport.unsent_bytes = 1
    wire.connection.eof_received()
    assert wire.transport.aborted


def test_a_connection_that_was_never_made_can_be_given_up():
    connection = UpstreamConnection(Owner())
    connection.abort()
    assert not connection.lost

"""Interim responses and upgrades of an upstream of HTTP/1.1; no socket."""

import pytest

from tests.fakes.upstream_wire import HELLO, ends, fault

# --- interim responses and upgrades ------------------------------------------------------------------------


def test_interim_responses_are_handed_on_but_for_100(wire):
    receiver = wire.exchange()
    wire.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: a\r\n\r\n" + HELLO)
    assert receiver.calls == [
        ("interim", 103, b"link: a\r\n"),
        ("head", 200, b""),
        ("body", b"hello"),
        ("end", [], True),
    ]


@pytest.mark.parametrize("field", [b"Content-Length: 0", b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_an_interim_response_has_no_body(wire, field):
    receiver = wire.exchange()
    wire.send(b"HTTP/1.1 103 Early\r\n" + field + b"\r\n\r\n" + HELLO)
    assert fault(receiver) == "status 103 with a body"


def test_a_client_that_leaves_at_an_interim_response_hears_no_more(wire):
    receiver = wire.exchange(leave_at="interim")
    wire.send(b"HTTP/1.1 103 Early\r\n\r\n" + HELLO)
    assert receiver.calls == [("interim", 103, b"")]


def test_interim_responses_without_end_are_bounded(wire):
    receiver = wire.exchange()
    one = b"HTTP/1.1 103 Early\r\nLink: %b\r\n\r\n" % (b"a" * 1000)
    for _ in range(400):
        wire.send(one)
    assert fault(receiver) == "its head is larger than 256 KiB"


UPGRADED = b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n"


def test_an_upgrade_that_was_asked_for_hands_over_what_came_behind_it(wire):
    receiver = wire.exchange(wants_upgrade=True)
    wire.send(UPGRADED + b"\x81\x00")
    assert receiver.calls == [("upgraded", 101, b"\x81\x00")]
    assert not wire.transport.aborted


@pytest.mark.parametrize(
    ("data", "wants_upgrade"),
    [(UPGRADED, False), (UPGRADED.replace(b"WebSocket", b"h2c"), True), (b"HTTP/1.1 101 S\r\n\r\n", True)],
)
def test_an_upgrade_that_nobody_asked_for_is_malformed(wire, data, wants_upgrade):
    receiver = wire.exchange(wants_upgrade=wants_upgrade)
    wire.send(data)
    assert fault(receiver) == "101 that nobody asked for"


def test_a_response_to_an_upgrade_may_be_an_ordinary_one(wire):
    receiver = wire.exchange(wants_upgrade=True)
    wire.send(HELLO)
    assert ends(receiver) == [("end", [], True)]

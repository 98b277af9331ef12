"""What comes by HTTP/2 and goes on by HTTP/1.1 is the same one request there, or rejected."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.dataplane.codec.field_pairs import read_trailers
from app.dataplane.codec.fields import REQUEST_LINES
from app.dataplane.codec.forwarded import PeerIdentity
from app.dataplane.codec.http2_request import read_http2_request
from app.dataplane.codec.request import CHUNKED
from app.dataplane.codec.request_head import RequestHead, http1_head
from tests.fakes.http2_frames import GET, PREFACE, data, headers, settings
from tests.fakes.http2_peers import End, server
from tests.fakes.http2_smuggling import SMUGGLED
from tests.fakes.oracles import Message, h11_request, llhttp_request

PEER = PeerIdentity("192.0.2.1", "http").http2


def complete_requests(calls):
    """What would go on of the calls: requests that are well formed, with a body that has come whole."""
    open_streams, complete = {}, []
    for call in calls:
        kind, number = call[0], call[1] if len(call) > 1 else 0
        if kind == "request":
            request = read_http2_request(call[2], call[3], PEER)
            if request.rejection is None:
                open_streams[number] = [request, b""]
            if request.rejection is None and call[3]:
                complete.append(open_streams.pop(number))
        elif kind == "data" and number in open_streams:
            open_streams[number][1] += call[2]
            if call[3]:
                complete.append(open_streams.pop(number))
        elif kind == "trailers" and number in open_streams:
            message = open_streams.pop(number)
            if read_trailers(call[2], REQUEST_LINES) is not None:
                complete.append(message)
        elif kind in ("closed", "reset"):
            open_streams.pop(number, None)
    return complete


def test_the_corpus_is_read_at_all():
    """Else it would prove nothing."""
    gateway = server()
    gateway.exchange(headers(1, GET, end=False) + data(1, b"x", end=True) + headers(3, GET))
    assert len(complete_requests(gateway.calls.take())) == 2


@pytest.mark.parametrize("name", SMUGGLED)
def test_a_smuggled_request_never_becomes_one_and_the_connection_serves_the_next(name):
    gateway = server()
    gateway.exchange(SMUGGLED[name](1))
    assert complete_requests(gateway.calls.take()) == []
    gateway.exchange(headers(3, GET))
    assert len(complete_requests(gateway.calls.take())) == 1
    assert gateway.session.fault is None


NAMES = st.sampled_from(
    b"accept cookie x x-y content-length host te transfer-encoding connection upgrade expect via".split()
) | st.binary(max_size=6)
VALUES = st.sampled_from([b"1", b"a.example", b"trailers", b"chunked", b"100-continue", b"0"]) | st.binary(
    max_size=8
)
PSEUDO = st.fixed_dictionaries(
    {
        b":method": st.sampled_from([b"GET", b"POST", b"CONNECT"]) | st.binary(max_size=4),
        b":scheme": st.sampled_from([b"http", b"https"]),
        b":path": st.sampled_from([b"/", b"/a?b", b"*", b"http://b.example/"])
        | st.binary(max_size=6).map(b"/".__add__),
        b":authority": st.sampled_from([b"a.example", b"[::1]:80"]) | st.binary(max_size=6),
    }
).map(lambda pseudo: list(pseudo.items()))
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=6)


@given(PSEUDO, FIELDS, st.booleans(), st.booleans())
@example(GET, [(b"cookie", b"a"), (b"cookie", b"b")], True, True)
@example(GET, [(b"host", b"gateway.test")], True, False)
def test_a_request_that_passes_is_the_same_one_for_two_readers_of_http1(
    pseudo, fields, ends, through_library
):
    if through_library:
        gateway = server()
        gateway.exchange(headers(1, [*pseudo, *fields], end=ends))
        calls = [call for call in gateway.calls.take() if call[0] == "request"]
        if not calls:
            return
        pairs = calls[0][2]
    else:
        pairs = [*pseudo, *fields]
    request = read_http2_request(pairs, ends, PEER)
    if request.rejection is not None or request.method == b"CONNECT":
        return
    length = request.length_bytes
    head = http1_head(RequestHead(request.method, request.target, request.host, request.lines, length, False))
    body = b"" if length == 0 else b"0\r\n\r\n" if length == CHUNKED else b"x" * length
    for read in (llhttp_request, h11_request):
        message = read(head + body + b"GET /next HTTP/1.1\r\nhost: a\r\n\r\n")
        assert isinstance(message, Message), read
        assert message.start == (dict(pairs)[b":method"], dict(pairs)[b":path"])
        assert message.end == len(head + body)
        sent = [
            field for field in message.fields if field[0] not in (b"content-length", b"transfer-encoding")
        ]
        hosts = [value for name, value in sent if name == b"host"]
        assert [host.lower() for host in hosts] == [dict(pairs)[b":authority"].lower()]
        came = {pair for pair in pairs if pair[0] != b"cookie"}
        assert {field for field in sent if field[0] not in (b"host", b"cookie")} <= came


@given(st.data())
def test_bytes_that_come_in_other_pieces_make_the_same_calls(pieces):
    sent = PREFACE + settings({3: 5}) + headers(1, [*GET, (b"x", b"y" * 300)], end=False) + data(1, b"abc")
    sent += SMUGGLED[pieces.draw(st.sampled_from(sorted(SMUGGLED)))](3) + data(1, b"", end=True)
    sent += headers(5, GET) + pieces.draw(st.sampled_from([b"", data(0, b"x"), b"\0\0\0\xff\0\0\0\0\0"]))
    at_once = End(is_server=True)
    at_once.receive(sent)
    cuts = sorted(pieces.draw(st.lists(st.integers(0, len(sent)), max_size=12)))
    in_pieces = End(is_server=True)
    for begin, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        in_pieces.receive(sent[begin:end])
    assert in_pieces.output() == at_once.output()
    assert by_stream(in_pieces.calls.take()) == by_stream(at_once.calls.take())
    assert in_pieces.session.fault == at_once.session.fault


def by_stream(calls):
    """Each stream's calls in order, its data joined; calls that belong to no stream stand under 0."""
    streams: dict[int, list[tuple[Any, ...]]] = {}
    for call in calls:
        made = streams.setdefault(call[1] if len(call) > 1 else 0, [])
        if call[0] == "data" and made and made[-1][0] == "data":
            made[-1] = ("data", call[1], made[-1][2] + call[2], call[3])
        else:
            made.append(call)
    return streams

"""Mutated frames in random pieces: the session never fails inside, and what ends it is said in a GOAWAY."""

import random

import pytest

from app.dataplane.codec.field_pairs import read_trailers
from app.dataplane.codec.fields import REQUEST_LINES
from app.dataplane.codec.forwarded import PeerIdentity
from app.dataplane.codec.http2_error import INTERNAL_ERROR, error_name
from app.dataplane.codec.http2_request import read_http2_request
from app.dataplane.codec.http2_response import read_http2_response
from tests.fakes.http2_frames import (
    GET,
    GOAWAY,
    PREFACE,
    data,
    frame,
    frames,
    headers,
    rst_stream,
    settings,
    window_update,
)
from tests.fakes.http2_peers import End
from tests.fakes.http2_smuggling import POST, SMUGGLED

PEER = PeerIdentity("192.0.2.1", "http").http2
OK = [(b":status", b"200"), (b"x", b"1")]
STEPS = 60


def requests(source: random.Random) -> bytes:
    """A client's frames, of which some are wrong."""
    made, number = [], 1
    for _ in range(source.randint(1, 12)):
        made.append(
            source.choice(
                [
                    headers(number, GET),
                    headers(number, POST, end=False) + data(number, b"x" * source.randint(0, 300), end=True),
                    headers(number, POST, end=False) + headers(number, [(b"x", b"1")]),
                    headers(number, GET) + rst_stream(number),
                    SMUGGLED[source.choice(sorted(SMUGGLED))](number),
                    settings({source.randrange(12): source.choice([0, 1, 16_384, 2**31 - 1])}),
                    window_update(source.choice([0, number]), source.choice([0, 1, 2**31 - 1])),
                    frame(
                        source.randrange(20),
                        source.randrange(256),
                        number,
                        source.randbytes(source.randrange(20)),
                    ),
                    frame(GOAWAY, payload=bytes(8)),
                ]
            )
        )
        number += source.choice([0, 1, 2, 2, 2, 2])
    return b"".join(made)


def responses(source: random.Random) -> bytes:
    """A server's, to streams 1, 3 and 5."""
    made = []
    for _ in range(source.randint(1, 10)):
        number = source.choice([1, 3, 5])
        made.append(
            source.choice(
                [
                    headers(number, OK),
                    headers(number, OK, end=False) + data(number, b"hello", end=True),
                    headers(number, [(b":status", b"103")], end=False),
                    headers(number, [*OK, (b"content-length", b"3")], end=False) + data(number, b"hell"),
                    headers(number, [(b"x", b"1"), *OK]),
                    headers(number, [(b"grpc-status", b"0")]),
                    settings({3: source.choice([0, 1, 100])}),
                    rst_stream(number, source.randrange(16)),
                    frame(GOAWAY, payload=bytes([0, 0, 0, source.choice([0, 1, 3])]) + bytes(4)),
                    frame(
                        source.randrange(20),
                        source.randrange(256),
                        number,
                        source.randbytes(source.randrange(20)),
                    ),
                ]
            )
        )
    return b"".join(made)


def mutated(source: random.Random, sent: bytes) -> bytes:
    changed = bytearray(sent)
    for _ in range(source.choice([0, 0, 1, 3])):
        changed[source.randrange(len(changed))] = source.randrange(256)
    return bytes(changed)


def drive(source: random.Random, end: End, sent: bytes) -> bytes:
    """Feed it in pieces, do something for whatever came, and return all that was written."""
    written = b""
    while sent:
        size = source.choice([1, 9, 40, len(sent)])
        end.receive(sent[:size])
        sent = sent[size:]
        for call in end.calls.take():
            react(source, end, call)
        written += end.output()
    return written


def react(source: random.Random, end: End, call) -> None:
    session = end.session
    if call[0] == "request":
        read_http2_request(call[2], call[3], PEER)
        session.send_interim(call[1], [(b":status", b"103")])
        session.send_head(call[1], OK, end=False)
        session.be_fair(call[1])
        session.send_data(call[1], b"x" * source.choice([0, 1, 70_000]))
        if source.random() < 0.5:
            session.send_trailers(call[1], [(b"t", b"1")])
    elif call[0] == "response":
        read_http2_response(call[2])
    elif call[0] == "trailers":
        read_trailers(call[2], REQUEST_LINES)
    elif call[0] == "data":
        session.consumed(call[1], len(call[2]))
    if source.random() < 0.05:
        source.choice([session.ping, session.goaway, lambda: session.reset(source.choice([1, 3, 5]))])()


def judge(end: End, written: bytes) -> None:
    read = list(frames(written))
    assert sum(9 + len(one.payload) for one in read) == len(written.removeprefix(PREFACE)), (
        "whole frames only"
    )
    fault = end.session.fault
    if fault is not None:
        assert end.session.over
        assert fault.detail or fault.by_peer
        assert error_name(fault.error_code)
    if fault is not None and not fault.by_peer:
        assert fault.error_code != INTERNAL_ERROR, fault.detail
        assert read[-1].kind == GOAWAY
        assert int.from_bytes(read[-1].payload[4:8], "big") == fault.error_code


@pytest.mark.parametrize("seed", range(4))
def test_a_server_withstands_any_client(seed):
    source = random.Random(seed)
    for _ in range(STEPS):
        end = End(is_server=True)
        sent = mutated(source, requests(source))
        judge(end, drive(source, end, PREFACE + settings() + sent))


@pytest.mark.parametrize("seed", range(4))
def test_a_client_withstands_any_server(seed):
    source = random.Random(seed)
    for _ in range(STEPS):
        end = End(is_server=False)
        written = end.output()
        for _ in range(3):
            number = end.session.send_request(POST, end=False)
            end.session.send_data(number, b"x" * source.choice([0, 10, 100_000]), end=source.random() < 0.5)
        written += drive(source, end, mutated(source, settings() + responses(source)))
        judge(end, written + end.output())

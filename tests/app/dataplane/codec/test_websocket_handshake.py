"""A handshake that the gateway makes itself."""

import base64

import pytest

from app.dataplane.codec.websocket_handshake import accept_of, accepts, handshake_key

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 §1.3
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_a_key_is_sixteen_bytes_in_base64():
    assert base64.b64decode(handshake_key(1)) == bytes(15) + b"\x01"
    assert len(base64.b64decode(handshake_key((1 << 128) - 1))) == 16


def test_the_response_to_a_key_is_the_rfcs():
    assert accept_of(KEY) == ACCEPT


@pytest.mark.parametrize(
    ("lines", "held"),
    [
        ([b"upgrade: websocket\r\n", b"sec-websocket-accept: " + ACCEPT + b"\r\n"], True),
        ([b"sec-websocket-accept:" + ACCEPT + b"\r\n"], True),
        ([], False),
        ([b"sec-websocket-accept: another\r\n"], False),
        ([b"sec-websocket-accept: " + ACCEPT + b"\r\n"] * 2, False),
    ],
)
def test_a_response_accepts_the_key_by_one_field(lines, held):
    assert accepts(lines, KEY) == held

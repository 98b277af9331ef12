"""Requests read from lines that a test gives as they stand, whole or of another start."""

from ipaddress import ip_network

from app.dataplane.codec.forwarded import PeerIdentity
from app.dataplane.codec.request import (
    Request,
    read_request,
)
from app.foundation.reasons import Reason

__all__ = ["MALFORMED", "PEER", "PROXY", "read", "reason_of", "started"]

PEER = PeerIdentity("192.0.2.1", "http")
PROXY = PeerIdentity("10.0.0.1", "https", (ip_network("10.0.0.0/8"),))
MALFORMED = Reason.REQUEST_MALFORMED


def read(*lines: bytes, start: bytes = b"GET /x?y HTTP/1.1", peer: PeerIdentity = PEER) -> Request:
    return read_request(b"\r\n".join([start, b"Host: a", *lines]), peer)


def started(start: bytes, *lines: bytes) -> Request:
    return read_request(b"\r\n".join([start, *lines]), PEER)


def reason_of(request: Request) -> Reason | None:
    return None if request.rejection is None else request.rejection.reason

"""Requests as the gateway reads them, from what a test says of them."""

from collections.abc import Sequence
from ipaddress import ip_network

from app.dataplane.codec.forwarded import PeerIdentity
from app.dataplane.codec.request import Request, read_request

__all__ = ["PEER_IP", "request_of"]

PEER_IP = "192.0.2.1"


def request_of(
    target: str = "/",
    method: str = "GET",
    *,
    fields: Sequence[str] = (),
    host: str | None = "h",
    version: str = "1.1",
    peer_ip: str = PEER_IP,
    scheme: str = "http",
    trusted: str = "",
    via: bool = True,
    port: int = 0,
    server_name: bytes | None = None,
) -> Request:
    """`fields`: whole lines, behind Host. `trusted`: a network whose X-Forwarded-* are believed.

    `port`, `server_name`: by which listeners' port it came, and for whom the handshake asked.
    """
    networks = (ip_network(trusted),) if trusted else ()
    lines = [f"{method} {target} HTTP/{version}", *([f"Host: {host}"] if host is not None else []), *fields]
    peer = PeerIdentity(peer_ip, scheme, networks, with_via=via, port=port, server_name=server_name)
    return read_request("\r\n".join(lines).encode("latin-1"), peer)

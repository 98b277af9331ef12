"""One GET by hand over a socket, for probes and idle connections: no client's own work is in the way."""

import socket
import ssl
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Answer", "connect", "fetch", "fetch_over"]

ANY_CERTIFICATE = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ANY_CERTIFICATE.check_hostname = False
ANY_CERTIFICATE.verify_mode = ssl.CERT_NONE


class Answer(NamedTuple):
    """`wire`: its bytes, head and all."""

    status: int
    fields: Mapping[str, str]
    body: bytes
    wire: int


def connect(port: int, tls: bool = False) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else a TLS request waits 40 ms for an ACK
    return ANY_CERTIFICATE.wrap_socket(sock) if tls else sock


def fetch(port: int, path: str, headers: Mapping[str, str], tls: bool = False) -> Answer:
    with connect(port, tls) as sock:
        return fetch_over(sock, path, headers)


def fetch_over(sock: socket.socket, path: str, headers: Mapping[str, str]) -> Answer:
    """Over a connection that stays open."""
    fields = {"Host": f"127.0.0.1:{sock.getpeername()[1]}", **headers}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += _receive(sock)
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *pairs = head.decode("latin-1").split("\r\n")
    answer = {name.lower(): value.strip() for name, _, value in (pair.partition(":") for pair in pairs)}
    length = int(answer.get("content-length", -1))
    chunked = answer.get("transfer-encoding") == "chunked"
    while len(rest) < length or (chunked and not rest.endswith(b"0\r\n\r\n")):
        rest += _receive(sock)
    return Answer(int(first.split()[1]), answer, rest, len(head) + 4 + len(rest))


def _receive(sock: socket.socket) -> bytes:
    data = sock.recv(1 << 18)
    if not data:
        raise ConnectionError("closed by the other side")
    return data

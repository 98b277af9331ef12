"""Connections that the kernel has made for a port and that its server has not accepted yet."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.fakes.exchange import DEADLINE_S

__all__ = ["unaccepted"]


@contextmanager
def unaccepted(
    port: int, count: int, request: bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
) -> Iterator[list[socket.socket]]:
    """`count` clients, each with its request sent, made before this process' loop has another turn."""
    with ExitStack() as stack:
        clients = []
        for _ in range(count):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S))
            client.sendall(request)
            clients.append(client)
        yield clients

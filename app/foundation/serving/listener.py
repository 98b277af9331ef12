"""A listening socket, or the line that says why there is none."""

import errno
import socket
from typing import Any

from app.foundation.errors import ConfigFault, ConfigFaults, StartFault
from app.foundation.host_name import asked_name

__all__ = ["BACKLOG", "listen", "listen_beside", "listen_shared", "reserve"]

BACKLOG = 4096


def listen(host: str, port: int, variable: str) -> socket.socket:
    """Bound and listening; `::` takes IPv4 too.

    Raises StartFault where the port is in use or needs more rights, ConfigFaults for an address that is not of
    this machine; both name `variable`.
    """
    return _opened(host, port, variable, is_shared=False)


def reserve(host: str, port: int, variable: str) -> socket.socket:
    """Bound, and open to others that share the port, but accepting nothing itself. Raises as `listen` does.

    It had the port to itself when it was bound, so another program on it is found out.
    """
    sock = _opened(host, port, variable, is_shared=False, is_listening=False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return sock


def listen_shared(host: str, port: int, variable: str) -> socket.socket:
    """Listening on a port that another process has reserved; the kernel spreads connections over all that do so."""
    return _opened(host, port, variable, is_shared=True)


def listen_beside(first: socket.socket, count: int, variable: str) -> list[socket.socket]:
    """`first`, which `listen` made, and others that listen on the same port: `count` in all.

    The kernel spreads new connections over them (SO_REUSEPORT). `first` had the port to itself when it was opened, so
    another program on it is found out as ever, and no other can join that does not ask for it. Raises StartFault.
    """
    address = first.getsockname()
    sockets = [first]
    try:
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        while len(sockets) < count:
            sockets.append(_bound(first.family, address, is_shared=True))
    except OSError as error:
        for sock in sockets:
            sock.close()
        raise _fault(address[0], address[1], variable, error) from error
    return sockets


def _opened(
    host: str, port: int, variable: str, *, is_shared: bool, is_listening: bool = True
) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            asked_name(host), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return _bound(family, address, is_shared=is_shared, is_listening=is_listening)
    except OSError as error:
        raise _fault(host, port, variable, error) from error


def _bound(family: int, address: Any, *, is_shared: bool, is_listening: bool = True) -> socket.socket:
    # asyncio sets TCP_NODELAY only where a connection has the protocol's number, which it takes from here
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
        if is_listening:
            sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _fault(host: str, port: int, variable: str, error: OSError) -> ConfigFaults | StartFault:
    what = f"{host}:{port} cannot be opened ({error.strerror or error})"
    if error.errno == errno.EADDRINUSE:
        return StartFault(
            f"{variable}: {what}; stop the program that uses it, or set {variable} to a free port"
        )
    if error.errno == errno.EACCES:
        cure = f"set {variable} to a port that this user may open, such as one above 1023"
        return StartFault(f"{variable}: {what}; {cure}")
    cure = f"set {variable.replace('PORT', 'HOST')} to an address of this machine"
    return ConfigFaults([ConfigFault(variable, what, cure)])

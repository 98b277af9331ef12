"""A listening socket, or the line that says why there is none."""

import errno
import socket

from app.foundation.errors import ConfigFault, ConfigFaults, StartFault

__all__ = ["BACKLOG", "listen"]

BACKLOG = 4096


def listen(host: str, port: int, variable: str) -> socket.socket:
    """Bound and listening; `::` takes IPv4 too.

    Raises StartFault where the port is in use or needs more rights, ConfigFaults for an address that is not of
    this machine; both name `variable`.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _fault(host, port, variable, error) from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise _fault(host, port, variable, error) from error
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

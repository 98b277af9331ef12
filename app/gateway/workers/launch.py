"""Starts the program of a worker: a fresh interpreter that inherits its listening socket and its end of the link."""

import asyncio
import os
import socket
import sys
from collections.abc import Sequence

__all__ = ["MODULE", "Descriptors", "launch", "read_descriptors"]

MODULE = "app.gateway.worker"


class Descriptors:
    """What a worker inherits: its number, and open files by their numbers. `log_lock`: -1 where it logs nothing."""

    __slots__ = ("link", "listener", "log_lock", "number")

    def __init__(self, number: int, listener: int, link: int, log_lock: int) -> None:
        self.number, self.listener, self.link, self.log_lock = number, listener, link, log_lock


def read_descriptors(words: Sequence[str]) -> Descriptors:
    """From the words that `launch` wrote."""
    number, listener, link, log_lock = map(int, words)
    return Descriptors(number, listener, link, log_lock)


async def launch(
    number: int, listener: socket.socket, link: socket.socket, log_lock: int
) -> asyncio.subprocess.Process:
    """Worker `number`, which speaks over `link`. Raises OSError where the machine has no process left."""
    inherited = [listener.fileno(), link.fileno()] + ([log_lock] if log_lock >= 0 else [])
    words = map(str, (number, listener.fileno(), link.fileno(), log_lock))
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # the folder that the gateway was started in is not to be searched; what it found is named below
        "-m",
        MODULE,
        *words,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=asyncio.subprocess.DEVNULL,
        pass_fds=inherited,
    )

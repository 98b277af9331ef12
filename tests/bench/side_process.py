"""A part of a bench in a process of its own, so that nothing else here delays it, and it delays nothing else.

Outside:

    async with side_process("tests.bench.pods") as process:
        found = await process.do("open")

Inside:

    if __name__ == "__main__":
        serve(lambda: {"open": open_one, "close": close_one})

The process takes one JSON object a line at stdin, `{"do": NAME, ...}`, and responds to each with one at stdout. It ends
with its stdin, so with whoever started it, however that ended. Times are those of the monotonic clock, which all
processes of a machine share.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.fakes.process import ROOT

__all__ = ["Command", "SideProcess", "serve", "side_process"]

END_S = 5.0

Command = Callable[..., Awaitable[dict[str, Any]]]


class SideProcess:
    """The process, from outside."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.process, self._name, self._turn = process, name, asyncio.Lock()

    async def do(self, what: str, **given: Any) -> dict[str, Any]:
        """What the command found, whose arguments are JSON; one after the other. RuntimeError where it ended."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        async with self._turn:
            stdin.write(json.dumps({"do": what, **given}).encode() + b"\n")
            await stdin.drain()
            line = await stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended at {what!r}")
        found: dict[str, Any] = json.loads(line)
        return found


@asynccontextmanager
async def side_process(module: str, *arguments: str) -> AsyncIterator[SideProcess]:
    """`module` as a program, which calls `serve`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    try:
        yield SideProcess(module, process)
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(END_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def serve(commands: Callable[[], Mapping[str, Command]]) -> None:
    """Inside: `commands` by name, made within the loop, until stdin ends."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(commands))


async def _serve(commands: Callable[[], Mapping[str, Command]]) -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    known = commands()
    while line := await lines.readline():
        given = json.loads(line)
        found = await known[given.pop("do")](**given)
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()

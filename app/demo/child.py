"""One child process: started in a session of its own, its output passed on line by line, ended for sure.

It dies with its parent (Linux: PR_SET_PDEATHSIG), and Ctrl-C in a terminal reaches the parent only.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from app.demo.log_lines import message_of

__all__ = ["Child", "ChildPlan", "Look"]

Look = Callable[[bytes], bytes]
"""What is shown of one line, without its end."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_MAX_LINE_BYTES = 1 << 20  # a longer line is passed on in pieces
_MAX_HELD_LINES = 200
_LAST_OUTPUT_S = 1.0  # what a dead child still has in its pipe; somebody else may hold it open


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """`ready` says whether it does its work; asked again and again for up to `ready_within_s`.

    `is_quiet`: what it writes before it is ready and while it ends is shown only if it fails then.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    ready: Callable[[], Awaitable[bool]]
    ready_within_s: float = 30.0
    is_quiet: bool = False


class Child:
    """A started process. `ended`: done when it has ended and its output is passed on."""

    def __init__(self, plan: ChildPlan, process: asyncio.subprocess.Process, output: "_Output") -> None:
        loop = asyncio.get_running_loop()
        self.plan = plan
        self._process, self._output = process, output
        self._passing_on = loop.create_task(output.pass_on())
        self.ended: asyncio.Task[int] = loop.create_task(self._follow())

    @classmethod
    async def start(cls, plan: ChildPlan, write: Callable[[bytes], None], look: Look) -> "Child":
        """`write` gets whole lines, each as `look` makes it. Raises OSError when there is no such program."""
        # A pipe of our own: asyncio would take a child for alive while a grandchild holds its pipe open.
        read_end, write_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *plan.argv,
                env=dict(plan.env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_dying_with(os.getpid()),
            )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        return cls(plan, process, _Output(read_end, write, look, is_held=plan.is_quiet))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def last_line(self) -> str:
        """What the last line of its output says; "" where that is no message."""
        return message_of(self._output.last_line)

    def ending(self) -> str:
        """How it ended, for people, with its last line."""
        status = self._process.returncode
        if status is None:
            how = "is still running"
        elif status < 0:
            how = f"was ended by signal {-status} ({signal.strsignal(-status)})"
        else:
            how = f"ended with status {status}"
        return f"{self.plan.name} {how}" + (f": {self.last_line}" if self.last_line else "")

    def became_ready(self) -> None:
        """From now on its lines are shown, also those of a quiet one; what was held back is dropped."""
        self._output.drop_held()

    def reveal(self) -> None:
        """Shows what a quiet one wrote so far, since it failed."""
        self._output.write_held()

    def terminate(self) -> None:
        if self._process.returncode is None:
            self._output.drop_held()
            self._output.is_muted = self.plan.is_quiet
            self._process.terminate()

    def kill(self) -> None:
        """SIGKILL, for its own children too."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _follow(self) -> int:
        status = await self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # what it left behind
        await asyncio.wait({self._passing_on}, timeout=_LAST_OUTPUT_S)
        self._passing_on.cancel()
        self.reveal()
        return status


class _Output:
    """The pipe that a child writes to, passed on in whole lines."""

    def __init__(self, pipe: int, write: Callable[[bytes], None], look: Look, *, is_held: bool) -> None:
        self._pipe, self._write, self._look = pipe, write, look
        self._held: deque[bytes] | None = deque(maxlen=_MAX_HELD_LINES) if is_held else None
        self.is_muted = False
        self.last_line = ""

    def drop_held(self) -> None:
        """Nothing more is held back."""
        self._held = None

    def write_held(self) -> None:
        """Writes what was held back; nothing more is."""
        lines, self._held = self._held, None
        if lines:
            self._write_lines(lines)

    async def pass_on(self) -> None:
        """Until the other end is closed."""
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(self._pipe, "rb", 0)
        )
        rest = b""
        try:
            while data := await reader.read(65_536):
                lines, newline, rest = (rest + data).rpartition(b"\n")
                if newline:
                    self._lines(lines)
                if len(rest) > _MAX_LINE_BYTES:
                    self._lines(rest)
                    rest = b""
            if rest:
                self._lines(rest)
        finally:
            transport.close()

    def _lines(self, lines: bytes) -> None:
        """One line or more, without the last line end."""
        last = lines.rstrip().rpartition(b"\n")[2].strip()
        if last:
            self.last_line = last.decode(errors="replace")
        whole = lines.split(b"\n")
        if self._held is not None:
            self._held.extend(whole)
        elif not self.is_muted:
            self._write_lines(whole)

    def _write_lines(self, lines: Iterable[bytes]) -> None:
        self._write(b"".join(self._look(line) + b"\n" for line in lines))


def _dying_with(parent: int) -> Callable[[], None] | None:
    """To be called between fork and exec: whoever kills the parent, even by SIGKILL, kills the child."""
    if _LIBC is None:  # pragma: no cover - other systems
        return None
    prctl = _LIBC.prctl

    def die_with_parent() -> None:  # pragma: no cover - runs in the fork
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the call
            os._exit(1)

    return die_with_parent

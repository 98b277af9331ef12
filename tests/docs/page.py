"""A page of the documentation as something that can be run: its blocks, and a shell that its commands are typed into.

- `sh` blocks: each line is a command that has to succeed.
- `console` blocks: a line after `$ ` is a command (`> ` continues it), what follows is what it prints. `…` stands
  for anything, also for any lines when alone on one; blanks are as wide as they like.
- `<!-- run: WHERE -->` … `<!-- /run -->`: what needs a cluster or a container engine; WHERE names the page, file or
  test that runs it.
"""

import asyncio
import os
import re
import shlex
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.fakes.process import ROOT, START_S, Child

__all__ = [
    "ROOT",
    "Block",
    "Command",
    "Shell",
    "blocks",
    "commands",
    "pattern_of",
    "run_elsewhere",
    "run_here",
]

_BLOCK = re.compile(r"^```([\w-]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_RUN_ELSEWHERE = re.compile(r"<!-- run: (\S+) -->\n(.*?)<!-- /run -->", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """`printed` is None where the page does not say what it prints."""

    line: str
    printed: str | None = None

    def check(self, output: str) -> None:
        """Raises AssertionError where `output` is not what the page shows."""
        if self.printed is not None:
            matches = pattern_of(self.printed).fullmatch(output)
            assert matches, f"$ {self.line}\nprinted\n{output}\ninstead of\n{self.printed}"


def blocks(text: str) -> list[Block]:
    return [Block(kind, body) for kind, body in _BLOCK.findall(text)]


def run_here(text: str) -> str:
    """The page without what is run elsewhere."""
    return _RUN_ELSEWHERE.sub("", text)


def run_elsewhere(text: str) -> list[tuple[str, Block]]:
    """Where it is run, and the block."""
    return [(place, block) for place, part in _RUN_ELSEWHERE.findall(text) for block in blocks(part)]


def commands(found: list[Block]) -> Iterator[Command]:
    """Those of all `sh` and `console` blocks, in order."""
    for block in found:
        if block.kind == "sh":
            yield from (Command(line) for line in block.text.splitlines() if line)
        if block.kind == "console":
            for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                line, continued, printed = re.fullmatch(r"(.*)\n((?:> .*\n)*)((?:.*\n)*)", part).groups()  # type: ignore[union-attr]
                more = "".join(f"\n{each.removeprefix('> ')}" for each in continued.splitlines())
                yield Command(line + more, printed)


def pattern_of(expected: str) -> re.Pattern[str]:
    """What `expected` describes, as a pattern for the whole output."""
    lines = [
        r"(?:.*\n)*?"
        if line == "…"
        else re.sub(r"(?:\\ )+", r" +", re.escape(line)).replace("…", ".*") + r" *\n"
        for line in expected.splitlines()
    ]
    return re.compile("".join(lines))


class Shell:
    """One bash, as a reader has it open: folder, variables and jobs last from command to command.

    `replaced`: ports and the like that are others here; put back in what is printed, so that a page can be compared.
    `pipe`: a path for the pipe that commands are typed into. Leaving it ends the shell and whatever was started in it.
    """

    def __init__(
        self,
        folder: Path,
        env: Mapping[str, str],
        replaced: Mapping[str, str],
        *,
        pipe: Path,
        timeout_s: float = START_S,
    ) -> None:
        self._child = Child(["bash", "-c", f"exec bash <{shlex.quote(str(pipe))}"], env, folder)
        self._pipe, self._replaced, self._timeout_s = pipe, replaced, timeout_s

    async def __aenter__(self) -> "Shell":
        os.mkfifo(self._pipe)
        self._child.start()
        self._input = await asyncio.to_thread(self._pipe.open, "w")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._input.close()
        await self._child.kill()

    async def run(self, command: Command) -> str:
        """What it printed, with its errors. Raises AssertionError where it failed or printed something else."""
        mark = uuid.uuid4().hex
        line = command.line
        for written, other in self._replaced.items():
            line = line.replace(written, other)
        before = len(self._child.lines)
        # The mark begins a line of its own, also after output without a line end.
        await asyncio.to_thread(self._type, f"{line}\nprintf '\\n%s %s\\n' {mark} $?\n")
        ended = await self._child.wait_line(rf"^{mark} \d+$", self._timeout_s)
        output = "".join(f"{one}\n" for one in self._child.lines[before : self._child.lines.index(ended[0])])
        output = output.removesuffix("\n") if output.endswith("\n\n") or output == "\n" else output
        for written, other in self._replaced.items():
            output = output.replace(other, written)
        if not line.startswith("! "):
            assert ended[0].endswith(" 0"), f"$ {command.line}\nfailed with\n{output}"
        command.check(output.replace("\r", ""))
        return output

    def _type(self, text: str) -> None:
        self._input.write(text)
        self._input.flush()

"""Child processes for tests: started with collected output, waited for with deadlines, ended by their id.

    async with Child.app("gateway", env={"PORT": str(port)}) as child:
        await child.wait_port(port)
        ...
        assert await child.stop() == 0

Leaving the block kills what is left of the child and of its descendants.
"""

import asyncio
import itertools
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.exchange import DEADLINE_S

__all__ = ["ROOT", "START_S", "Child", "as_many_workers", "free_port", "free_ports"]

ROOT = Path(__file__).resolve().parents[2]
_MARK = "TIDEGATE_TEST_MARK"
_POLL_S = 0.02
START_S = 60.0
"""A guard against hanging for what follows a start: on a busy machine importing a program alone takes many seconds."""
_FIRST_PORT, _PORTS_OF_A_SLICE, _SLICES = 12_000, 2_000, 8
"""Up to 28,000: below the ports that Linux takes for itself (32,768 on) and Kubernetes for its nodes (30,000 on)."""
_ORPHANS_OUTPUT_S = 1.0  # an orphan that inherited the pipe keeps it open; its output is not waited for


def as_many_workers() -> dict[str, str]:
    """`WORKERS` for the environment of a gateway where the whole suite is to run with several; else nothing."""
    workers = os.environ.get("TIDEGATE_TEST_WORKERS")
    return {"WORKERS": workers} if workers else {}


def free_ports(count: int) -> list[int]:
    """Different loopback ports that nobody listens on, nor will until each is used.

    They lie below what the kernel gives to clients and to servers on port 0, in a slice of this test process alone.
    """
    return list(itertools.islice((port for port in _OWN_PORTS if _is_free(port)), count))


def free_port() -> int:
    return free_ports(1)[0]


def _own_ports() -> Iterator[int]:
    """Over and over the ports of this process, beginning anywhere: another run of the tests may be beside."""
    index = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = _FIRST_PORT + index % _SLICES * _PORTS_OF_A_SLICE
    start = random.SystemRandom().randrange(_PORTS_OF_A_SLICE)
    for offset in itertools.count(start):
        yield first + offset % _PORTS_OF_A_SLICE


_OWN_PORTS = _own_ports()


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Child:
    """`env` is added to a bare environment (PATH, HOME and the like); `lines`: stdout and stderr."""

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path | str = ROOT
    ) -> None:
        self.argv, self.cwd = list(argv), cwd
        self.mark = uuid.uuid4().hex
        kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "COVERAGE_PROCESS_CONFIG")
        self.env = {name: os.environ[name] for name in kept if name in os.environ}
        self.env.update({"PYTHONUNBUFFERED": "1", _MARK: self.mark}, **{**as_many_workers(), **(env or {})})
        self.lines: list[str] = []
        self._seen: dict[int, int] = {}
        self._news = threading.Condition()
        self._ended = False

    @classmethod
    def app(cls, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | str = ROOT) -> "Child":
        """`python -m app …`"""
        return cls.module("app", *arguments, env=env, cwd=cwd)

    @classmethod
    def module(
        cls, name: str, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | str = ROOT
    ) -> "Child":
        """`python -m name …`; from another folder than the root, `name` is found there all the same."""
        path = {"PYTHONPATH": str(ROOT)} if Path(cwd) != ROOT else {}
        return cls([sys.executable, "-m", name, *arguments], {**path, **(env or {})}, cwd)

    def start(self) -> "Child":
        self.process = subprocess.Popen(
            self.argv,
            cwd=self.cwd,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        return self

    async def __aenter__(self) -> "Child":
        return self.start()

    async def __aexit__(self, *_: Any) -> None:
        await self.kill()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    @property
    def returncode(self) -> int | None:
        return self.process.poll()

    async def wait_line(self, pattern: str, timeout_s: float = START_S) -> re.Match[str]:
        """The first line, from the start of the output on, in which `pattern` is found."""
        found = await asyncio.to_thread(self._wait_line, re.compile(pattern), timeout_s)
        self.left_over()
        return found

    async def wait_port(self, port: int, host: str = "127.0.0.1", timeout_s: float = START_S) -> None:
        """Something accepts connections on that port while the child lives."""

        def accepts() -> bool:
            if self.returncode is not None:
                raise AssertionError(
                    f"ended with {self.returncode} before port {port} opened:\n{self.output}"
                )
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
                return probe.connect_ex((host, port)) == 0

        await self._poll(accepts, f"port {port}", timeout_s)

    async def wait(self, timeout_s: float = START_S) -> int:
        """Its exit status (negative: the signal), all output collected."""
        await self._poll(lambda: self.returncode is not None, "the process to end", timeout_s)
        await asyncio.to_thread(self._reader.join, _ORPHANS_OUTPUT_S)
        return self.process.returncode

    async def stop(self, sig: signal.Signals = signal.SIGTERM, timeout_s: float = DEADLINE_S) -> int:
        """Sends `sig` to the process itself and waits for its end."""
        self.signal(sig)
        return await self.wait(timeout_s)

    def signal(self, sig: signal.Signals) -> None:
        if self.returncode is None:
            self.left_over()  # seen before they may become orphans
            self.process.send_signal(sig)

    async def kill(self) -> None:
        """SIGKILL for it and for whatever it started."""
        for pid in [self.pid, *self.left_over()] if self.returncode is None else self.left_over():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        await self.wait()
        await self.wait_none_left()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def left_over(self) -> list[int]:
        """Living processes that this child started, at whatever depth, orphans included.

        Known by their environment; by their parents where a program has overwritten its environment (the
        Valkey server does), and from then on by id and start time.
        """
        alive = _processes()
        mark = f"{_MARK}={self.mark}".encode()
        family = {self.pid} | {pid for pid, start in self._seen.items() if _same(alive, pid, start)}
        family |= {pid for pid in alive if pid not in family and mark in _environment(pid)}
        grown = True
        while grown:
            found = {pid for pid, process in alive.items() if process.parent in family} - family
            family |= found
            grown = bool(found)
        self._seen = {pid: alive[pid].start_ticks for pid in family - {self.pid} if pid in alive}
        return sorted(self._seen)

    async def wait_none_left(self, timeout_s: float = DEADLINE_S) -> None:
        """No process is left that this child started."""
        await self._poll(lambda: not self.left_over(), "its descendants to end", timeout_s)

    def children(self) -> dict[int, str]:
        """Living descendants: id → command line."""
        found = {}
        for pid in self.left_over():
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            found[pid] = command.replace(b"\0", b" ").decode(errors="replace").strip()
        return found

    def _collect(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.decode(errors="replace").rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _wait_line(self, pattern: re.Pattern[str], timeout_s: float) -> re.Match[str]:
        seen = 0
        deadline_s = time.monotonic() + timeout_s
        with self._news:
            while True:
                for line in self.lines[seen:]:
                    if found := pattern.search(line):
                        return found
                seen = len(self.lines)
                left_s = deadline_s - time.monotonic()
                if self._ended or left_s <= 0:
                    raise AssertionError(
                        f"no line {pattern.pattern!r} within {timeout_s:g} s:\n{self.output}"
                    )
                self._news.wait(left_s)

    async def _poll(self, condition: Callable[[], bool], what: str, timeout_s: float) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline_s:
                raise AssertionError(f"waited {timeout_s:g} s in vain for {what}:\n{self.output}")
            await asyncio.sleep(_POLL_S)


@dataclass(frozen=True)
class _Process:
    parent: int
    start_ticks: int


def _processes() -> dict[int, _Process]:
    """All living processes, zombies aside (proc(5), stat)."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] not in "ZX":
            found[int(entry.name)] = _Process(int(fields[1]), int(fields[19]))
    return found


def _same(alive: Mapping[int, _Process], pid: int, start_ticks: int) -> bool:
    return pid in alive and alive[pid].start_ticks == start_ticks


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""

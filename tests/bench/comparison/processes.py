"""Starting, measuring and ending processes: a contestant owns one core, all else shares the other."""

import ctypes
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

__all__ = ["ENDING", "NOISY", "Meter", "Proc", "cleanup", "make_certificate", "prepare", "workdir"]

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PR_SET_PDEATHSIG = 1
NOISY = 0.15  # cores' worth of work by strangers, of two
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LIBC = ctypes.CDLL(None)
_running: list["Proc"] = []
_folders: list[Path] = []


def prepare() -> tuple[int, int]:
    """(contestant core, load core); takes the latter for the harness, and lifts the limit of open files."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("bench: needs two cores: one for the contestant, one for load and upstream")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {cores[1]})
    shared = Path("/dev/shm")  # noqa: S108 - logs on a disk would measure the disk; the folder in it is made safely
    memory = shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
    for left in memory.glob("tidegate-bench-*-*"):  # of a run that was killed
        if not Path("/proc", left.name.split("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"tidegate-bench-{os.getpid()}-", dir=memory))
    folder.chmod(0o755)  # nginx's workers run as another user
    _folders.append(folder)
    return cores[0], cores[1]


def workdir() -> Path:
    """What `prepare` made."""
    return _folders[-1]


def make_certificate() -> None:
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    files = ["-keyout", str(workdir() / "key.pem"), "-out", str(workdir() / "cert.pem")]
    subprocess.run(
        ["openssl", *words.split(), "-addext", "subjectAltName=IP:127.0.0.1", *files],
        check=True,
        capture_output=True,
    )


def cleanup() -> None:
    for ending in ENDING:
        signal.signal(ending, signal.SIG_IGN)
    while _running:
        _running[-1].stop()
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)


class Proc:
    """A process with all its descendants (found by their session), on one core; dies with the harness."""

    def __init__(
        self,
        argv: list[str],
        core: int,
        stdout: int | IO[bytes],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        def in_child() -> None:
            os.sched_setaffinity(0, {core})
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

        self.started = time.perf_counter()
        self.popen = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=in_child,
        )
        _running.append(self)

    def stats(self) -> list[list[str]]:
        """The fields of /proc/PID/stat after the command's name, of every one of its processes."""
        rows = []
        for entry in os.scandir("/proc"):
            if not entry.name.isdigit():
                continue
            try:
                fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile
            if int(fields[3]) == self.popen.pid:
                rows.append([entry.name, *fields])
        return rows

    def cpu(self) -> float:
        """Seconds of CPU so far: user and system, all threads, children alive or gone."""
        return sum(sum(map(int, fields[12:16])) for fields in self.stats()) / TICK

    def rss(self) -> int:
        return sum(int(fields[22]) for fields in self.stats()) * PAGE

    def stop(self) -> None:
        for ending, patience_s in ((signal.SIGTERM, 6.0), (signal.SIGKILL, 2.0)):
            for row in self._alive():
                try:
                    os.kill(int(row[0]), ending)
                except ProcessLookupError:
                    continue
            if self._ends_within(patience_s):
                break
        self.popen.poll()
        if self in _running:
            _running.remove(self)

    def _alive(self) -> list[list[str]]:
        return [row for row in self.stats() if row[1] != "Z"]

    def _ends_within(self, patience_s: float) -> bool:
        end_s = time.monotonic() + patience_s
        while time.monotonic() < end_s:
            self.popen.poll()
            if not self._alive():
                return True
            time.sleep(0.02)
        return False


class Meter:
    """What a stretch of time cost: the contestant's seconds, idle ones of its core, strangers' on both."""

    def __init__(self, contestant: Proc, cores: tuple[int, int]) -> None:
        self._contestant, self._cores = contestant, cores
        self._start = self._read()

    def stop(self) -> dict[str, float]:
        wall, cpu, ours, idle, idle_of_load = (
            after - before for before, after in zip(self._start, self._read(), strict=True)
        )
        strangers = max(2 * wall - idle - idle_of_load - ours, 0)
        return {"cpu_s": cpu, "busy": cpu / wall, "idle": idle / wall, "strangers": strangers / wall}

    def _read(self) -> tuple[float, float, float, float, float]:
        own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        harness = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
        ours = sum(proc.cpu() for proc in _running) + harness
        rows = [
            line.split() for line in Path("/proc/stat").read_text().splitlines() if line.startswith("cpu")
        ]
        fields = {row[0]: row for row in rows}
        idle, idle_of_load = (sum(map(int, fields[f"cpu{core}"][4:6])) / TICK for core in self._cores)
        return time.perf_counter(), self._contestant.cpu(), ours, idle, idle_of_load

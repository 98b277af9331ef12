"""A started contestant: its process, its ports, and the seconds until it gave the first 200."""

import json
import os
import time
from collections.abc import Callable, Mapping

from tests.bench.comparison import launches
from tests.bench.comparison.launch_envoy import envoy
from tests.bench.comparison.plain_http import Answer, fetch
from tests.bench.comparison.processes import Proc, workdir
from tests.bench.comparison.setups import KEY, Launch, Place, Setup
from tests.fakes.process import free_ports

__all__ = ["ALL", "Contestant"]

ALL: Mapping[str, Callable[[Setup, Place], Launch]] = {
    "tidegate": launches.tidegate,
    "compiled": launches.compiled,
    "envoy": envoy,
    "traefik": launches.traefik,
    "caddy": launches.caddy,
    "nginx": launches.nginx,
    "haproxy": launches.haproxy,
    "naive": launches.naive,
}
METRICS = {"envoy": "/stats/prometheus", "nginx": "/stub_status"}
START_S = 20


class Contestant:
    """Raises RuntimeError where it does not start."""

    def __init__(self, name: str, setup: Setup, core: int, path: str) -> None:
        folder = workdir() / f"{name}-{time.monotonic_ns()}"
        folder.mkdir()
        self.name, self.setup, self.core = name, setup, core
        port, admin = free_ports(2)
        self.place = Place(port, admin, folder, workdir() / "cert.pem", workdir() / "key.pem")
        self.headers = {"X-API-Key": KEY} if setup.full else {}
        launch = ALL[name](setup, self.place)
        kept = {
            variable: os.environ[variable] for variable in ("PATH", "HOME", "LANG") if variable in os.environ
        }
        with (folder / ("access.log" if launch.logs_to_stdout else "output.txt")).open("ab") as out:
            self.proc = Proc(launch.argv, core, out, {**kept, **launch.env}, launch.cwd)
        self.startup_s = self._wait_until_up(path)

    def fetch(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return fetch(self.place.port, path, self.headers if headers is None else headers, self.setup.tls)

    def audit(self) -> dict[str, bool]:
        """What the full feature set really does here: asked, not claimed."""
        checked = self.fetch("/", {}).status == 401
        answer = self.fetch("/echo")
        request_id, forwarded, key = [*answer.body.decode().strip().split("|"), "", "", ""][:3]
        return {
            "key check": checked,
            "X-Request-ID": bool(request_id) and "x-request-id" in answer.fields,
            "X-Forwarded-For": bool(forwarded),
            "key hidden upstream": not key,
            "Prometheus metrics": self._has_metrics(),
        }

    def stop(self) -> tuple[int, bool]:
        """Ends it; then, with everything flushed: lines of its access log, and whether the first is JSON."""
        self.proc.stop()
        if not self.place.log.exists():
            return 0, False
        with self.place.log.open("rb") as log:
            first = log.readline()
            lines = bool(first) + sum(chunk.count(b"\n") for chunk in iter(lambda: log.read(1 << 20), b""))
        self.place.log.unlink()
        try:
            return lines, isinstance(json.loads(first), dict)
        except ValueError:
            return lines, False

    def _has_metrics(self) -> bool:
        own_port = self.name != "naive"
        port = self.place.admin if own_port else self.place.port
        try:
            return b"# TYPE" in fetch(port, METRICS.get(self.name, "/metrics"), self.headers).body
        except OSError:
            return False

    def _wait_until_up(self, path: str) -> float:
        """Seconds from the start of the process to its first 200 (any answer when the upstream is dead)."""
        problem = "no answer"
        while time.perf_counter() - self.proc.started < START_S:
            if self.proc.popen.poll() is not None:
                problem = f"ended with status {self.proc.popen.returncode}"
                break
            try:
                status = self.fetch(path).status
            except OSError:
                time.sleep(0.002)
                continue
            if status == 200 or (path == "/dead" and status >= 500):
                return time.perf_counter() - self.proc.started
            problem = f"first answers were {status}"
            time.sleep(0.002)
        self.proc.stop()
        texts = [file for file in self.place.folder.glob("*") if file.suffix in (".txt", ".log")]
        output = "".join(file.read_text(errors="replace")[-600:] for file in texts)
        raise RuntimeError(f"{self.name} did not start: {problem}\n{output.strip()}")

"""compose.yaml as a project of its own on the engine of the environment, with its own ports and image tag."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from tests.fakes.process import ROOT, free_ports

__all__ = ["Stack"]

HEALTHY_S = 120.0


@cache
def _program() -> tuple[str, ...]:
    """Compose as a plugin of the client, or the older program of its own."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ("docker", "compose")
    assert shutil.which("docker-compose"), "neither `docker compose` nor docker-compose is here"
    return ("docker-compose",)


def run(*words: str, env: Mapping[str, str] | None = None) -> str:
    """Stdout of a command that has to succeed."""
    done = subprocess.run(
        words, cwd=ROOT, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


class Stack:
    """`services`: those that `up` starts; `env`: variables of .env.example beside the ports."""

    def __init__(
        self, project: str, services: tuple[str, ...], files: tuple[str, ...], env: Mapping[str, str]
    ) -> None:
        port, prometheus, grafana, https = map(str, free_ports(4))
        ports = {"PORT": port, "PROMETHEUS_PORT": prometheus, "GRAFANA_PORT": grafana, "HTTPS_PORT": https}
        self.services = services
        self.env: Mapping[str, str] = {**ports, "TIDEGATE_TAG": "e2e", **env}
        self._project, self._files = project, files

    def compose(self, *words: str) -> str:
        files = [word for name in self._files for word in ("-f", name)]
        return run(*_program(), *files, "-p", self._project, *words, env=self.env)

    def build(self) -> None:
        self.compose("build", "gateway", "cache")

    def up(self) -> None:
        """Returns when all are healthy."""
        self.compose("up", "--detach", "--no-build", *self.services)
        self.wait_healthy()

    def down(self, *words: str) -> None:
        self.compose("down", "--timeout", "60", *words)

    def wait_healthy(self) -> None:
        end_s = time.monotonic() + HEALTHY_S
        while ill := {name: health for name in self.services if (health := self.health(name)) != "healthy"}:
            assert time.monotonic() < end_s, f"{ill}\n{self.compose('logs', '--tail', '50', *ill)}"
            time.sleep(0.5)

    def health(self, service: str) -> str:
        return str(self.inspected(service)["State"]["Health"]["Status"])

    def inspected(self, service: str) -> Any:
        """What the engine says of a service's container."""
        (found,) = json.loads(run("docker", "inspect", self.container(service)))
        return found

    def container(self, service: str) -> str:
        return self.compose("ps", "--quiet", service).strip()

    def inside(self, service: str, *words: str) -> subprocess.CompletedProcess[str]:
        """A command in a service's container."""
        return subprocess.run(
            ["docker", "exec", self.container(service), *words], capture_output=True, text=True, check=False
        )

    def kill(self, service: str) -> None:
        """SIGKILL of its first process from outside, as the kernel would: `docker kill` counts as wanted."""
        pid = self.inspected(service)["State"]["Pid"]
        words = ["--rm", "--pid", "host", "--user", "0", "--cap-add", "KILL", "--network", "none"]
        program = f"import os; os.kill({pid}, 9)"
        run("docker", "run", *words, "--entrypoint", "python", "tidegate:e2e", "-c", program)

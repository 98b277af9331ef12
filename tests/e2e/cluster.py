"""One release in a namespace of a real cluster, driven by kubectl and helm as people drive it.

KUBECONFIG names the cluster; `kubectl` and `helm` are found in PATH. The images must be there already
(`images.sh`); E2E_VALUES names a values file for what differs, such as a registry.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tests.coverage_gate import ROOT

__all__ = [
    "CHART",
    "CRD",
    "POD",
    "SYNCED_S",
    "Answer",
    "Load",
    "Namespace",
    "eventually",
    "is_ready",
    "run",
    "tidegate",
]

CHART = ROOT / "charts/tidegate"
POD = Path(__file__).parent / "pod"
CRD = "resiliencepolicies.tidegate.dev"
POLL_S = 0.3
SYNCED_S = 150  # the first time a gateway gets the operator's CA it waits for the kubelet, a minute or so
_INSTANCES = (
    "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9080/v1/instances').read().decode())"
)

T = TypeVar("T")
Object = dict[str, Any]


def run(*words: str, stdin: str | None = None, seconds: float = 120, check: bool = True) -> str:
    """What a command prints; what it says on stderr is in the failure."""
    ended = subprocess.run(
        words, input=stdin, capture_output=True, text=True, timeout=seconds, check=False, cwd=ROOT
    )
    if check and ended.returncode:
        raise AssertionError(f"{' '.join(words)}\n{ended.stdout}\n{ended.stderr}")
    return ended.stdout if check else ended.stdout + ended.stderr


def tidegate(*words: str, **env: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the program on this machine."""
    ended = subprocess.run(
        [sys.executable, "-m", "app", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        env=os.environ | env,
    )
    return ended.returncode, ended.stdout, ended.stderr


def eventually(look: Callable[[], T], what: str, seconds: float = 30) -> T:
    """What `look` gives as soon as it is true; polls other processes."""
    deadline_s = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        assert time.monotonic() < deadline_s, f"waited {seconds} s for {what}"
        time.sleep(POLL_S)


class Answer:
    """An answer to a request from inside the cluster."""

    def __init__(self, told: Object) -> None:
        self.status: int = told["status"]
        self.headers: dict[str, str] = told["headers"]
        self.body: str = told["body"]

    @property
    def reason(self) -> str:
        return self.headers.get("tidegate-reason", "")

    def json(self) -> Any:
        return json.loads(self.body)


class Load:
    """A steady load while it lasts; then `statuses`, `failures`, `slowest_s`, and how many each of `pods` served."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.statuses: dict[str, int] = {}
        self.pods: dict[str, int] = {}
        self.failures: list[str] = []
        self.slowest_s = 0.0

    def end(self) -> None:
        out, err = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, err
        told = json.loads(out.splitlines()[-1])
        self.statuses, self.failures, self.slowest_s = told["statuses"], told["failures"], told["slowest_s"]
        self.pods = told["pods"]
        print(f"load: {self.statuses}, {len(self.failures)} failed, slowest {self.slowest_s:.3f} s")

    def assert_all(self, *statuses: str) -> None:
        """Nothing failed, and every answer was one of these."""
        assert self.failures == []
        assert set(self.statuses) <= set(statuses), self.statuses
        assert sum(self.statuses.values()) > 50


class Namespace:
    """A namespace under the restricted standard, with a release and two pods to ask from."""

    def __init__(self, name: str, release: str = "tidegate") -> None:
        self.name, self.release = name, release
        self.key = ""

    # Commands

    def kubectl(self, *words: str, stdin: str | None = None, seconds: float = 120, check: bool = True) -> str:
        return run("kubectl", "-n", self.name, *words, stdin=stdin, seconds=seconds, check=check)

    def helm(self, *words: str, seconds: float = 240) -> str:
        return run("helm", "-n", self.name, *words, seconds=seconds)

    def get(self, *words: str) -> Any:
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def create(self) -> None:
        run("kubectl", "delete", "namespace", self.name, "--ignore-not-found", "--wait", seconds=180)
        run("kubectl", "create", "namespace", self.name)
        run("kubectl", "label", "namespace", self.name, "pod-security.kubernetes.io/enforce=restricted")

    def delete(self) -> None:
        run("kubectl", "delete", "namespace", self.name, "--ignore-not-found", "--wait=false")

    def install(self, *options: str) -> str:
        """`helm install`; a definition that an earlier release left behind is taken over."""
        words = ["install", self.release, str(CHART), "--wait", "--timeout", "150s", *options]
        if given := os.environ.get("E2E_VALUES"):
            words += ["--values", given]
        if run("kubectl", "get", "crd", CRD, "--ignore-not-found"):
            words.append("--take-ownership")
        told = self.helm(*words)
        secret = self.get("secret", f"{self.release}-api-key")["data"]["api-key"]
        self.key = run("base64", "-d", stdin=secret)
        eventually(self.is_synced, "every gateway to sync with the operator", SYNCED_S)
        return told

    def is_synced(self) -> bool:
        """Whether every ready gateway has applied what the operator serves."""
        told = json.loads(
            self.kubectl("exec", f"deployment/{self.release}-operator", "--", "python", "-c", _INSTANCES)
        )
        required = [one["state"] for one in told["instances"] if one["is_required"]]
        return bool(required) and set(required) == {"applied"}

    # Inside

    def place_tools(self) -> None:
        """An upstream at upstream:8080 and a pod to ask from."""
        image = self.get("deployment", f"{self.release}-gateway")
        name = image["spec"]["template"]["spec"]["containers"][0]["image"]
        tools = self.kubectl(
            "create", "configmap", "tools", f"--from-file={POD}/tools.py", "--dry-run=client", "-o", "yaml"
        )
        self.kubectl("apply", "-f", "-", stdin=tools)
        self.kubectl("apply", "-f", "-", stdin=(POD / "upstream.yaml").read_text().replace("IMAGE", name))
        self.kubectl("wait", "pod/client", "pod/upstream", "--for=condition=Ready", "--timeout=60s")
        eventually(lambda: self.answers("http://upstream:8080"), "the upstream's name to be known")

    def answers(self, url: str) -> bool:
        """Whether a request from inside the cluster comes through at all, with 200."""
        try:
            return self.ask("/ok", url).status == 200
        except AssertionError:
            return False

    def _tool(self, command: str, given: Object, pod: str = "client") -> list[str]:
        words = ["kubectl", "-n", self.name, "exec", pod, "--", "python", "/tools/tools.py"]
        return [*words, command, json.dumps(given)]

    def flip(self, gateway: str, count: int) -> Any:
        """What `flips` of the tools found, asked from the pod `flipper`."""
        pods = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in self.gateways()}
        given = {"namespace": self.name, "gateway": gateway, "count": count, "pods": pods, "seconds": 60}
        told = run(*self._tool("flips", given, "flipper"), seconds=60 + 5 * count)
        return json.loads(told.splitlines()[-1])

    def ask_from(self, pod: Object, given: Object) -> Answer:
        """From inside another pod: who may reach whom is a matter of network policies."""
        words = ("exec", pod["metadata"]["name"], "--", "python", "-c", (POD / "tools.py").read_text(), "ask")
        return Answer(json.loads(self.kubectl(*words, json.dumps(given))))

    def ask(self, path: str, url: str = "", method: str = "GET", body: str = "", **headers: str) -> Answer:
        """Through the Service unless `url` says where; with the key unless headers are given."""
        given = {
            "url": url or f"http://{self.release}-gateway:80",
            "path": path,
            "method": method,
            "body": body,
            "headers": {name.replace("_", "-"): value for name, value in headers.items()}
            or {"X-API-Key": self.key},
        }
        return Answer(json.loads(run(*self._tool("ask", given))))

    @contextmanager
    def load(
        self,
        path: str,
        rate: int = 100,
        connections: int = 8,
        url: str = "",
        methods: tuple[str, ...] = ("GET",),
    ) -> Iterator[Load]:
        """Requests through the Service, or to `url`, while the block runs."""
        given = {
            "url": url or f"http://{self.release}-gateway:80",
            "path": path,
            "headers": {"X-API-Key": self.key},
            "rate": rate,
            "connections": connections,
            "methods": methods,
        }
        with self._started("load", given) as process:
            load = Load(process)
            try:
                yield load
            finally:
                self.kubectl("exec", "client", "--", "python", "-c", "open('/tmp/stop', 'w')")
                load.end()

    @contextmanager
    def watching(
        self, path: str, wanted: str, seconds: float = 20, connections: int = 1
    ) -> Iterator[dict[str, float]]:
        """When each gateway told a RateLimit-Policy with `wanted` on the last of its connections: by pod, filled at
        the end."""
        urls = {f"http://{pod['status']['podIP']}:8080": pod["metadata"]["name"] for pod in self.gateways()}
        given = {
            "urls": list(urls),
            "path": path,
            "headers": {"X-API-Key": self.key},
            "wanted": wanted,
            "seconds": seconds,
            "connections": connections,
        }
        seen: dict[str, float] = {}
        with self._started("watch", given) as process:
            yield seen
            out, err = process.communicate(timeout=seconds + 20)
            assert process.returncode == 0, err
            seen |= {urls[url]: when for url, when in json.loads(out.splitlines()[-1]).items()}

    @contextmanager
    def _started(self, command: str, given: Object) -> "Iterator[subprocess.Popen[str]]":
        process = subprocess.Popen(
            self._tool(command, given), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first == "started\n", first + (process.communicate()[1])
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    # What is there

    def gateways(self) -> list[Object]:
        """Its gateway pods that are ready and do not end."""
        pods = self.get(
            "pods", "-l", f"app.kubernetes.io/instance={self.release},app.kubernetes.io/component=gateway"
        )
        return [pod for pod in pods["items"] if "deletionTimestamp" not in pod["metadata"] and is_ready(pod)]

    def identities(self) -> dict[str, int]:
        """Restarts by pod UID."""
        return {
            pod["metadata"]["uid"]: sum(one["restartCount"] for one in pod["status"]["containerStatuses"])
            for pod in self.gateways()
        }

    def breaker(self, name: str, pod: Object) -> Any:
        return self.ask(f"/v1/breakers/{name}", f"http://{pod['status']['podIP']}:9080").json()

    # Policies

    def apply_policy(self, name: str, **spec: object) -> float:
        """Applies a ResiliencePolicy; wall time just before it was sent."""
        policy = {
            "apiVersion": "tidegate.dev/v1alpha1",
            "kind": "ResiliencePolicy",
            "metadata": {"name": name},
            "spec": spec,
        }
        sent = time.time()
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(policy))
        return sent

    def wait_ready(self, name: str, seconds: int = 15) -> None:
        self.kubectl("wait", f"rsp/{name}", "--for=condition=Ready", f"--timeout={seconds}s")

    def describe(self) -> None:
        """What helps to understand a failure, to stderr."""
        of_ours = ("-l", "app.kubernetes.io/part-of=tidegate")
        print(self.kubectl("get", "pods,rsp", "-o", "wide", check=False), file=sys.stderr)
        print(self.kubectl("get", "rsp", "-o", "yaml", check=False), file=sys.stderr)
        events = self.kubectl("get", "events", "--sort-by=.lastTimestamp", check=False)
        logs = self.kubectl("logs", *of_ours, "--tail=40", "--prefix", "--all-containers", check=False)
        told = [line for line in logs.splitlines() if '"request_id"' not in line]  # access lines are too many
        print("\n".join([*events.splitlines()[-40:], *told]), file=sys.stderr)


def is_ready(pod: Object) -> bool:
    conditions = {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True"

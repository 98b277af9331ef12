"""A namespace of a real cluster with what the chart would make for an operator, and an operator beside it.

The operator is a plain process with the rights of its Role and no others. Pods of gateways exist but are
never scheduled; an EndpointSlice says which take traffic.
"""

import asyncio
import json
import uuid
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from app.config.sync.snapshot import SNAPSHOT_KEY, decode
from app.operator.kube.resources import Pod
from tests.e2e.cluster import CRD, run
from tests.fakes.process import ROOT, Child, free_ports

__all__ = ["AUDIENCE", "READ", "Place", "binding", "eventually"]

SECONDS = 30.0
READ = ["get", "list", "watch"]
AUDIENCE = "tidegate-operator"


def rules() -> list[dict[str, Any]]:
    """The Role of the design, word for word."""
    return [
        {"apiGroups": ["tidegate.dev"], "resources": ["resiliencepolicies"], "verbs": READ},
        {
            "apiGroups": ["tidegate.dev"],
            "resources": ["resiliencepolicies/status"],
            "verbs": ["get", "patch", "update"],
        },
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": ["tidegate-snapshot"],
            "verbs": ["get", "update"],
        },
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": ["tidegate-sync-ca"],
            "verbs": ["get", "update"],
        },
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": READ},
    ]


class Place:
    """A namespace with what the chart would make."""

    def __init__(self, folder: Any) -> None:
        self.name = f"op-{uuid.uuid4().hex[:8]}"
        self.review_role = f"{self.name}-tokenreviews"
        self.kubeconfig = str(folder / "kubeconfig")
        self.sync_port, self.admin_port = free_ports(2)
        self.url = f"https://127.0.0.1:{self.sync_port}"

    async def kubectl(self, *words: str, stdin: Any = None, check: bool = True) -> str:
        text = None if stdin is None else json.dumps(stdin)
        return await asyncio.to_thread(run, "kubectl", "-n", self.name, *words, stdin=text, check=check)

    async def get(self, *words: str) -> Any:
        return json.loads(await self.kubectl("get", *words, "-o", "json"))

    async def create(self, *objects: dict[str, Any]) -> None:
        whole = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        await self.kubectl("apply", "-f", "-", stdin=whole)

    async def make(self) -> None:
        if not run("kubectl", "get", "crd", CRD, "--ignore-not-found"):  # no test before installed the chart
            run("kubectl", "apply", "--server-side", "-f", str(ROOT / "k8s/crds/resiliencepolicies.yaml"))
            run("kubectl", "wait", "--for=condition=Established", "--timeout=30s", f"crd/{CRD}")
        run("kubectl", "create", "namespace", self.name)
        rbac = "rbac.authorization.k8s.io"
        account = {"kind": "ServiceAccount", "name": "operator", "namespace": self.name}
        review = {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}
        await self.create(
            _object("v1", "ConfigMap", "tidegate-snapshot"),
            _object("v1", "Secret", "tidegate-sync-ca"),
            _object("v1", "ServiceAccount", "operator"),
            _object("v1", "ServiceAccount", "tidegate-gateway"),
            _object("v1", "ServiceAccount", "stranger"),
            _object(f"{rbac}/v1", "Role", "operator", rules=rules()),
            binding("RoleBinding", "operator", "Role", "operator", account),
            _object(f"{rbac}/v1", "ClusterRole", self.review_role, rules=[review]),
            binding("ClusterRoleBinding", self.review_role, "ClusterRole", self.review_role, account),
        )
        token = await self.kubectl("create", "token", "operator", "--duration", "1h")
        known = json.loads(run("kubectl", "config", "view", "--raw", "--minify", "-o", "json"))
        known["users"][0]["user"] = {"token": token.strip()}
        known["contexts"][0]["context"]["namespace"] = self.name
        Path(self.kubeconfig).write_text(json.dumps(known), encoding="utf-8")  # noqa: ASYNC240 - once

    def drop(self) -> None:
        run("kubectl", "delete", "namespace", self.name, "--wait=false", check=False)
        run("kubectl", "delete", "clusterrole,clusterrolebinding", self.review_role, check=False)

    def operator(self, sync_port: int | None = None, admin_port: int | None = None) -> Child:
        env = {
            "KUBECONFIG": self.kubeconfig,
            "POD_NAMESPACE": self.name,
            "SYNC_PORT": str(self.sync_port if sync_port is None else sync_port),
            "ADMIN_PORT": str(self.admin_port if admin_port is None else admin_port),
        }
        return Child.app("operator", env=env)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Child]:
        async with self.operator() as child:
            await self.until_ready()
            yield child
            if child.returncode is None:
                assert await child.stop() == 0, child.output

    async def until_ready(self) -> None:
        async def ready() -> bool:
            try:
                async with httpx.AsyncClient(trust_env=False) as client:
                    response = await client.get(f"http://127.0.0.1:{self.admin_port}/readyz")
            except httpx.HTTPError:
                return False
            return response.status_code == 200

        await eventually(ready, "the operator to be ready")

    async def metric(self, name: str) -> float:
        """Sum over the labels that `name` leaves open."""
        async with httpx.AsyncClient(trust_env=False) as client:
            text = (await client.get(f"http://127.0.0.1:{self.admin_port}/metrics")).text
        lines = [line for line in text.splitlines() if line.startswith(name)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    async def ca(self) -> str:
        return str((await self.get("configmap", "tidegate-snapshot"))["data"]["ca.crt"])

    async def snapshot(self) -> Any:
        content = (await self.get("configmap", "tidegate-snapshot"))["binaryData"][SNAPSHOT_KEY]
        return decode(b64decode(content))

    async def add_pod(self, name: str) -> Pod:
        """A pod that is never scheduled."""
        container = {"name": "gateway", "image": "none:none"}
        spec = {
            "serviceAccountName": "tidegate-gateway",
            "schedulingGates": [{"name": "tidegate.dev/never"}],
            "containers": [container],
        }
        await self.create(_object("v1", "Pod", name, spec=spec))
        uid = (await self.get("pod", name))["metadata"]["uid"]
        return Pod(uid, name, self.name, "edge")

    async def token(self, pod: Pod, account: str = "tidegate-gateway", audience: str = AUDIENCE) -> str:
        bound = ["--bound-object-kind", "Pod", "--bound-object-name", pod.name, "--bound-object-uid", pod.uid]
        bound = bound if account == "tidegate-gateway" else []
        said = await self.kubectl("create", "token", account, "--audience", audience, *bound)
        return said.strip()

    async def take_traffic(self, *pods: Pod) -> None:
        labels = {
            "app.kubernetes.io/name": "tidegate",
            "app.kubernetes.io/component": "gateway",
            "app.kubernetes.io/instance": "edge",
            "kubernetes.io/service-name": "gateway",
        }
        endpoints = [
            {
                "addresses": [f"10.9.9.{number}"],
                "conditions": {"ready": True},
                "targetRef": {"kind": "Pod", "name": pod.name, "namespace": self.name, "uid": pod.uid},
            }
            for number, pod in enumerate(pods, 1)
        ]
        made = _object("discovery.k8s.io/v1", "EndpointSlice", "gateway", endpoints=endpoints)
        made["metadata"]["labels"] = labels
        await self.create({**made, "addressType": "IPv4", "ports": []})

    async def apply(self, name: str, spec: dict[str, Any]) -> None:
        await self.create(_object("tidegate.dev/v1alpha1", "ResiliencePolicy", name, spec=spec))

    async def apply_all(self, specs: dict[str, dict[str, Any]]) -> None:
        await self.create(
            *(
                _object("tidegate.dev/v1alpha1", "ResiliencePolicy", name, spec=spec)
                for name, spec in specs.items()
            )
        )

    async def status(self, name: str) -> dict[str, Any]:
        return dict((await self.get("rsp", name)).get("status") or {})

    async def condition(self, name: str, kind: str) -> tuple[str, str]:
        found = [one for one in (await self.status(name)).get("conditions", ()) if one["type"] == kind]
        return (found[0]["status"], found[0]["reason"]) if found else ("", "")

    async def wait_ready(self, name: str) -> None:
        await self.kubectl("wait", f"rsp/{name}", "--for=condition=Ready", f"--timeout={SECONDS:.0f}s")


def _object(version: str, kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **fields}


def binding(kind: str, name: str, role_kind: str, role: str, account: dict[str, str]) -> dict[str, Any]:
    group = "rbac.authorization.k8s.io"
    ref = {"apiGroup": group, "kind": role_kind, "name": role}
    return _object(f"{group}/v1", kind, name, roleRef=ref, subjects=[account])


async def eventually(look: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    """What `look` gives as soon as it is true."""
    try:
        async with asyncio.timeout(seconds):
            while not (found := await look()):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
            return found
    except TimeoutError:
        raise AssertionError(f"waited {seconds} s for {what}") from None

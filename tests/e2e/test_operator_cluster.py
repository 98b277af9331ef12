"""The operator as a plain process against a real API server, with the rights of its Role and no others.

The gateways are this test's: they speak the real protocol, each with a token that is bound to its pod. Their
pods exist but are never scheduled; an EndpointSlice of the test says which take traffic.
"""

import asyncio
import json
import os
import uuid
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.config.snapshot import SNAPSHOT_KEY, decode
from app.operator.resources import Pod
from tests.e2e.cluster import run
from tests.fakes.process import Child, free_ports
from tests.fakes.synced_caller import Caller
from tests.fakes.synced_gateway import SyncedGateway

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

SECONDS = 30.0
READ = ["get", "list", "watch"]
AUDIENCE = "tidegate-operator"
SPEC = {"targetRefs": [{"kind": "Route", "name": "orders"}], "timeout": {"request": "10s"}}


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
            _binding("RoleBinding", "operator", "Role", "operator", account),
            _object(f"{rbac}/v1", "ClusterRole", self.review_role, rules=[review]),
            _binding("ClusterRoleBinding", self.review_role, "ClusterRole", self.review_role, account),
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
                    answer = await client.get(f"http://127.0.0.1:{self.admin_port}/readyz")
            except httpx.HTTPError:
                return False
            return answer.status_code == 200

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

    async def status(self, name: str) -> dict[str, Any]:
        return dict((await self.get("rsp", name)).get("status") or {})

    async def condition(self, name: str, kind: str) -> tuple[str, str]:
        found = [one for one in (await self.status(name)).get("conditions", ()) if one["type"] == kind]
        return (found[0]["status"], found[0]["reason"]) if found else ("", "")

    async def wait_ready(self, name: str) -> None:
        await self.kubectl("wait", f"rsp/{name}", "--for=condition=Ready", f"--timeout={SECONDS:.0f}s")


def _object(version: str, kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **fields}


def _binding(kind: str, name: str, role_kind: str, role: str, account: dict[str, str]) -> dict[str, Any]:
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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory) -> AsyncIterator[Place]:
    assert "KUBECONFIG" in os.environ, "KUBECONFIG must name a cluster"
    made = Place(tmp_path_factory.mktemp("operator"))
    await made.make()
    try:
        yield made
    finally:
        made.drop()


@pytest_asyncio.fixture(loop_scope="module")
async def fleet(place) -> AsyncIterator[tuple[Place, list[Caller], Child]]:
    """The operator and three gateways that take traffic and poll; policies of earlier tests are gone."""
    await place.kubectl("delete", "rsp", "--all", "--wait=true")
    async with place.running() as child:
        pods = [await place.add_pod(f"gw-{number}") for number in range(3)]
        ca = await eventually(place.ca, "the CA")
        tokens = {pod.uid: await place.token(pod) for pod in pods}
        callers = [
            Caller(SyncedGateway(pod), place.url, partial(tokens.__getitem__, pod.uid), ca) for pod in pods
        ]
        await place.take_traffic(*pods)
        for caller in callers:
            caller.start()
        try:
            yield place, callers, child
        finally:
            for caller in callers:
                await caller.__aexit__()


async def test_an_edit_reaches_every_gateway_and_the_status_says_so(fleet):
    place, callers, _ = fleet
    await place.apply("orders", SPEC)
    await place.wait_ready("orders")
    status = await place.status("orders")
    assert status["gateways"]["summary"] == "3/3"
    assert {len(caller.gateway.held.policies) for caller in callers} == {1}


async def test_wait_after_an_edit_speaks_of_the_edit(fleet):
    place, callers, _ = fleet
    await place.apply("orders", SPEC)
    await place.wait_ready("orders")
    await place.apply("orders", {**SPEC, "timeout": {"request": "20s"}})
    await place.wait_ready("orders")
    held = {caller.gateway.held.policies[0].spec["timeout"]["request"] for caller in callers}
    assert held == {"20s"}


async def test_nothing_is_written_at_rest(fleet):
    place, _, _ = fleet
    await place.apply("orders", SPEC)
    await place.wait_ready("orders")
    await asyncio.sleep(1.5)
    before = (await place.get("rsp", "orders"))["metadata"]["resourceVersion"]
    await asyncio.sleep(6.0)
    assert (await place.get("rsp", "orders"))["metadata"]["resourceVersion"] == before


async def test_a_policy_goes_at_once_and_without_finalizers(fleet):
    place, callers, _ = fleet
    await place.apply("orders", SPEC)
    await place.wait_ready("orders")
    assert "finalizers" not in (await place.get("rsp", "orders"))["metadata"]
    await place.kubectl("delete", "rsp", "orders", "--timeout=5s")

    async def gone():
        return all(caller.gateway.held.policies == () for caller in callers)

    await eventually(gone, "the gateways to fall back")


async def test_the_loser_of_a_conflict_is_told_who_won(fleet):
    place, _, _ = fleet
    await place.apply("a-first", SPEC)
    await place.wait_ready("a-first")
    await place.apply("b-second", {**SPEC, "timeout": {"request": "1s"}})

    async def conflicted():
        return await place.condition("b-second", "Accepted") == ("False", "Conflicted")

    await eventually(conflicted, "the conflict")
    events = (await place.get("events"))["items"]
    assert any(one["reason"] == "Conflicted" and "a-first" in one["message"] for one in events)


async def test_one_pod_that_lags_is_named_and_heals(fleet):
    place, callers, _ = fleet
    await callers[2].pause()
    await place.apply("orders", SPEC)

    async def lagging():
        status = await place.status("orders")
        named = [one["pod"] for one in status.get("gateways", {}).get("failing", ())]
        return named == ["gw-2"]

    await eventually(lagging, "gw-2 to be named")
    assert await place.condition("orders", "Programmed") == ("False", "Reconciling")
    callers[2].start()
    await place.wait_ready("orders")


async def test_a_killed_operator_serves_the_same_snapshot_again(fleet):
    place, _, child = fleet
    await place.apply("orders", SPEC)
    await place.wait_ready("orders")
    before = await place.snapshot()
    await child.kill()
    async with place.operator() as again:
        await place.until_ready()
        await place.apply("orders", {**SPEC, "timeout": {"request": "30s"}})
        await place.wait_ready("orders")
        after = await place.snapshot()
        assert (after.lineage, after.sequence) == (before.lineage, before.sequence + 1)
        assert await again.stop() == 0


async def test_a_second_operator_at_once_makes_no_gap_and_no_second_lineage(fleet):
    place, callers, _ = fleet
    await place.apply("orders", SPEC)
    await place.wait_ready("orders")
    before = await place.snapshot()
    async with place.operator(0, 0) as second:
        await second.wait_line("gateways sync at port", 20)
        for number in range(5):
            await place.apply("orders", {**SPEC, "timeout": {"request": f"{number + 1}s"}})
            await asyncio.sleep(0.3)
        after = await place.snapshot()
        assert after.lineage == before.lineage
        assert after.sequence - before.sequence <= 5
        assert await second.stop() == 0

    async def applied():
        newest = (await place.snapshot()).sequence
        return {caller.gateway.held.sequence for caller in callers} == {newest}

    await eventually(applied, "every gateway to hold the newest")


async def test_a_lost_configmap_content_is_written_again_in_the_same_lineage(fleet):
    place, callers, _ = fleet
    await place.apply("orders", SPEC)
    await place.wait_ready("orders")
    before = await place.snapshot()
    await place.kubectl(
        "patch", "configmap", "tidegate-snapshot", "--type=merge", "-p", '{"binaryData": null}'
    )
    await place.apply("orders", {**SPEC, "timeout": {"request": "12s"}})
    await place.wait_ready("orders")
    after = await place.snapshot()
    assert (after.lineage, after.sequence) == (before.lineage, before.sequence + 1)
    assert {caller.gateway.held.sequence for caller in callers} == {after.sequence}


async def test_forged_and_replayed_calls_are_refused_and_counted(fleet):
    place, callers, _ = fleet
    await place.apply("orders", SPEC)
    await place.wait_ready("orders")
    mine, other = callers[0], callers[1]
    await mine.pause()
    stranger = await place.token(mine.gateway.pod, account="stranger")
    foreign = await place.token(mine.gateway.pod, audience="somebody-else")
    unbound = (await place.kubectl("create", "token", "tidegate-gateway", "--audience", AUDIENCE)).strip()
    request = mine.gateway.request(0)
    assert await mine.say(request, token="no token") == 401
    assert await mine.say(request, token=foreign) == 401
    assert await mine.say(request, token=unbound) == 401  # not a pod's
    assert await mine.say(request, token=stranger) == 401
    assert await mine.say(other.gateway.request(0)) == 403  # somebody else's acknowledgement
    assert await mine.say(request) == 204
    assert await mine.say(request) == 409
    refused = await place.metric('tidegate_operator_sync_requests_total{code="4')
    assert refused >= 6


async def test_an_event_tells_once_that_a_generation_is_applied(fleet):
    place, _, _ = fleet
    await place.apply("told", SPEC)
    await place.wait_ready("told")

    async def events():
        found = (await place.get("events"))["items"]
        return [
            one for one in found if one["reason"] == "Applied" and one["involvedObject"]["name"] == "told"
        ]

    (event,) = await eventually(events, "the event")
    assert (event["type"], event["count"]) == ("Normal", 1)


async def test_the_operator_of_these_tests_has_no_other_rights(place):
    asked = ("auth", "can-i", "list", "secrets", "--kubeconfig", place.kubeconfig)
    assert (await place.kubectl(*asked, check=False)).strip() == "no"


async def test_an_operator_without_its_role_says_what_it_lacks(place, tmp_path):
    await place.kubectl("delete", "rolebinding", "operator")
    try:
        async with place.operator(0, 0) as child:
            assert await child.wait(20) == 1
            assert "forbidden" in child.output
    finally:
        account = {"kind": "ServiceAccount", "name": "operator", "namespace": place.name}
        await place.create(_binding("RoleBinding", "operator", "Role", "operator", account))

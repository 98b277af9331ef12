"""The operator at scale, against a real API server: many gateways, many policies, a storm of edits.

    python -m tests.bench.operator_scale [--gateways 100] [--policies 500] [--edits 1000] [--seconds 10]

KUBECONFIG names the cluster. The gateways are simulated in this process; they speak the real protocol over
TLS, each with its own token. Prints the time from each edit until every gateway acknowledged it, and what the
operator used: CPU, memory, status writes. Everything runs on one machine, the simulation included.
"""

import argparse
import asyncio
import time
from pathlib import Path
from typing import Any, ClassVar

import httpx2
from lightkube import AsyncClient
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.authentication_v1 import BoundObjectReference, TokenRequestSpec
from lightkube.models.core_v1 import Container, PodSchedulingGate, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod as ClusterPod
from lightkube.resources.core_v1 import ServiceAccountToken
from lightkube.types import PatchType

from app.config.sync.snapshot import Snapshot, decode, supersedes
from app.operator.kube.resources import Pod
from tests.e2e.operator_place import AUDIENCE, Place
from tests.fakes.synced_caller import Caller
from tests.fakes.synced_gateway import SyncedGateway

POLICY = create_namespaced_resource("tidegate.dev", "v1alpha1", "ResiliencePolicy", "resiliencepolicies")
EDITORS = 16
SETTLE_S = 60.0


class LightGateway(SyncedGateway):
    """Takes snapshots over without building a table; all of them decode the same bytes only once."""

    _decoded: ClassVar[dict[bytes, tuple[Snapshot, dict[str, int]]]] = {}

    def __init__(self, pod: Pod) -> None:
        self.generations: dict[str, int] = {}
        super().__init__(pod)

    def take(self, content: bytes) -> None:
        if content not in self._decoded:
            self._decoded.clear()
            snapshot = decode(content)
            generations = {entry.uid: entry.generation for entry in snapshot.policies}
            self._decoded[content] = (snapshot, generations)
        offered, generations = self._decoded[content]
        if supersedes(offered, self.held):
            self.held, self.generations = offered, generations


class Storm:
    """What was edited when, and when the last gateway said that it applied it."""

    def __init__(self, gateways: int) -> None:
        self.gateways = gateways
        self.edited: dict[tuple[str, int], float] = {}
        self.seen: dict[str, dict[str, int]] = {}
        self.lags_s: list[float] = []
        self._waiting: dict[tuple[str, int], set[str]] = {}

    def edit(self, uid: str, generation: int, at_s: float) -> None:
        assert (uid, generation) not in self.edited, "an edit that changes nothing"
        self.edited[uid, generation] = at_s
        behind = {pod for pod, held in self.seen.items() if held.get(uid, 0) < generation}
        self._waiting[uid, generation] = behind
        if not behind:
            self._done((uid, generation))

    def applied(self, gateway: SyncedGateway) -> None:
        """A gateway acknowledged what it holds (its report was answered)."""
        assert isinstance(gateway, LightGateway)
        held = gateway.generations
        self.seen[gateway.pod.name] = held
        for key in list(self._waiting):
            uid, generation = key
            if held.get(uid, 0) >= generation:
                self._waiting[key].discard(gateway.pod.name)
                if not self._waiting[key]:
                    self._done(key)

    def _done(self, key: tuple[str, int]) -> None:
        del self._waiting[key]
        self.lags_s.append(time.monotonic() - self.edited[key])

    @property
    def is_over(self) -> bool:
        return not self._waiting


def spec(number: int, version: int) -> dict[str, Any]:
    return {
        "targetRefs": [{"kind": "Route", "name": f"route-{number}"}],
        "circuitBreaker": {"consecutiveFailures": 1 + version % 10_000, "openDuration": "10s"},
        "timeout": {"request": "10s"},
    }


def usage(pid: int) -> tuple[float, float]:
    """CPU seconds so far, and resident MiB."""
    return usage_of(*(Path(f"/proc/{pid}/{name}").read_text() for name in ("stat", "statm")))


def usage_of(stat: str, statm: str) -> tuple[float, float]:
    """The same from what these files of proc(5) say."""
    fields = stat.rpartition(")")[2].split()
    pages = int(statm.split()[1])
    return (int(fields[11]) + int(fields[12])) / 100, pages * 4096 / 2**20


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def edit_all(
    place: Place, client: AsyncClient, uids: dict[str, str], storm: Storm, options: Any
) -> float:
    """Makes the edits evenly over the time; how long it really took."""
    began_s = time.monotonic()
    turns = asyncio.Semaphore(EDITORS)

    async def edit(number: int) -> None:
        name = f"p{number % options.policies}"
        change = {"spec": spec(number % options.policies, 7 + number)}
        async with turns:
            at_s = time.monotonic()
            made = await client.patch(POLICY, name, change, namespace=place.name, patch_type=PatchType.MERGE)
            storm.edit(uids[name], made["metadata"]["generation"], at_s)

    tasks = []
    for number in range(options.edits):
        due_s = began_s + number * options.seconds / options.edits
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        tasks.append(asyncio.ensure_future(edit(number)))
    await asyncio.gather(*tasks)
    return time.monotonic() - began_s


async def add_pod(client: AsyncClient, name: str) -> Pod:
    """A pod that is never scheduled."""
    spec = PodSpec(
        containers=[Container(name="gateway", image="none:none")],
        schedulingGates=[PodSchedulingGate(name="tidegate.dev/never")],
        serviceAccountName="tidegate-gateway",
    )
    made = await client.create(ClusterPod(metadata=ObjectMeta(name=name), spec=spec))
    metadata = made.metadata
    assert metadata is not None
    return Pod(str(metadata.uid), name, str(metadata.namespace), "edge")


async def token_of(client: AsyncClient, pod: Pod) -> str:
    bound = BoundObjectReference(apiVersion="v1", kind="Pod", name=pod.name, uid=pod.uid)
    request = ServiceAccountToken(
        metadata=ObjectMeta(), spec=TokenRequestSpec(audiences=[AUDIENCE], boundObjectRef=bound)
    )
    made = await client.create(request, "tidegate-gateway")
    assert made.status is not None
    assert made.status.token is not None
    return made.status.token


async def prepare(place: Place, client: AsyncClient, options: Any) -> tuple[list[Caller], dict[str, str]]:
    pods = [await add_pod(client, f"gw-{number}") for number in range(options.gateways)]
    await place.take_traffic(*pods)
    ca = await place.ca()
    callers = []
    for pod in pods:
        token = await token_of(client, pod)
        callers.append(Caller(LightGateway(pod), place.url, lambda token=token: token, ca))  # type: ignore[misc]
    uids = {}
    for number in range(options.policies):
        metadata = ObjectMeta(name=f"p{number}", namespace=place.name)
        made = await client.create(POLICY(metadata=metadata, spec=spec(number, 0)))
        uids[f"p{number}"] = made["metadata"]["uid"]
    return callers, uids


async def until(condition: Any, seconds: float) -> None:
    deadline_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline_s, "it does not come to rest"
        await asyncio.sleep(0.1)


async def measure(options: Any, folder: Path) -> None:
    place = Place(folder)
    await place.make()
    client = AsyncClient(namespace=place.name, timeout=httpx2.Timeout(30.0))
    storm = Storm(options.gateways)
    try:
        async with place.running() as operator:
            callers, uids = await prepare(place, client, options)
            for caller in callers:
                caller.on_applied = storm.applied
                caller.gateway.routes = tuple(f"route-{number}" for number in range(options.policies))
                caller.start()
            held = [caller.gateway for caller in callers if isinstance(caller.gateway, LightGateway)]
            await until(
                lambda: all(one.held and len(one.held.policies) == options.policies for one in held), 120
            )
            await until_quiet(place)
            await report(place, client, operator.pid, uids, storm, options)
            for caller in callers:
                await caller.__aexit__()
    finally:
        await client.close()
        place.drop()


async def until_quiet(place: Place) -> float:
    """Status writes so far, once there were none for 3 s."""
    before = -1.0
    while True:
        written = await place.metric("tidegate_operator_status_writes_total")
        if written == before:
            return written
        before = written
        await asyncio.sleep(3.0)


async def report(
    place: Place, client: AsyncClient, pid: int, uids: dict[str, str], storm: Storm, options: Any
) -> None:
    rest_cpu_s, rest_mib = usage(pid)
    await asyncio.sleep(10.0)
    idle_cpu_s = usage(pid)[0] - rest_cpu_s
    writes = await place.metric("tidegate_operator_status_writes_total")
    snapshots = await place.metric("tidegate_operator_snapshot_sequence")
    before_s, began_s = usage(pid)[0], time.monotonic()
    took_s = await edit_all(place, client, uids, storm, options)
    await until(lambda: storm.is_over, SETTLE_S)
    acknowledged_s = time.monotonic() - began_s
    after = await until_quiet(place)
    cpu_s, mib = usage(pid)
    settled_s = time.monotonic() - began_s - 3.0
    published = await place.metric("tidegate_operator_snapshot_sequence") - snapshots
    size = await place.metric("tidegate_operator_snapshot_bytes")
    rows = [
        ("gateways × policies", f"{options.gateways} × {options.policies}"),
        ("edits", f"{options.edits} in {took_s:.1f} s"),
        ("edit → acknowledged by all, p50", f"{percentile(storm.lags_s, 0.5) * 1000:.0f} ms"),
        ("edit → acknowledged by all, p99", f"{percentile(storm.lags_s, 0.99) * 1000:.0f} ms"),
        ("all acknowledged after", f"{acknowledged_s:.1f} s"),
        ("snapshots published", f"{published:.0f}, {size / 1024:.1f} KiB each"),
        ("status writes", f"{after - writes:.0f}, {(after - writes) / settled_s:.0f} a second, then none"),
        ("operator CPU in that time", f"{cpu_s - before_s:.1f} s"),
        ("operator CPU at rest", f"{idle_cpu_s / 10 * 100:.1f} % of a core"),
        ("operator memory", f"{rest_mib:.0f} MiB at rest, {mib:.0f} MiB after"),
    ]
    print("| | |\n|---|---|")
    for name, value in rows:
        print(f"| {name} | {value} |")


def main() -> None:
    import tempfile

    parser = argparse.ArgumentParser()
    for name, default in (("gateways", 100), ("policies", 500), ("edits", 1_000), ("seconds", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(parser.parse_args(), Path(folder)))


if __name__ == "__main__":
    main()

"""Real kopf against an API server on loopback."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from app.operator.kube.kinds import ENDPOINT_SLICE
from app.operator.kube.watch import Watch
from tests.app.operator.cluster_samples import slice_body
from tests.app.operator.samples import SPEC, pod
from tests.fakes.cluster import GATEWAY_LABELS, FakeCluster
from tests.fakes.kubernetes_server import kubernetes_server
from tests.fakes.waiting import until

SELECTOR = ",".join(f"{key}={value}" for key, value in GATEWAY_LABELS.items())

pytestmark = pytest.mark.usefixtures("sessions_of_kopf")


class Heard:
    """What a watch reported, from its thread."""

    def __init__(self):
        self.changes: list[str] = []
        self.relists = 0
        self.ends: list[BaseException | None] = []

    def on_change(self, kind):
        self.changes.append(kind)

    def on_relist(self):
        self.relists += 1

    def on_end(self, error):
        self.ends.append(error)


@pytest.fixture
async def server(tmp_path, monkeypatch):
    async with kubernetes_server(FakeCluster(), tmp_path) as made:
        monkeypatch.setenv("KUBECONFIG", str(made.kubeconfig))
        yield made


@asynccontextmanager
async def watching(server, namespace="shop"):
    """A watch that has seen one policy already."""
    server.cluster.apply("first", SPEC)
    heard = Heard()
    watch = Watch(namespace, SELECTOR, heard)
    watch.start()
    try:
        await until(lambda: "policy" in heard.changes, "the first policy")
        await until(lambda: server.watches == 2, "both watches")
        heard.changes.clear()
        yield heard
    finally:
        watch.stop()
        await asyncio.to_thread(watch.join)
    assert heard.ends == [None]


async def test_an_edit_and_a_pod_are_reported(server):
    async with watching(server) as heard:
        server.cluster.apply("first", {**SPEC, "mode": "Shadow"})
        await until(lambda: "policy" in heard.changes, "the edit")
        server.cluster.add_pod(pod("gw-0"))
        await until(lambda: "slice" in heard.changes, "the pod")


async def test_slices_of_others_are_not_reported(server):
    async with watching(server) as heard:
        server.objects.apply(ENDPOINT_SLICE, slice_body("orders", "10.0.0.1"))
        server.cluster.apply("second", SPEC)
        await until(lambda: bool(heard.changes), "the second policy")
        server.objects.apply(ENDPOINT_SLICE, slice_body("orders", "10.0.0.2"))
        server.cluster.add_pod(pod("gw-0"))
        await until(lambda: "slice" in heard.changes, "the pod")
        assert heard.changes == ["policy", "slice"]


async def test_a_slice_that_gateways_leave_is_reported(server):
    own = slice_body("gateways", "10.0.0.1")
    own["metadata"]["labels"] |= GATEWAY_LABELS
    async with watching(server) as heard:
        server.objects.apply(ENDPOINT_SLICE, own)
        await until(lambda: heard.changes == ["slice"], "the slice")
        server.objects.apply(ENDPOINT_SLICE, slice_body("gateways", "10.0.0.1"))
        await until(lambda: heard.changes == ["slice", "slice"], "its labels' end")
        server.objects.apply(ENDPOINT_SLICE, own)
        await until(lambda: len(heard.changes) == 3, "its return")
        server.objects.remove(ENDPOINT_SLICE, ("shop", own["metadata"]["name"]))
        await until(lambda: len(heard.changes) == 4, "its deletion")


async def test_a_status_alone_is_not_reported(server):
    async with watching(server) as heard:
        server.cluster.edit_status("first", {"observedGeneration": 1})
        server.cluster.apply("second", SPEC)
        await until(lambda: bool(heard.changes), "the second policy")
        assert heard.changes == ["policy"]


async def test_a_deleted_policy_is_reported(server):
    async with watching(server) as heard:
        server.cluster.delete("first")
        await until(lambda: bool(heard.changes), "the deletion")


async def test_a_watch_that_broke_starts_again_from_a_list(server):
    async with watching(server) as heard:
        server.break_watches()
        await until(lambda: heard.relists > 0, "the list")
        server.cluster.apply("second", SPEC)
        await until(lambda: "policy" in heard.changes, "the second policy")


async def test_all_namespaces_are_watched(server):
    async with watching(server, None) as heard:
        server.cluster.apply("far", SPEC, "other")
        await until(lambda: "policy" in heard.changes, "the policy of another namespace")


async def test_a_watch_that_is_stopped_while_it_starts_ends(server):
    for _ in range(3):
        heard = Heard()
        watch = Watch("shop", SELECTOR, heard)
        watch.start()
        watch.stop()
        await asyncio.to_thread(watch.join)
        assert heard.ends == [None]


async def test_what_ends_kopf_is_reported(monkeypatch):
    async def fail(**_):
        raise RuntimeError("an error in the watch-stream")

    monkeypatch.setattr("kopf.operator", fail)
    heard = Heard()
    watch = Watch("shop", SELECTOR, heard)
    watch.start()
    await asyncio.to_thread(watch.join)
    assert [str(one) for one in heard.ends] == ["an error in the watch-stream"]

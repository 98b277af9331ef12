"""What the control plane may assume about its Kubernetes API: in memory, and through the real client over HTTP."""

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from app.foundation.errors import ClusterError
from app.operator.kube.client import connect_kube
from app.operator.kube.event_aggregator import EventAggregator, Notice
from app.operator.kube.resources import TokenBearer, read_pods
from tests.app.operator.samples import SPEC, pod
from tests.fakes.cluster import FakeCluster
from tests.fakes.kubernetes_server import kubernetes_server

CONFIGMAP, SECRET = "tidegate-snapshot", "tidegate-sync-ca"


@asynccontextmanager
async def in_memory(folder, monkeypatch):
    cluster = FakeCluster()
    yield cluster, cluster


@asynccontextmanager
async def over_http(folder, monkeypatch):
    cluster = FakeCluster()
    async with kubernetes_server(cluster, folder) as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
        client = connect_kube(None, tries=1)
        yield client, cluster
        await client.close()


@pytest.fixture(params=[in_memory, over_http])
async def place(request, tmp_path, monkeypatch):
    """The API under test, and the cluster behind it."""
    async with request.param(tmp_path, monkeypatch) as made:
        yield made


async def code_of(call) -> int:
    with pytest.raises(ClusterError) as caught:
        await call
    return caught.value.code


async def test_policies_of_one_or_all_namespaces(place):
    api, cluster = place
    cluster.apply("orders", SPEC)
    cluster.apply("far", SPEC, "other")
    (own,) = await api.policies("shop")
    assert (own.name, own.generation, own.spec) == ("orders", 1, SPEC)
    assert {one.name for one in await api.policies("*")} == {"orders", "far"}


async def test_pods_that_take_traffic(place):
    api, cluster = place
    cluster.add_pod(pod("gw-0"))
    assert read_pods(await api.slices("shop", "app=gateway")) == {"uid-gw-0": pod("gw-0")}


async def test_a_status_write_changes_no_generation(place):
    api, cluster = place
    cluster.apply("orders", SPEC)
    (before,) = await api.policies("shop")
    stored = await api.write_status(before, {"observedGeneration": 1})
    assert (stored.generation, stored.status) == (1, {"observedGeneration": 1})
    assert stored.resource_version != before.resource_version


async def test_a_status_write_with_an_old_version_is_a_conflict(place):
    api, cluster = place
    cluster.apply("orders", SPEC)
    (read,) = await api.policies("shop")
    cluster.edit_status("orders", {})
    assert await code_of(api.write_status(read, {})) == 409


async def test_a_status_of_a_policy_that_is_gone_is_not_found(place):
    api, cluster = place
    cluster.apply("orders", SPEC)
    (read,) = await api.policies("shop")
    cluster.delete("orders")
    assert await code_of(api.write_status(read, {})) == 404


async def test_a_configmap_is_written_by_compare_and_swap(place):
    api, _ = place
    read = await api.read_configmap(CONFIGMAP)
    written = await api.write_configmap(CONFIGMAP, read, {"snapshot": b"\x00\xff"}, {"ca.crt": "PEM"})
    again = await api.read_configmap(CONFIGMAP)
    assert again.data == {"snapshot": b"\x00\xff", "ca.crt": b"PEM"}
    assert again.version == written.version
    assert await code_of(api.write_configmap(CONFIGMAP, read, {}, {})) == 409


async def test_a_secret_is_written_by_compare_and_swap(place):
    api, _ = place
    read = await api.read_secret(SECRET)
    await api.write_secret(SECRET, read, {"ca.key": b"\x00key"})
    assert (await api.read_secret(SECRET)).data == {"ca.key": b"\x00key"}
    assert await code_of(api.write_secret(SECRET, read, {})) == 409


async def test_what_is_missing_is_not_found(place):
    api, _ = place
    assert await code_of(api.read_configmap("none")) == 404
    assert await code_of(api.read_secret("none")) == 404


async def test_a_token_is_that_of_its_pod_or_nobodys(place):
    api, cluster = place
    cluster.tokens["a.b.c"] = TokenBearer("shop", "gateway", "gw-0", "uid-gw-0")
    assert await api.review("a.b.c") == TokenBearer("shop", "gateway", "gw-0", "uid-gw-0")
    assert await api.review("x.y.z") is None


async def test_an_event_is_created_once_and_then_updated(place):
    api, cluster = place
    cluster.apply("orders", SPEC)
    (policy,) = await api.policies("shop")
    events = EventAggregator()
    first = events.add(policy, Notice("Applied", "m"), 0.0, 1_800_000_000.0)
    later = events.add(policy, Notice("Applied", "m"), 20.0, 1_800_000_020.0)
    assert first is not None
    assert later is not None
    await api.post_event(first)
    await api.post_event(later)
    assert await code_of(api.post_event(replace(later, name="gone"))) == 404


async def test_an_unavailable_api_is_an_error(place):
    api, cluster = place
    cluster.unavailable = True
    assert await code_of(api.policies("shop")) in (0, 503)

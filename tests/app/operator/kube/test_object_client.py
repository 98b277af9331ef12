"""The client of any kind of object, against a server of loopback."""

import httpx2
import pytest

from app.foundation.errors import ClusterError
from app.operator.kube.kinds import GATEWAY, SECRET, SERVICE
from app.operator.kube.object_client import ObjectClient
from tests.fakes.object_server import object_client
from tests.fakes.objects import FakeObjects

KEY = ("shop", "web")


def named(name="web", **parts):
    return {"metadata": {"namespace": "shop", "name": name}, **parts}


@pytest.fixture
def objects():
    return FakeObjects()


async def watched(client, since, count):
    events = client.watch(GATEWAY, "v1", since, for_s=60, silence_s=5.0)
    found = []
    async for event in events:
        found.append(event)
        if len(found) == count:
            break
    await events.aclose()
    return found


async def test_a_list_comes_in_pages(objects):
    for number in range(51):
        objects.apply(SECRET, named(f"s{number}", type="kubernetes.io/tls"))
    objects.apply(SECRET, named("other", type="Opaque"))
    async with object_client(objects) as client:
        first = await client.page(SECRET, "v1")
        second = await client.page(SECRET, "v1", first.more)
    assert (len(first.items), len(second.items), second.more) == (50, 1, "")
    assert first.version == str(objects.version)


async def test_a_watch_reports_what_changes_after_a_version(objects):
    objects.apply(GATEWAY, named(spec={"a": 1}))
    since = str(objects.version)
    async with object_client(objects) as client:
        objects.apply(GATEWAY, named(spec={"a": 2}))
        objects.remove(GATEWAY, KEY)
        found = await watched(client, since, 2)
    assert [event.type for event in found] == ["MODIFIED", "DELETED"]
    assert found[0].body["metadata"]["generation"] == 2


async def test_a_watch_from_a_forgotten_version_fails_with_410(objects):
    objects.apply(GATEWAY, named())
    objects.break_watches()
    async with object_client(objects) as client:
        with pytest.raises(ClusterError) as caught:
            await watched(client, "1", 1)
    assert caught.value.code == 410


async def test_a_watch_of_a_missing_kind_fails_with_404(objects):
    objects.missing.add("Gateway")
    async with object_client(objects) as client:
        with pytest.raises(ClusterError, match="cannot watch gateways") as caught:
            await watched(client, "1", 1)
    assert caught.value.code == 404


async def test_a_silent_watch_fails_as_one_without_a_response(objects):
    async with object_client(objects) as client:
        events = client.watch(GATEWAY, "v1", str(objects.version), for_s=60, silence_s=0.05)
        with pytest.raises(ClusterError) as caught:
            await anext(events)
    assert caught.value.code == 0


async def test_objects_are_applied_and_deleted(objects):
    async with object_client(objects) as client:
        made = await client.apply(SERVICE, KEY, named(spec={"ports": [], "type": "ClusterIP"}))
        assert made["spec"]["clusterIP"].startswith("10.96.0.")
        objects.apply(SERVICE, {**made, "metadata": {**made["metadata"], "labels": {"of": "others"}}})
        changed = await client.apply(SERVICE, KEY, named(spec={"ports": []}))
        assert (await client.get(SERVICE, KEY))["spec"] == {
            "ports": [],
            "clusterIP": made["spec"]["clusterIP"],
        }
        assert changed["metadata"]["labels"] == {"of": "others"}
        with pytest.raises(ClusterError) as caught:
            await client.delete(SERVICE, KEY, "another")
        assert caught.value.code == 409
        await client.delete(SERVICE, KEY, made["metadata"]["uid"])
        with pytest.raises(ClusterError) as caught:
            await client.get(SERVICE, KEY)
        assert caught.value.code == 404


async def test_a_status_is_patched_where_the_version_is_still_the_stored_one(objects):
    made = objects.apply(GATEWAY, named(spec={}))
    version = made["metadata"]["resourceVersion"]
    patch = {"metadata": {"resourceVersion": version}, "status": {"addresses": [{"value": "10.0.0.1"}]}}
    async with object_client(objects) as client:
        found = await client.patch_status(GATEWAY, KEY, patch)
        assert (found["status"], found["metadata"]["generation"]) == (patch["status"], 1)
        with pytest.raises(ClusterError) as caught:
            await client.patch_status(GATEWAY, KEY, patch)
    assert caught.value.code == 409


async def test_a_response_that_is_no_list_is_a_fault(objects):
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json={"items": []}))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
        with pytest.raises(ClusterError, match="not that of a Kubernetes API"):
            await ObjectClient(http).page(GATEWAY, "v1")

import asyncio

from app.operator.kube.kinds import HTTP_ROUTE
from tests.bench.live_objects import LiveObjects, watching
from tests.fakes.object_server import object_client
from tests.fakes.objects import FakeObjects
from tests.fakes.waiting import until

KEY = ("shop", "r0")


def route(host: str) -> dict[str, object]:
    return {"metadata": {"namespace": "shop", "name": "r0"}, "spec": {"hostnames": [host]}}


async def test_what_is_written_is_seen_with_the_version_that_the_write_returned():
    stored, events = FakeObjects(), list[tuple[str, int]]()
    async with object_client(stored) as client, watching(LiveObjects(client), client) as objects:
        objects.on_event = lambda kind, version: events.append((kind, version))
        written = await objects.apply(HTTP_ROUTE, route("a.example"))
        await until(lambda: objects.get(HTTP_ROUTE, KEY) is not None, "the route at the watch")
        seen = objects.get(HTTP_ROUTE, KEY)
    assert seen is not None
    assert seen["spec"] == {"hostnames": ["a.example"]}
    assert ("HTTPRoute", int(written["metadata"]["resourceVersion"])) in events


async def test_a_status_is_a_change_like_any_other():
    stored = FakeObjects()
    stored.apply(HTTP_ROUTE, route("a.example"))
    changed = asyncio.Event()
    async with object_client(stored) as client, watching(LiveObjects(client), client) as objects:
        before = objects.version
        objects.on_change = lambda kind: changed.set() if kind is HTTP_ROUTE else None
        stored.edit_status(HTTP_ROUTE, KEY, {"parents": []})
        async with asyncio.timeout(10):
            await changed.wait()
        assert objects.version > before
        seen = objects.get(HTTP_ROUTE, KEY)
    assert seen is not None
    assert seen["status"] == {"parents": []}

"""List and watch of a kind: against a server on loopback, and its pauses in a loop whose time jumps."""

import asyncio
from contextlib import asynccontextmanager

from app.foundation.errors import ClusterError
from app.operator.clock import REAL
from app.operator.kube.kinds import GATEWAY, REFERENCE_GRANT
from app.operator.kube.object_client import Page, WatchEvent
from app.operator.kube.object_store import ObjectStore
from app.operator.kube.object_watch import LOOK_AGAIN_S, RELIST_S, ObjectWatch
from app.operator.metrics import OperatorCounts
from tests.fakes.fast_time import run_fast
from tests.fakes.object_server import object_client
from tests.fakes.objects import FakeObjects
from tests.fakes.waiting import until


def named(name="web", version="1", **parts):
    return {"metadata": {"namespace": "shop", "name": name, "uid": name, "resourceVersion": version}, **parts}


def new_store(kind=GATEWAY):
    return ObjectStore((kind,))


@asynccontextmanager
async def running(watch):
    task = asyncio.ensure_future(watch.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def watching(objects, kind=GATEWAY):
    """A watch that was listed once: the store and what was counted."""
    store, counts = new_store(kind), OperatorCounts()
    async with object_client(objects) as client, running(ObjectWatch(kind, client, store, counts, REAL)):
        await until(lambda: store.has_synced, "the list")
        yield store, counts


async def test_the_store_follows_the_cluster():
    objects = FakeObjects()
    objects.apply(GATEWAY, named("a"))
    async with watching(objects) as (store, _):
        objects.apply(GATEWAY, named("b"))
        objects.remove(GATEWAY, ("shop", "a"))
        await until(lambda: set(store.objects(GATEWAY)) == {("shop", "b")}, "both changes")


async def test_a_watch_that_is_too_old_starts_again_from_a_list():
    objects = FakeObjects()
    async with watching(objects) as (store, counts):
        objects.apply(GATEWAY, named("a"))
        await until(lambda: store.count(GATEWAY) == 1, "the first")
        objects.version += 5
        objects.bodies["Gateway"][("shop", "b")] = {**named("b", "104"), "spec": {}}
        objects.break_watches()
        await until(lambda: store.count(GATEWAY) == 2, "what the watch missed")
        assert counts.watch_restarts == 1


async def test_a_watch_that_ended_goes_on_where_it_was():
    objects = FakeObjects()
    async with watching(objects) as (store, _):
        objects.apply(GATEWAY, named("a"))
        await until(lambda: store.count(GATEWAY) == 1, "the first")
        objects.break_watches(forgets=False)
        objects.apply(GATEWAY, named("b"))
        await until(lambda: store.count(GATEWAY) == 2, "the second")
        assert objects.calls["list", "Gateway"] == 1


def test_an_older_version_of_a_kind_is_taken_where_the_cluster_has_no_newer():
    class OnlyOld(Script):
        async def page(self, kind, version, more=""):
            if version == "v1":
                raise ClusterError("list", kind.plural, 404, "not found")
            return await super().page(kind, version, more)

    script = OnlyOld([[named()]])
    store = new_store(REFERENCE_GRANT)
    play_until_idle(script, store, seconds=1, kind=REFERENCE_GRANT)
    assert store.count(REFERENCE_GRANT) == 1
    assert script.watched[0][0] == "v1beta1"


class Script:
    """Lists in turn (the last one again and again), each a list of bodies or a code; watches in turn likewise."""

    def __init__(self, lists, watches=()):
        self.lists, self.watches = list(lists), list(watches)
        self.listed_s: list[float] = []
        self.watched: list[tuple[str, str]] = []

    async def page(self, kind, version, more=""):
        self.listed_s.append(asyncio.get_running_loop().time())
        now = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        if isinstance(now, int):
            raise ClusterError("list", kind.plural, now, "a fault")
        return Page(tuple(now), "7", "")

    async def watch(self, kind, version, since, *, for_s, silence_s):
        self.watched.append((version, since))
        for event in self.watches.pop(0) if self.watches else ():
            if isinstance(event, int):
                raise ClusterError("watch", kind.plural, event, "a fault")
            yield event
        await asyncio.sleep(for_s)
        yield WatchEvent("BOOKMARK", {"metadata": {"resourceVersion": since}})


def play_until_idle(script, store, seconds, kind=GATEWAY):
    async def play(clock):
        async with running(ObjectWatch(kind, script, store, OperatorCounts(), clock)):
            await asyncio.sleep(seconds)

    run_fast(play)


def test_a_list_is_made_every_half_hour_without_any_cause():
    script = Script([[named()]])
    play_until_idle(script, new_store(), seconds=RELIST_S + 400)
    assert len(script.listed_s) == 2


def test_an_api_server_that_is_unavailable_is_asked_more_and_more_rarely():
    script = Script([0])
    store = new_store()
    play_until_idle(script, store, seconds=60)
    assert not store.has_synced
    assert 5 < len(script.listed_s) < 40


def test_a_kind_that_the_cluster_does_not_have_is_an_empty_one_until_it_comes():
    script = Script([404, [named()]])
    store = new_store()
    play_until_idle(script, store, seconds=1)
    assert (store.has_synced, store.count(GATEWAY)) == (True, 0)
    script = Script([404, [named()]])
    play_until_idle(script, store, seconds=LOOK_AGAIN_S + 1)
    assert store.count(GATEWAY) == 1


def test_one_404_does_not_empty_a_kind_that_was_there():
    gone = [410]
    script = Script([[named()], 404, [named()]], [gone])
    store = new_store()
    play_until_idle(script, store, seconds=20)
    assert (store.count(GATEWAY), len(script.listed_s)) == (1, 3)


def test_a_kind_that_stays_away_is_emptied():
    script = Script([[named()], 404], [[410]])
    store = new_store()
    play_until_idle(script, store, seconds=20)
    assert store.count(GATEWAY) == 0


def test_a_missing_right_is_named_once_and_tried_again_later(caplog):
    script = Script([403, 403, [named()]])
    store = new_store()
    play_until_idle(script, store, seconds=2 * LOOK_AGAIN_S + 1)
    assert store.count(GATEWAY) == 1
    assert caplog.text.count("the operator's role must allow to list and watch it") == 1


def test_a_watch_that_breaks_goes_on_from_the_last_event():
    added = WatchEvent("ADDED", named("b", "9"))
    script = Script([[named()]], [[added, 0], [500], []])
    store = new_store()
    play_until_idle(script, store, seconds=10)
    assert store.count(GATEWAY) == 2
    assert script.watched[:3] == [("v1", "7"), ("v1", "9"), ("v1", "9")]
    assert len(script.listed_s) == 1


def test_watches_that_end_at_once_do_not_spin():
    class Ending(Script):
        async def watch(self, kind, version, since, *, for_s, silence_s):
            self.watched.append((version, since))
            nothing: list[WatchEvent] = []
            for event in nothing:
                yield event

    script = Ending([[named()]])
    play_until_idle(script, new_store(), seconds=60)
    assert len(script.watched) < 40

"""A round: compile, take over, publish, say; what fails leaves gateways what they have, and may be tried again.

The parts around are the real ones where they only keep values; publication is played.
"""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import pytest

from app.config.sync.newest import CertificatePem
from app.foundation.errors import ClusterError, ConfigFault, ConfigFaults
from app.operator.clock import REAL
from app.operator.cluster import route_rounds as module
from app.operator.cluster.endpoint_rounds import EndpointRounds
from app.operator.cluster.gateway_services import GatewayServices
from app.operator.cluster.route_rounds import LOOK_S, Publication, RouteOutputs, RouteRounds
from app.operator.cluster.world_view import WorldView
from app.operator.kube.kinds import GATEWAY, ROUTE_KINDS
from app.operator.kube.object_store import ObjectStore
from app.operator.metrics import OperatorCounts
from app.operator.policy.attachments import NOTHING_SERVED
from app.operator.policy.known_attachments import KnownAttachments
from app.operator.routes.objects.certificates import CertificatePair
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.snapshot.tables import CompiledTables
from app.operator.sync.feeds import new_feeds
from tests.app.operator.cluster_samples import compiled, gateway_body
from tests.fakes.fast_time import run_fast

AWAY = ClusterError("write", "ConfigMap", 503, "away")
TOO_LARGE = ConfigFaults([ConfigFault("tables", "are too large", "serve fewer routes")])


class Publisher:
    """What each `republish` does, in order: a bool to return or an error to raise; then it publishes. Also the full
    rounds that are asked for, and when each attempt was, in seconds."""

    def __init__(self, *plan, clock=REAL):
        self.plan, self.clock = list(plan), clock
        self.attempts_s: list[float] = []
        self.full: list[str] = []

    async def republish(self):
        self.attempts_s.append(self.clock.now_s())
        what = self.plan.pop(0) if self.plan else True
        if isinstance(what, Exception):
            raise what
        return what

    def request(self, why, since_s=None):
        self.full.append(why)


class Statuses:
    """What was taken and what was said, in order."""

    def __init__(self):
        self.taken, self.said = [], []

    def take(self, made):
        self.taken.append(made)

    def say(self):
        self.said.append(self.taken[-1])


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(module, "REPLY_S", 0.0)


class AtOnce(ThreadPoolExecutor):
    """Runs what is to run in a thread at once: a clock that jumps does not wait for threads."""

    def submit(self, fn, /, *given, **named):
        done: Future[object] = Future()
        try:
            done.set_result(fn(*given, **named))
        except Exception as error:
            done.set_exception(error)
        return done


class Rounds:
    """`rounds` over a store with one Gateway of which all kinds were listed. `compile`: replace it to let it fail."""

    def __init__(self, *plan, clock=REAL, is_listed=True):
        self.store, self.counts = ObjectStore(ROUTE_KINDS), OperatorCounts()
        self.view = WorldView(self.store)
        self.publisher, self.statuses = Publisher(*plan, clock=clock), Statuses()
        self.tables, self.feeds = CompiledTables(are_awaited=True), new_feeds()
        self.attachments = KnownAttachments(are_awaited=True)
        self.worlds = []
        self.outputs = RouteOutputs(
            self.tables,
            self.feeds,
            EndpointRounds(self.view, self.feeds.endpoints),
            GatewayServices(None, self.store, "tidegate", "app=gateway", self.counts),  # type: ignore[arg-type]
            self.statuses,  # type: ignore[arg-type]
            self.attachments,
        )
        publication = Publication(self.publisher, self.publisher)
        self.compile = self.routes_of
        self.rounds = RouteRounds(
            self.store,
            self.view,
            lambda world: self.compile(world),
            self.outputs,
            publication,
            self.counts,
            clock,
        )
        self.store.report_to(self)
        if is_listed:
            self.list_all()

    def list_all(self):
        for kind in ROUTE_KINDS:
            self.store.replace(kind, [gateway_body()] if kind is GATEWAY else [])

    def content(self, kind, key):
        if key[1]:
            self.view.changed(kind, key)

    def status(self, kind, key):
        pass

    def routes_of(self, world):
        """A route for each Gateway, and one certificate."""
        self.worlds.append(world)
        made = compiled(
            routes=tuple(key.name for key in world.gateways),
            certificates={"secret/shop/cert": CertificatePair(b"certificate", b"key")},
            upstreams=("service/shop/orders/80",),
        )
        return replace(made, target_ports={ObjectKey("shop", "web"): 20_000})  # type: ignore[dict-item]

    @property
    def routes(self):
        return [one["name"] for one in (self.tables.current or {}).get("routes", ())]  # type: ignore[attr-defined]


async def test_a_round_publishes_tables_with_what_they_need_and_then_says_so():
    it = Rounds()
    assert await it.rounds.round()
    assert it.routes == ["web"]
    assert it.feeds.certificates.values == {"secret/shop/cert": CertificatePem("certificate", "key")}
    assert list(it.feeds.endpoints.values) == ["service/shop/orders/80"]
    assert it.attachments.current is not None
    assert len(it.statuses.said) == 1
    assert it.counts.compiles == {"published": 1}
    assert it.counts.compile_s >= 0


async def test_the_same_tables_again_are_counted_as_unchanged_and_said_again():
    it = Rounds()
    await it.rounds.round()
    await it.rounds.round()
    assert it.counts.compiles == {"published": 1, "unchanged": 1}
    assert len(it.statuses.said) == 2


async def test_each_world_carries_what_the_last_compilation_gave():
    it = Rounds()
    await it.rounds.round()
    await it.rounds.round()
    assert [len(world.certificates) for world in it.worlds] == [0, 1]
    assert [len(world.target_ports) for world in it.worlds] == [0, 1]


async def test_nothing_is_compiled_before_every_kind_was_listed():
    it = Rounds(is_listed=False)
    assert await it.rounds.round()
    assert (it.worlds, it.publisher.attempts_s, it.counts.compiles) == ([], [], {})
    it.list_all()
    assert await it.rounds.round()
    assert it.counts.compiles == {"published": 1}


async def test_a_compiler_that_raises_changes_nothing_and_is_not_tried_again(caplog):
    it = Rounds()

    def fail(world):
        raise LookupError("a fault of ours")

    it.compile = fail
    assert await it.rounds.round()
    assert (it.publisher.attempts_s, it.statuses.said, it.tables.current) == ([], [], None)
    assert it.counts.compiles == {"failed": 1}
    assert "the cluster's routes cannot be compiled" in caplog.text
    assert "a fault of ours" in caplog.text
    it.compile = it.routes_of
    assert await it.rounds.round()
    assert it.routes == ["web"]


async def test_tables_that_are_too_large_are_not_tried_again_and_nothing_is_said(caplog):
    it = Rounds(TOO_LARGE)
    assert await it.rounds.round()
    assert (it.counts.compiles, it.statuses.said) == ({"failed": 1}, [])
    assert "gateways keep the routes that they have: tables" in caplog.text


async def test_an_api_server_that_is_away_is_tried_again_and_nothing_is_said_before(caplog):
    it = Rounds(AWAY)
    assert not await it.rounds.round()
    assert (it.counts.compiles, it.statuses.said) == ({"failed": 1}, [])
    assert "gateways keep the routes that they have: " in caplog.text
    assert await it.rounds.round()
    assert it.counts.compiles == {"failed": 1, "published": 1}
    assert len(it.statuses.said) == 1


@pytest.mark.parametrize("failure", [AWAY, False, TOO_LARGE])
async def test_what_is_published_after_a_failure_counts_as_published_though_the_tables_stayed(failure):
    it = Rounds(failure)
    await it.rounds.round()
    await it.rounds.round()
    assert it.counts.compiles["published"] == 1
    assert it.counts.compiles["unchanged"] == 0


async def test_what_only_a_full_round_can_publish_asks_for_one_and_is_tried_again():
    it = Rounds(False)
    assert not await it.rounds.round()
    assert it.publisher.full == ["the cluster's routes changed"]
    assert (it.statuses.said, it.counts.compiles) == ([], {})
    assert await it.rounds.round()
    assert len(it.publisher.full) == 1
    assert len(it.statuses.said) == 1


def test_what_gateways_report_is_judged_by_what_is_served_at_once_and_statuses_let_them_read_it_first(
    monkeypatch,
):
    monkeypatch.setattr(module, "REPLY_S", 0.01)

    async def play(clock):
        asyncio.get_running_loop().set_default_executor(AtOnce())
        it = Rounds(clock=clock)
        polls: list[asyncio.Future[tuple[int, int]]] = []

        async def poll(pause_s):
            await asyncio.sleep(pause_s)
            return len(it.statuses.taken), len(it.statuses.said)

        republish = it.publisher.republish

        async def publish():
            is_published = await republish()
            polls.extend(asyncio.ensure_future(poll(pause_s)) for pause_s in (0.0, 0.009, 0.011))
            return is_published

        it.publisher.republish = publish  # type: ignore[method-assign]
        await it.rounds.round()
        return [await each for each in polls]

    assert run_fast(play) == [(1, 0), (1, 0), (1, 1)]


def running(*plan, for_s, with_change=True):
    """When it was tried to publish, in seconds since the only change; what was logged stays in `caplog`."""

    async def play(clock):
        asyncio.get_running_loop().set_default_executor(AtOnce())
        it = Rounds(*plan, clock=clock)
        began_s = clock.now_s()
        task = asyncio.ensure_future(it.rounds.run())
        if with_change:
            it.rounds.request()
        await asyncio.sleep(for_s)
        task.cancel()
        await asyncio.wait({task})
        return [at_s - began_s for at_s in it.publisher.attempts_s], it

    return run_fast(play)


def test_failures_in_a_row_are_tried_again_ever_more_slowly_until_it_works(caplog):
    attempts_s, it = running(*[AWAY] * 12, for_s=120)
    assert len(attempts_s) == 13
    pauses_s = [later - earlier for earlier, later in pairwise(attempts_s)]
    longest_s = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, *[10.0] * 6]
    for pause_s, at_most_s in zip(pauses_s, longest_s, strict=True):
        assert at_most_s / 4 <= pause_s <= at_most_s + 0.1
    assert it.counts.compiles == {"failed": 12, "published": 1}
    assert caplog.text.count("gateways keep the routes that they have") == 2  # the first and the eleventh


def test_after_it_worked_the_next_failure_is_tried_again_soon():
    async def play(clock):
        asyncio.get_running_loop().set_default_executor(AtOnce())
        it = Rounds(AWAY, AWAY, AWAY, True, AWAY, clock=clock)
        task = asyncio.ensure_future(it.rounds.run())
        it.rounds.request()
        await asyncio.sleep(30)
        it.rounds.request()
        await asyncio.sleep(30)
        task.cancel()
        await asyncio.wait({task})
        return it.publisher.attempts_s

    attempts_s = run_fast(play)
    assert len(attempts_s) == 6
    assert attempts_s[5] - attempts_s[4] <= 0.2


def test_what_waits_for_a_full_round_is_tried_again():
    attempts_s, it = running(False, False, for_s=10)
    assert len(attempts_s) == 3
    assert len(it.publisher.full) == 2


def test_faults_of_the_tables_wait_for_the_next_change():
    assert len(running(TOO_LARGE, for_s=60)[0]) == 1


def test_without_a_change_it_is_looked_at_from_time_to_time():
    attempts_s, _ = running(for_s=2 * LOOK_S + 1, with_change=False)
    assert [round(at_s) for at_s in attempts_s] == [LOOK_S, 2 * LOOK_S]


async def test_without_gateway_api_there_are_no_tables_and_nothing_is_served():
    it = Rounds()
    it.outputs.serve_nothing(is_certain=True)
    assert (it.tables.current, it.tables.may_be_empty) == ({}, True)
    assert it.attachments.current == NOTHING_SERVED


async def test_where_nobody_can_say_what_is_stored_stays():
    it = Rounds()
    it.outputs.serve_nothing(is_certain=False)
    assert (it.tables.current, it.tables.may_be_empty) == (None, True)
    assert it.attachments.current == NOTHING_SERVED

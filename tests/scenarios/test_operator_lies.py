"""A pod with a gateway's token that lies about what it applied: the others go on getting their settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import pytest

from app.config.sync.messages import Applied
from app.config.sync.snapshot import MAX_SEQUENCE, SNAPSHOT_KEY, Snapshot, decode
from app.operator.clock import Clock
from app.operator.kube.resources import Pod
from app.operator.snapshot.publisher import LINEAGES_KEY
from tests.fakes.cluster import FakeCluster
from tests.fakes.control_plane import HandDrivenOperator
from tests.fakes.synced_gateway import SyncedGateway, table_of


class Bench:
    """An operator, two honest gateways that serve with its first snapshot, and one pod that says anything."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.cluster = FakeCluster()
        self.honest = [SyncedGateway(Pod(f"uid-gw-{n}", f"gw-{n}", "shop", "edge")) for n in range(2)]
        self.liar = SyncedGateway(Pod("uid-liar", "liar", "shop", "edge"))
        for gateway in (*self.honest, self.liar):
            self.cluster.add_pod(gateway.pod)
        self.seconds = 0
        self.restart()

    def restart(self) -> None:
        clock = Clock(lambda: self.now_s, lambda: 1_800_000_000.0 + self.now_s)
        self.operator = HandDrivenOperator(self.cluster, clock)

    @property
    def snapshot(self) -> Snapshot:
        assert self.operator.snapshot is not None
        return self.operator.snapshot

    async def edit(self) -> None:
        """Somebody edits the policy; the operator takes it up."""
        self.seconds += 1
        timeout = {"request": f"{self.seconds}s"}
        self.cluster.apply("orders", {"targetRefs": [{"kind": "Gateway"}], "timeout": timeout})
        await self.operator.round()

    async def lie(self, lineage: str, sequence: int) -> None:
        self.liar.restart_calls()
        applied = Applied(lineage, sequence, "0" * 64, 1.0)
        assert self.operator.take_report(replace(self.liar.request(), applied=applied))
        await self.operator.round()

    def sync(self) -> None:
        for gateway in self.honest:
            request = gateway.request()
            assert self.operator.take_report(request)
            news = self.operator.newer_for(request)
            if news is not None:
                gateway.take(news)

    async def expect_everybody_follows(self) -> None:
        """Within one edit: the liar can delay nothing."""
        await self.edit()
        self.sync()
        for gateway in self.honest:
            assert gateway.held is not None
            assert gateway.held == self.snapshot
            assert gateway.table == table_of(self.snapshot.policies)


@asynccontextmanager
async def begun() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.edit()
    bench.sync()
    yield bench


def made_up(number: int) -> str:
    return str(UUID(int=number + 1))


@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
async def test_made_up_lineages_and_then_the_real_one_far_ahead_freeze_nobody(restarts):
    async with begun() as bench:
        if restarts:
            bench.restart()
            await bench.operator.round()
        for number in range(8):
            await bench.lie(made_up(number), 1)
        await bench.lie(bench.snapshot.lineage, MAX_SEQUENCE)
        await bench.expect_everybody_follows()
        for _ in range(20):
            bench.now_s += 5.0
            await bench.lie(bench.snapshot.lineage, MAX_SEQUENCE)
            await bench.expect_everybody_follows()


async def test_an_operator_that_runs_knows_how_far_its_lineage_got():
    async with begun() as bench:
        lineage = bench.snapshot.lineage
        await bench.lie(lineage, MAX_SEQUENCE)
        await bench.expect_everybody_follows()
        assert bench.snapshot.lineage == lineage


async def test_a_lie_costs_one_lineage_after_a_restart_and_no_more():
    async with begun() as bench:
        first = bench.snapshot.lineage
        bench.restart()
        await bench.operator.round()
        await bench.lie(first, MAX_SEQUENCE)
        second = bench.snapshot.lineage
        await bench.lie(second, MAX_SEQUENCE)
        assert bench.snapshot.lineage == second
        await bench.expect_everybody_follows()


async def test_made_up_lineages_cost_one_snapshot_and_change_nothing_more():
    async with begun() as bench:
        before = bench.snapshot.sequence
        for number in range(100):
            await bench.lie(made_up(number), 1)
        assert bench.snapshot.sequence == before + 1
        assert bench.snapshot.replaces == (made_up(0),)


async def test_lineages_once_published_stay_listed_whatever_is_made_up():
    async with begun() as bench:
        lost = bench.snapshot.lineage
        bench.cluster.lose_snapshot()
        await bench.operator.round()
        assert bench.snapshot.replaces == (lost,)
        for number in range(40):
            bench.now_s += 21.0
            await bench.lie(made_up(number // 2), 1)
            assert lost in bench.snapshot.replaces
        await bench.expect_everybody_follows()


async def test_the_configmap_remembers_what_was_published_for_the_next_operator():
    async with begun() as bench:
        lost = bench.snapshot.lineage
        bench.cluster.lose_snapshot()
        await bench.operator.round()
        text = bench.cluster.configmaps["tidegate-snapshot"].data[LINEAGES_KEY].decode()
        assert text.split() == [lost, bench.snapshot.lineage]
        bench.restart()
        await bench.operator.round()
        for number in range(8):
            await bench.lie(made_up(number), 1)
        assert lost in bench.snapshot.replaces
        await bench.expect_everybody_follows()


async def test_a_configmap_from_before_the_list_is_taken_over_with_what_it_replaced():
    async with begun() as bench:
        lost = bench.snapshot.lineage
        bench.cluster.lose_snapshot()
        await bench.operator.round()
        stored = bench.cluster.configmaps["tidegate-snapshot"]
        data = {key: value for key, value in stored.data.items() if key != LINEAGES_KEY}
        bench.cluster.configmaps["tidegate-snapshot"] = replace(stored, data=data)
        bench.restart()
        await bench.operator.round()
        stored = bench.cluster.configmaps["tidegate-snapshot"]
        assert stored.data[LINEAGES_KEY].decode().split() == [lost, bench.snapshot.lineage]
        assert decode(stored.data[SNAPSHOT_KEY]) == bench.snapshot


async def test_an_old_configmap_that_was_put_back_is_noticed_by_the_next_operator():
    async with begun() as bench:
        old = bench.cluster.configmaps["tidegate-snapshot"]
        for _ in range(2):
            await bench.edit()
        bench.sync()
        newest = bench.snapshot
        bench.cluster.configmaps["tidegate-snapshot"] = replace(old, version="put back")
        bench.restart()
        await bench.operator.round()
        bench.sync()
        await bench.expect_everybody_follows()
        assert newest.lineage in bench.snapshot.replaces

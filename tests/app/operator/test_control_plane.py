import asyncio

from app.operator.control_plane import build_control_plane, new_state
from tests.app.operator.samples import SPEC
from tests.fakes.cluster import FakeCluster
from tests.fakes.control_plane import SCOPE, HandDrivenOperator
from tests.fakes.fast_time import run_fast


def test_it_reconciles_writes_statuses_and_records_events_until_it_is_cancelled():
    async def play(clock):
        cluster = FakeCluster()
        cluster.apply("orders", SPEC)
        operator = HandDrivenOperator(cluster, clock)
        gateway = operator.gateway("gw-0")
        task = asyncio.ensure_future(operator.plane.run())
        for _ in range(20):
            await asyncio.sleep(0.5)
            await operator.sync(gateway)
        task.cancel()
        await asyncio.wait({task})
        return operator.condition("orders"), cluster.recorded(), task.cancelled()

    assert run_fast(play) == (("True", "Programmed"), [("Applied", "orders", 1)], True)


def test_a_started_operator_knows_nothing():
    async def play(clock):
        state = new_state(clock)
        return state.served.current, len(state.policies), state.fleet.version

    assert run_fast(play) == (None, 0, 0)


def test_all_parts_act_on_one_state():
    async def play(clock):
        state = new_state(clock)
        plane = build_control_plane(state, FakeCluster(), SCOPE, None)
        await plane.reconciler.reconcile(0.0)
        return state.policies.has_synced, state.served.sequence

    assert run_fast(play) == (True, 1)

"""Against a Kubernetes API in memory; the status itself: test_status.py, its pace: test_status_throttle.py."""

import asyncio

import pytest

from app.foundation.errors import ClusterError
from app.operator.policy import status_writer as module
from tests.app.operator.samples import SPEC
from tests.fakes.cluster import FakeCluster
from tests.fakes.control_plane import HandDrivenOperator
from tests.fakes.fast_time import run_fast


async def begun(clock, policies=1):
    """An operator whose one gateway serves with `policies` policies, none of which has a status yet."""
    cluster = FakeCluster()
    operator = HandDrivenOperator(cluster, clock)
    gateway = operator.gateway("gw-0")
    for number in range(policies):
        cluster.apply(f"p{number}", SPEC)
    await operator.round()
    await operator.sync(gateway)
    await operator.sync(gateway)
    return operator, gateway


def test_a_status_is_written_once_and_then_rests():
    async def play(clock):
        operator, _ = await begun(clock)
        for _ in range(5):
            await operator.write_statuses()
            await asyncio.sleep(10.0)
        return operator.condition("p0"), operator.cluster.calls["status"]

    assert run_fast(play) == (("True", "Programmed"), 1)


def test_at_most_fifty_are_written_in_one_pass():
    async def play(clock):
        operator, _ = await begun(clock, policies=module.WRITES_PER_PASS + 10)
        first = await operator.plane.statuses.write_due()
        second = await operator.plane.statuses.write_due()
        return (first.wrote, first.left), (second.wrote, second.left)

    assert run_fast(play) == ((50, 10), (10, 0))


def test_old_statuses_stay_until_every_gateway_called_after_a_start():
    async def play(clock):
        operator, _ = await begun(clock)
        await operator.write_statuses()
        restarted = HandDrivenOperator(operator.cluster, clock)
        await restarted.round()
        await asyncio.sleep(20.0)
        await restarted.write_statuses()
        held = operator.condition("p0")
        for _ in range(2):
            await asyncio.sleep(10.0)
            await restarted.write_statuses()
        return held, operator.condition("p0")

    assert run_fast(play) == (("True", "Programmed"), ("False", "Reconciling"))


@pytest.mark.parametrize(
    ("code", "result", "is_requested"), [(409, "conflict", True), (404, "gone", True), (0, "failed", False)]
)
def test_a_failed_write_is_counted_and_another_list_requested_where_it_helps(code, result, is_requested):
    async def play(clock):
        operator, _ = await begun(clock)

        async def reject(policy, status):
            raise ClusterError("write the status of", policy.name, code, "no")

        operator.cluster.write_status = reject
        await operator.write_statuses()
        began_s = clock.now_s()
        await operator.plane.trigger.wait(60.0)
        return dict(operator.counts.status_writes), clock.now_s() - began_s < 1.0

    assert run_fast(play) == ({result: 1}, is_requested)


def test_a_write_becomes_an_event():
    async def play(clock):
        operator, _ = await begun(clock)
        await operator.write_statuses()
        await operator.plane.events.write_due()
        return operator.cluster.recorded()

    assert run_fast(play) == [("Applied", "p0", 1)]


def test_it_looks_again_by_itself_since_time_alone_makes_a_gateway_stale():
    async def play(clock):
        operator, _ = await begun(clock)
        task = asyncio.ensure_future(operator.plane.statuses.run())
        await asyncio.sleep(300.0)
        task.cancel()
        await asyncio.wait({task})
        operator.cluster.remove_pod("uid-gw-0")
        await operator.round()
        await operator.write_statuses()
        return operator.condition("p0"), operator.cluster.status_of("p0")["gateways"]["summary"]

    assert run_fast(play) == (("False", "NoGateways"), "0/0")


def test_a_report_wakes_it():
    async def play(clock):
        operator, gateway = await begun(clock)
        task = asyncio.ensure_future(operator.plane.statuses.run())
        await asyncio.sleep(1.0)
        gateway.routes = ()
        operator.take_report(gateway.request())
        await asyncio.sleep(1.5)
        task.cancel()
        return operator.condition("p0", "Accepted")

    assert run_fast(play) == ("False", "TargetNotFound")

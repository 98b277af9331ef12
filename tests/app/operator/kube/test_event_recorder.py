import asyncio

import pytest

from app.foundation.errors import ClusterError
from app.operator.kube import event_recorder as module
from app.operator.kube.event_aggregator import Notice
from app.operator.kube.event_recorder import PER_S, EventRecorder
from app.operator.metrics import OperatorCounts
from tests.app.operator.samples import policy
from tests.fakes.cluster import FakeCluster
from tests.fakes.fast_time import run_fast

OPENED = Notice("BreakerOpened", "it opened", "orders")


def recorder(cluster, clock):
    counts = OperatorCounts()
    return EventRecorder(cluster, counts, clock), counts


def test_an_event_is_written_with_the_next_pass():
    async def play(clock):
        cluster = FakeCluster()
        events, counts = recorder(cluster, clock)
        events.record(policy(), OPENED)
        await events.write_due()
        return cluster.recorded(), counts.events

    assert run_fast(play) == ([("BreakerOpened", "orders", 1)], {"posted": 1})


def test_what_follows_soon_is_one_event_with_a_count():
    async def play(clock):
        cluster = FakeCluster()
        events, _ = recorder(cluster, clock)
        task = asyncio.ensure_future(events.run())
        for _ in range(5):
            events.record(policy(), OPENED)
            await asyncio.sleep(1.0)
        await asyncio.sleep(20.0)
        task.cancel()
        return cluster.recorded(), cluster.calls["event"]

    assert run_fast(play) == ([("BreakerOpened", "orders", 5)], 2)


def test_at_most_twenty_are_written_a_second():
    async def play(clock):
        cluster = FakeCluster()
        events, _ = recorder(cluster, clock)
        for number in range(PER_S + 5):
            events.record(policy(f"p{number}"), OPENED)
        await events.write_due()
        return cluster.calls["event"]

    assert run_fast(play) == PER_S


def test_what_does_not_fit_into_the_queue_is_counted(monkeypatch):
    monkeypatch.setattr(module, "MAX_QUEUED", 2)

    async def play(clock):
        events, counts = recorder(FakeCluster(), clock)
        for number in range(5):
            events.record(policy(f"p{number}"), OPENED)
        return counts.events

    assert run_fast(play) == {"dropped": 3}


@pytest.mark.parametrize("code", [0, 403, 404])
def test_an_event_that_cannot_be_written_is_counted_and_the_next_one_is_new(code):
    async def play(clock):
        cluster = FakeCluster()
        events, counts = recorder(cluster, clock)
        posts = []

        async def reject(post):
            posts.append(post)
            raise ClusterError("post an event in", "shop", code, "no")

        cluster.post_event = reject  # type: ignore[method-assign]
        for _ in range(2):
            events.record(policy(), OPENED)
            await events.write_due()
        return [post.is_new for post in posts], counts.events

    assert run_fast(play) == ([True, True], {"failed": 2})

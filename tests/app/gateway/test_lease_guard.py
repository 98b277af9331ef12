from collections.abc import Sequence

import pytest

from app.foundation.errors import StoreDown
from app.gateway.lease_guard import OPEN_S, GuardedLeaseStore
from app.limits.lease import Grant
from app.limits.lease_client import MAX_PIPELINES
from app.limits.lease_store import LeaseCall
from tests.fakes.lease_gateway import call


class Store:
    """A `LeaseStore` that beats, and loses calls while `loses` is set."""

    def __init__(self) -> None:
        self.loses = self.is_closed = False
        self.calls = self.beats = 0

    async def lease(self, calls: Sequence[LeaseCall]) -> Sequence[Grant | None]:
        self.calls += 1
        if self.loses:
            raise StoreDown("the limit store", "no response in time")
        return [Grant(1, 8, 0, 1, 0) for _ in calls]

    async def heartbeat(self) -> int:
        self.beats += 1
        return 3

    async def close(self) -> None:
        self.is_closed = True


class Guarded:
    def __init__(self) -> None:
        self.now_s = 0.0
        self.store = Store()
        self.guard = GuardedLeaseStore(self.store, lambda: self.now_s)

    async def lose(self, times: int) -> None:
        self.store.loses = True
        for _ in range(times):
            with pytest.raises(StoreDown):
                await self.guard.lease([call("a")])
        self.store.loses = False


@pytest.fixture
def guarded():
    return Guarded()


async def test_grants_and_heartbeats_pass_through(guarded):
    assert await guarded.guard.lease([call("a"), call("b")]) == [Grant(1, 8, 0, 1, 0)] * 2
    assert await guarded.guard.heartbeat() == 3
    await guarded.guard.close()
    assert guarded.store.is_closed


async def test_all_that_one_moment_can_lose_leaves_the_store_in_use(guarded):
    await guarded.lose(MAX_PIPELINES)
    assert await guarded.guard.heartbeat() == 3
    assert await guarded.guard.lease([call("a")])


async def test_a_store_that_beats_and_loses_half_of_its_calls_is_left_alone(guarded):
    for _ in range(MAX_PIPELINES):
        await guarded.guard.lease([call("a")])
    await guarded.lose(MAX_PIPELINES)
    sent = guarded.store.calls
    with pytest.raises(StoreDown, match="it loses half of its calls: no response in time"):
        await guarded.guard.lease([call("a")])
    assert guarded.store.calls == sent


async def test_its_heartbeat_goes_on_and_says_so(guarded):
    await guarded.lose(2 * MAX_PIPELINES)
    with pytest.raises(StoreDown, match="it loses half of its calls: no response in time"):
        await guarded.guard.heartbeat()
    assert guarded.store.beats == 1


async def test_after_a_second_it_is_tried_and_used_again(guarded):
    await guarded.lose(2 * MAX_PIPELINES)
    guarded.now_s = OPEN_S
    assert await guarded.guard.heartbeat() == 3
    for _ in range(MAX_PIPELINES):
        await guarded.guard.lease([call("a")])
    await guarded.lose(MAX_PIPELINES)
    assert await guarded.guard.lease([call("a")])


async def test_one_more_lost_call_then_leaves_it_alone_again(guarded):
    await guarded.lose(2 * MAX_PIPELINES)
    guarded.now_s = OPEN_S
    await guarded.guard.heartbeat()
    await guarded.lose(1)
    with pytest.raises(StoreDown):
        await guarded.guard.heartbeat()


async def test_a_fault_of_ours_is_no_secret(guarded):
    async def fail(_calls: object) -> None:
        raise ZeroDivisionError

    guarded.store.lease = fail
    for _ in range(2 * MAX_PIPELINES):
        with pytest.raises(ZeroDivisionError):
            await guarded.guard.lease([call("a")])
    with pytest.raises(StoreDown, match="a fault of our own"):
        await guarded.guard.lease([call("a")])

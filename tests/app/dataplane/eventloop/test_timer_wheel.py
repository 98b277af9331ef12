import asyncio
from collections.abc import Callable

import pytest

from app.dataplane.eventloop.timer_wheel import NEVER, TICK_S, Wheel
from app.foundation.clock import now_s


class Item:
    def __init__(self) -> None:
        self.deadline_s = NEVER
        self.armed_tick = 0
        self.calls_s: list[float] = []

    def on_deadline(self, now_s: float) -> None:
        self.calls_s.append(now_s)


class Chained(Item):
    """Acts on another item, or on itself, when its deadline comes."""

    def __init__(self, act: Callable[[float], object]) -> None:
        super().__init__()
        self.act = act

    def on_deadline(self, now_s: float) -> None:
        super().on_deadline(now_s)
        self.act(now_s)


@pytest.fixture
async def wheel():
    made = Wheel(asyncio.get_running_loop())
    yield made
    made.stop()


@pytest.fixture
def start_s():
    return now_s()


async def test_a_deadline_is_reported_once_and_never_early(wheel, start_s):
    item = Item()
    wheel.set(item, start_s + 1)
    wheel.turn(start_s + 0.99)
    assert item.calls_s == []
    wheel.turn(start_s + 1 + TICK_S)
    wheel.turn(start_s + 5)
    assert item.calls_s == [start_s + 1 + TICK_S]
    assert item.deadline_s == NEVER


async def test_a_deadline_moved_later_is_kept(wheel, start_s):
    item = Item()
    wheel.set(item, start_s + 1)
    wheel.set(item, start_s + 3)
    wheel.turn(start_s + 2)
    assert item.calls_s == []
    wheel.turn(start_s + 3.1)
    assert len(item.calls_s) == 1


async def test_a_deadline_moved_earlier_is_kept(wheel, start_s):
    item = Item()
    wheel.set(item, start_s + 3)
    wheel.set(item, start_s + 1)
    wheel.turn(start_s + 1.1)
    wheel.turn(start_s + 4)
    assert len(item.calls_s) == 1


async def test_never_takes_a_deadline_off(wheel, start_s):
    item = Item()
    wheel.set(item, start_s + 1)
    wheel.set(item, NEVER)
    wheel.turn(start_s + 2)
    assert item.calls_s == []
    wheel.set(item, NEVER)
    wheel.set(item, start_s + 3)
    wheel.turn(start_s + 3.1)
    assert len(item.calls_s) == 1


async def test_a_removed_item_is_forgotten(wheel, start_s):
    item = Item()
    wheel.remove(item)
    wheel.set(item, start_s + 1)
    wheel.remove(item)
    wheel.turn(start_s + 2)
    assert (item.calls_s, item.armed_tick) == ([], 0)


async def test_an_item_may_set_itself_again(wheel, start_s):
    item: Chained = Chained(lambda now: wheel.set(item, now + 1))
    wheel.set(item, start_s + 1)
    for second in range(1, 5):
        wheel.turn(start_s + second + 0.5)
    assert len(item.calls_s) >= 2


async def test_an_item_may_remove_another_of_the_same_tick(wheel, start_s):
    items: list[Chained] = []
    for _ in range(2):
        items.append(Chained(lambda _: [wheel.remove(other) for other in items]))
    for item in items:
        wheel.set(item, start_s + 1)
    wheel.turn(start_s + 2)
    assert sum(len(item.calls_s) for item in items) == 1


async def test_an_item_may_set_another_of_the_same_tick(wheel, start_s):
    item = Item()
    first = Chained(lambda now: wheel.set(item, now + 1))
    wheel.set(first, start_s + 1)
    wheel.set(item, start_s + 1)
    wheel.turn(start_s + 1.5)
    wheel.turn(start_s + 2.6)
    assert item.deadline_s == NEVER
    assert item.calls_s


async def test_a_deadline_in_the_past_is_reported_at_the_next_turn(wheel, start_s):
    item = Item()
    wheel.set(item, start_s - 100)
    wheel.turn(now_s() + TICK_S)
    assert len(item.calls_s) == 1


async def test_the_loop_turns_the_wheel_and_rests_when_nothing_is_left():
    wheel = Wheel(asyncio.get_running_loop())
    came = asyncio.Event()
    item = Chained(lambda _: came.set())
    far = Item()
    wheel.set(item, now_s() + 3 * TICK_S)
    wheel.set(far, now_s() + 100)
    wheel.remove(far)
    async with asyncio.timeout(5):
        await came.wait()
    assert (wheel._handle, wheel._buckets) == (None, {})
    wheel.set(item, now_s())
    came.clear()
    async with asyncio.timeout(5):
        await came.wait()


async def test_a_reentrant_set_during_the_loops_turn_starts_one_timer_only():
    wheel = Wheel(asyncio.get_running_loop())
    came = asyncio.Event()
    second = Chained(lambda _: came.set())
    first = Chained(lambda now: wheel.set(second, now + TICK_S))
    wheel.set(first, now_s())
    async with asyncio.timeout(5):
        await came.wait()
    assert len(first.calls_s) == len(second.calls_s) == 1


async def test_after_stop_items_can_still_be_moved_and_removed(wheel, start_s):
    moved, removed = Item(), Item()
    wheel.set(moved, start_s + 2)
    wheel.set(removed, start_s + 2)
    wheel.stop()
    wheel.stop()
    wheel.set(moved, start_s + 1)
    wheel.remove(removed)
    assert removed.armed_tick == 0


async def test_a_deadline_that_fails_does_not_stop_the_wheel(wheel):
    def fail(_: float) -> None:
        raise ValueError("a bug of the item")

    came = asyncio.Event()
    loop = asyncio.get_running_loop()
    faults: list[object] = []
    loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))
    wheel.set(Chained(fail), now_s())
    wheel.set(Chained(lambda _: came.set()), now_s() + 3 * TICK_S)
    async with asyncio.timeout(5):
        await came.wait()
    loop.set_exception_handler(None)
    assert [str(fault) for fault in faults] == ["a bug of the item"]


async def test_a_slow_turn_in_which_an_item_is_set_skips_no_deadline(wheel):
    came = asyncio.Event()
    later, other = Chained(lambda _: came.set()), Item()

    def take_long(now: float) -> None:
        while now_s() < now + 5 * TICK_S:
            pass
        wheel.set(other, now_s() + 100)

    wheel.set(Chained(take_long), now_s())
    wheel.set(later, now_s() + 3 * TICK_S)
    async with asyncio.timeout(5):
        await came.wait()
    assert len(later.calls_s) == 1


async def test_a_deadline_that_fails_leaves_the_others_of_its_turn_to_the_next_one(wheel):
    def fail(_: float) -> None:
        wheel.remove(gone)
        raise ValueError("a bug of the item")

    start_s = now_s()
    reported: list[float] = []
    others = [Chained(reported.append) for _ in range(3)]
    wheel.set(Chained(fail), start_s)
    gone = Chained(reported.append)
    for other in (*others, gone):
        wheel.set(other, start_s + TICK_S)
    with pytest.raises(ValueError, match="a bug of the item"):
        wheel.turn(start_s + 10 * TICK_S)
    wheel.turn(start_s + 20 * TICK_S)
    assert len(reported) == len(others)

"""The budget for bodies on their way in: a bound on all, in order of arrival, given back whatever happens."""

import asyncio

import pytest

from cache import body_budget as module
from cache.body_budget import BodyBudget
from cache.errors import Rejected


async def hold(budget: BodyBudget, size_bytes: int, until: asyncio.Event, begun: list[int]) -> None:
    async with budget.reserved(size_bytes):
        begun.append(size_bytes)
        await until.wait()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_bodies_never_hold_more_than_the_bound_and_come_in_order():
    budget, begun, until = BodyBudget(100), list[int](), [asyncio.Event() for _ in range(4)]
    tasks = [
        asyncio.ensure_future(hold(budget, size, until[n], begun)) for n, size in enumerate((60, 50, 40, 10))
    ]
    await settle()
    assert begun == [60]  # 40 would fit, but 50 was first
    until[0].set()
    await settle()
    assert begun == [60, 50, 40, 10]
    assert budget.used_bytes == 100
    for event in until:
        event.set()
    await asyncio.gather(*tasks)
    assert budget.used_bytes == 0


async def test_a_body_larger_than_the_bound_gets_all_of_it_alone():
    budget, begun, until = BodyBudget(100), list[int](), asyncio.Event()
    tasks = [asyncio.ensure_future(hold(budget, 1000, until, begun)) for _ in range(2)]
    await settle()
    assert len(begun) == 1
    until.set()
    await asyncio.gather(*tasks)
    assert budget.used_bytes == 0


async def test_who_waits_too_long_is_refused_and_lets_the_next_one_in(monkeypatch):
    monkeypatch.setattr(module, "WAIT_S", 0.01)
    budget, begun, until = BodyBudget(100), list[int](), asyncio.Event()
    first = asyncio.ensure_future(hold(budget, 60, until, begun))
    await settle()
    with pytest.raises(Rejected) as refused:
        await hold(budget, 50, until, begun)
    assert (refused.value.status, refused.value.headers) == (503, ((b"retry-after", b"1"),))
    until.set()
    await first
    await hold(budget, 100, until, begun)
    assert begun == [60, 100]


async def test_who_gives_up_while_waiting_leaves_no_trace():
    budget, begun, until = BodyBudget(100), list[int](), asyncio.Event()
    first = asyncio.ensure_future(hold(budget, 60, until, begun))
    await settle()
    waiting = [asyncio.ensure_future(hold(budget, size, until, begun)) for size in (50, 40)]
    await settle()
    waiting[0].cancel()
    await settle()
    assert begun == [60, 40]
    until.set()
    await asyncio.gather(first, waiting[1])
    assert budget.used_bytes == 0


async def test_who_gives_up_just_as_it_is_let_in_gives_its_room_back():
    budget, begun, until = BodyBudget(100), list[int](), asyncio.Event()
    first = asyncio.ensure_future(hold(budget, 60, until, begun))
    await settle()
    second = asyncio.ensure_future(hold(budget, 50, asyncio.Event(), begun))
    await settle()
    until.set()
    while budget.used_bytes != 50:  # noqa: ASYNC110 - the very tick is meant
        await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    assert budget.used_bytes == 0

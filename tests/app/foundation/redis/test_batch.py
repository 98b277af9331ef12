"""Calls of one tick travel together; each gets its own answer, whatever happens to the batch."""

import asyncio
from dataclasses import dataclass

import pytest

from app.foundation.errors import StoreDown
from app.foundation.redis.batch import MAX_BYTES, MAX_CALLS, Batcher, TickSender
from tests.fakes.waiting import until


@dataclass(frozen=True)
class Call:
    name: int
    size_bytes: int = 1


class Line:
    """Records batches and answers each call with its name; may be held up."""

    def __init__(self):
        self.batches = []
        self.open = asyncio.Event()
        self.open.set()
        self.down = False

    async def send(self, calls):
        self.batches.append([call.name for call in calls])
        await self.open.wait()
        if self.down:
            raise StoreDown("redis", "gone")
        return [StoreDown("redis", "this one") if call.name < 0 else call.name for call in calls]


async def test_calls_of_one_tick_are_one_batch():
    line = Line()
    batcher = Batcher(line.send, 2, "redis")
    answers = await asyncio.gather(*(batcher.call(Call(i)) for i in range(5)))
    assert answers == [0, 1, 2, 3, 4]
    assert line.batches == [[0, 1, 2, 3, 4]]


async def test_a_batch_has_a_bounded_number_of_calls():
    line = Line()
    batcher = Batcher(line.send, 1, "redis")
    await asyncio.gather(*(batcher.call(Call(i)) for i in range(MAX_CALLS + 1)))
    assert [len(batch) for batch in line.batches] == [MAX_CALLS, 1]


async def test_a_batch_has_a_bounded_size_and_a_large_call_goes_alone():
    line = Line()
    batcher = Batcher(line.send, 1, "redis")
    sizes = [MAX_BYTES // 2, MAX_BYTES // 2 + 1, MAX_BYTES * 2, 1, 1]
    await asyncio.gather(*(batcher.call(Call(i, size)) for i, size in enumerate(sizes)))
    assert line.batches == [[0], [1], [2], [3, 4]]


async def test_no_more_batches_fly_than_allowed_and_late_calls_fill_the_next():
    line = Line()
    line.open.clear()
    batcher = Batcher(line.send, 1, "redis")
    futures = [batcher.call(Call(0))]
    await asyncio.sleep(0)
    futures += [batcher.call(Call(1)), batcher.call(Call(2))]
    await asyncio.sleep(0)
    assert line.batches == [[0]]
    line.open.set()
    await asyncio.gather(*futures)
    assert line.batches == [[0], [1, 2]]


async def test_one_call_that_fails_does_not_fail_the_others():
    batcher = Batcher(Line().send, 1, "redis")
    good, bad = batcher.call(Call(1)), batcher.call(Call(-1))
    assert await good == 1
    with pytest.raises(StoreDown, match="this one"):
        await bad


async def test_a_batch_that_fails_fails_each_call_with_its_own_error():
    line = Line()
    line.down = True
    batcher = Batcher(line.send, 1, "redis")
    errors = await asyncio.gather(batcher.call(Call(1)), batcher.call(Call(2)), return_exceptions=True)
    assert [str(error) for error in errors] == ["redis is unavailable: gone"] * 2
    assert errors[0] is not errors[1]


async def test_a_caller_that_gave_up_does_not_disturb_the_others():
    line = Line()
    batcher = Batcher(line.send, 1, "redis")
    gone, stays = batcher.call(Call(1)), batcher.call(Call(2))
    gone.cancel()
    assert await stays == 2


async def test_closing_fails_what_waits_and_lets_what_flies_land():
    line = Line()
    line.open.clear()
    batcher = Batcher(line.send, 1, "redis")
    flying = batcher.call(Call(1))
    await asyncio.sleep(0)
    waiting, gone = batcher.call(Call(2)), batcher.call(Call(3))
    gone.cancel()
    closing = asyncio.ensure_future(batcher.close())
    await asyncio.sleep(0)
    line.open.set()
    await closing
    assert await flying == 1
    with pytest.raises(StoreDown, match="closing"):
        await waiting


async def test_a_fault_of_ours_reaches_the_loops_handler():
    async def broken(calls):
        raise ValueError("broken")

    told = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))
    future = Batcher(broken, 1, "redis").call(Call(1))
    await asyncio.wait([future], timeout=0.05)
    assert [str(error) for error in told] == ["broken"]


async def test_a_sender_goes_on_after_a_fault_and_can_be_given_up():
    batches, sent = [[1], [2], [3]], []
    faults = []
    asyncio.get_running_loop().set_exception_handler(
        lambda loop, context: faults.append(context["exception"])
    )

    async def send(batch):
        sent.append(batch)
        if batch == [1]:
            raise ValueError("broken")
        await asyncio.Event().wait()

    sender = TickSender(asyncio.get_running_loop(), lambda: batches.pop(0) if batches else None, send, 1)
    sender.wake()
    sender.wake()
    await until(lambda: len(sent) == 2, "the batch after the fault")
    assert [str(fault) for fault in faults] == ["broken"]
    await sender.settle(0.0)
    sender.cancel()
    await until(lambda: len(sent) == 3, "the batch after the one that was given up")
    sender.cancel()
    await sender.settle()

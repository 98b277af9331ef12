import asyncio

from app.gateway.tasks import Tasks
from tests.fakes.manual_loop import settled


async def fails() -> None:
    raise ValueError("a slip")


async def waits() -> None:
    await asyncio.Event().wait()


async def test_a_fault_is_reported():
    faults: list[BaseException] = []
    Tasks(asyncio.get_running_loop(), faults.append).spawn(fails())
    await settled()
    assert [str(fault) for fault in faults] == ["a slip"]


async def test_all_that_run_are_cancelled_and_that_is_no_fault():
    faults: list[BaseException] = []
    tasks = Tasks(asyncio.get_running_loop(), faults.append)
    running = [tasks.spawn(waits()) for _ in range(2)]
    tasks.cancel()
    await settled()
    assert [task.cancelled() for task in running] == [True, True]
    assert faults == []


async def test_a_task_that_somebody_else_holds_is_watched_and_not_cancelled():
    faults: list[BaseException] = []
    tasks = Tasks(asyncio.get_running_loop(), faults.append)
    held = asyncio.ensure_future(waits())
    tasks.watch(held)
    tasks.cancel()
    await settled()
    assert not held.done()
    held.cancel()
    failed = asyncio.ensure_future(fails())
    tasks.watch(failed)
    await settled()
    assert [str(fault) for fault in faults] == ["a slip"]

import asyncio
import os
import signal
import sys

import pytest

from app.demo.child import ChildPlan
from app.demo.output import Output
from app.demo.supervisor import Stop, supervise
from app.foundation.errors import StartFault
from tests.fakes.exchange import within
from tests.fakes.process import Child

IDLE = "import signal; signal.pause()"
DEAF = "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
TELLS_ITS_END = """
import signal, sys
signal.signal(15, lambda *_: (print('ending', flush=True), sys.exit(0)))
print('up', flush=True)
signal.pause()
"""


class Recorded(Output):
    """Output that stays in the test."""

    def __init__(self):
        super().__init__([], lambda: None)
        self.data = b""
        self.news = asyncio.Event()

    def look(self, name):
        return lambda line: f"{name:<6} | ".encode() + line

    def write(self, lines):
        self.data += lines
        self.news.set()

    async def wait_for(self, text):
        async with within(f"{text!r} in the output"):
            while text not in self.data:
                self.news.clear()
                await self.news.wait()


def plan(name, code, output, *, when=b"", within_s=10.0):
    """A child that counts as ready when the output holds `when`."""

    async def ready():
        return when in output.data

    return ChildPlan(name, (sys.executable, "-c", code), dict(os.environ), ready, within_s)


async def until_announced(plans, output, grace_s=10.0):
    """The running supervision, all its children ready."""
    announced = asyncio.Event()
    task = asyncio.create_task(supervise(plans, announced.set, output, Stop(), grace_s))
    waiting = asyncio.create_task(announced.wait())
    async with within("all children to be ready"):
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    assert not task.done() or task.exception()
    return task


async def end(task, *signals):
    for number in signals:
        os.kill(os.getpid(), number)
    async with within("the end of all children"):
        await task


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_all_and_is_no_fault(number):
    output = Recorded()
    task = await until_announced([plan("a", IDLE, output), plan("bcd", IDLE, output)], output)
    await end(task, number)
    assert task.exception() is None


async def test_children_start_in_order_and_end_in_the_opposite_one():
    output = Recorded()
    plans = [
        plan("one", TELLS_ITS_END, output, when=b"one    | up\n"),
        plan("second", TELLS_ITS_END, output, when=b"second | up\n"),
    ]
    await end(await until_announced(plans, output), signal.SIGTERM)
    assert output.data == b"one    | up\nsecond | up\nsecond | ending\none    | ending\n"


async def test_a_dead_child_ends_the_others_and_is_told_with_its_last_line():
    output = Recorded()
    dying = "import sys; print('x', flush=True); sys.stderr.write('no more\\n'); sys.exit(3)"
    plans = [plan("cache", TELLS_ITS_END, output, when=b"up\n"), plan("demo", dying, output, when=b"x\n")]
    with pytest.raises(StartFault, match=r"^demo ended with status 3: no more$"):
        await (await until_announced(plans, output))
    assert b"cache  | ending\n" in output.data


async def test_an_earlier_child_that_dies_while_a_later_one_starts_is_told():
    output = Recorded()
    plans = [plan("a", "import sys; sys.exit(4)", output), plan("b", IDLE, output, when=b"never")]
    with pytest.raises(StartFault, match=r"^a ended with status 4$"):
        await supervise(plans, lambda: None, output, Stop())


async def test_a_child_that_is_never_ready_is_told_with_its_last_line():
    output = Recorded()
    plans = [plan("a", "print('hm', flush=True);" + IDLE, output, when=b"never", within_s=0.5)]
    with pytest.raises(StartFault, match=r"^a is not ready after 0\.5 s; its last line: hm$"):
        await supervise(plans, lambda: None, output, Stop())


async def test_a_program_that_is_missing_is_told():
    output = Recorded()
    missing = ChildPlan("b", ("/nonexistent",), {}, plan("b", "", output).ready)
    with pytest.raises(
        StartFault, match=r"^b cannot be started \(No such file or directory\): /nonexistent$"
    ):
        await supervise([plan("a", IDLE, output), missing], lambda: None, output, Stop())


async def test_a_child_that_ignores_sigterm_is_killed_after_the_grace():
    output = Recorded()
    task = await until_announced([plan("a", DEAF, output, when=b"deaf")], output, grace_s=0.1)
    await end(task, signal.SIGTERM)
    assert task.exception() is None


async def test_a_second_signal_ends_all_at_once():
    output = Recorded()
    task = await until_announced([plan("a", DEAF, output, when=b"deaf")], output, grace_s=600)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.sleep(0)
    await end(task, signal.SIGINT)
    assert task.exception() is None


async def test_a_wish_to_end_during_the_start_is_obeyed_without_announcement():
    output = Recorded()
    called = []
    plans = [plan("a", DEAF, output, when=b"never"), plan("b", IDLE, output)]
    task = asyncio.create_task(supervise(plans, lambda: called.append(1), output, Stop(), 0.1))
    await output.wait_for(b"deaf")
    await end(task, signal.SIGTERM)
    assert called == []
    assert b"b      |" not in output.data


async def test_output_without_a_reader_ends_all():
    code = """
import asyncio, os, sys
from app.demo.child import ChildPlan
from app.demo.output import Output
from app.demo.supervisor import Stop, supervise
async def ready(): return True
code = "import time\\nwhile True: print('tick', flush=True); time.sleep(0.01)"
stop = Stop()
output = Output(["a"], stop.end.set)
plan = ChildPlan("a", (sys.executable, "-c", code), dict(os.environ), ready)
asyncio.run(supervise([plan], lambda: None, output, stop))
output.write(b"dropped")
sys.stderr.write("ended\\n")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
"""
    shell = f'{sys.executable} -c "$CODE" | head -n 2'
    async with Child(["bash", "-c", shell], {"CODE": code}) as child:
        assert await child.wait() == 0
        assert all(line.startswith("a  | {") and '"message":"tick"' in line for line in child.lines[:2])
        assert "ended" in child.lines
        assert child.left_over() == []

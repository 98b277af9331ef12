import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from app.demo.child import Child, ChildPlan
from tests.fakes.exchange import within
from tests.fakes.process import Child as Process


async def always():
    return True


def alive(pid):
    """False for a zombie, which belongs to whoever inherited it."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except FileNotFoundError:
        return False


class Lines:
    def __init__(self):
        self.data = b""

    def __call__(self, data):
        assert data.endswith(b"\n")
        self.data += data


async def run(code, *, env=None):
    """Output and the ended child of a Python program."""
    lines = Lines()
    plan = ChildPlan("it", (sys.executable, "-c", code), env or {}, always)
    child = await Child.start(plan, lines, lambda line: b"it | " + line)
    async with within("the child to end"):
        await child.ended
    return lines.data, child


async def test_every_line_gets_its_prefix_the_unfinished_last_one_too():
    output, child = await run("import sys; sys.stdout.write('one\\n\\ntwo'); sys.stdout.flush()")
    assert output == b"it | one\nit | \nit | two\n"
    assert child.ending() == "it ended with status 0: two"


async def test_status_and_last_line_are_told():
    output, child = await run("import sys; print('a'); print(' oh no \\n'); sys.exit(3)")
    assert b"it |  oh no \n" in output
    assert child.ending() == "it ended with status 3: oh no"


async def test_a_signal_is_told_by_name():
    _, child = await run("import os; os.kill(os.getpid(), 9)")
    assert child.ending() == "it was ended by signal 9 (Killed)"


async def test_an_endless_line_is_passed_on_in_pieces():
    output, _ = await run("print('x' * 2_500_000)")
    lines = output.splitlines()
    assert len(lines) > 1
    assert b"".join(line.removeprefix(b"it | ") for line in lines) == b"x" * 2_500_000


async def test_it_runs_in_a_session_of_its_own_with_only_the_given_environment():
    output, child = await run(
        "import os; print(os.getsid(0) == os.getpid(), os.environ.get('A'), 'HOME' in os.environ)",
        env={"A": "b"},
    )
    assert child.last_line == "True b False"
    assert output == b"it | True b False\n"


async def test_a_missing_program_is_an_oserror():
    with pytest.raises(FileNotFoundError):
        await Child.start(ChildPlan("it", ("/nonexistent",), {}, always), Lines(), bytes)


async def test_terminate_and_kill_of_an_ended_child_do_nothing():
    _, child = await run("pass")
    child.terminate()
    child.kill()
    assert child.ending() == "it ended with status 0"


async def test_kill_reaches_its_own_children():
    lines = Lines()
    code = "import signal, subprocess; subprocess.Popen(['sleep', '600']); signal.pause()"
    child = await Child.start(
        ChildPlan("it", (sys.executable, "-c", code), dict(os.environ), always), lines, bytes
    )
    assert child.ending() == "it is still running"
    child.kill()
    async with within("the child to end"):
        assert await child.ended == -signal.SIGKILL
    assert "was ended by signal 9" in child.ending()


PARENT = """
import asyncio, os, signal, sys
from app.demo.child import Child, ChildPlan
async def main():
    code = "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    out = lambda data: (sys.stdout.buffer.write(data), sys.stdout.flush())
    await Child.start(ChildPlan("it", (sys.executable, "-c", code), dict(os.environ), None), out, bytes)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG")
async def test_a_child_dies_with_its_parent_however_that_dies():
    async with Process([sys.executable, "-c", PARENT]) as parent:
        await parent.wait_line("deaf")
        assert len(parent.children()) == 1
        await parent.stop(signal.SIGKILL)
        await parent.wait_none_left()


@pytest.mark.parametrize("session", [False, True])
async def test_output_held_open_by_a_grandchild_does_not_hold_the_end_up(session):
    code = f"import subprocess; print(subprocess.Popen(['sleep', '600'], start_new_session={session}).pid)"
    output, child = await run(code, env={"PATH": os.environ["PATH"]})
    assert output == f"it | {child.last_line}\n".encode()
    if session:
        os.kill(int(child.last_line), signal.SIGKILL)


async def test_what_a_dead_child_left_in_its_group_is_killed():
    code = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)"
    _, child = await run(code, env={"PATH": os.environ["PATH"]})
    assert not alive(int(child.last_line))


QUIET = """
import signal, sys
signal.signal(15, lambda *_: (print('bye', flush=True), sys.exit(0)))
signal.pthread_sigmask(signal.SIG_BLOCK, {10})
print('hello', flush=True)
signal.sigwait({10})
print('at work', flush=True)
signal.pause()
"""


async def quiet(code, lines):
    plan = ChildPlan("it", (sys.executable, "-c", code), {}, always, is_quiet=True)
    return await Child.start(plan, lines, lambda line: b"it | " + line)


async def until(condition, what):
    async with within(what):
        while not condition():  # noqa: ASYNC110 another process cannot set an event
            await asyncio.sleep(0)


async def test_a_quiet_child_is_shown_only_while_it_works():
    child = await quiet(QUIET, lines := Lines())
    await until(lambda: child.last_line == "hello", "its first line")
    child.became_ready()
    os.kill(child.pid, 10)
    await until(lambda: child.last_line == "at work", "its second line")
    child.terminate()
    await child.ended
    assert (lines.data, child.last_line) == (b"it | at work\n", "bye")


async def test_a_quiet_child_that_fails_at_its_start_is_heard():
    child = await quiet("import sys; print('one'); print('two'); sys.exit(3)", lines := Lines())
    await child.ended
    assert lines.data == b"it | one\nit | two\n"


async def test_what_a_quiet_child_wrote_can_be_asked_for():
    child = await quiet("print('slow', flush=True); import signal; signal.pause()", lines := Lines())
    await until(lambda: child.last_line == "slow", "its line")
    child.reveal()
    assert lines.data == b"it | slow\n"
    child.kill()
    await child.ended

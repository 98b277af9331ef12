"""conftest.py has it in force in every test."""

import asyncio
import gc
import sys

import pytest
import uvloop


async def spawn() -> int:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    return await child.wait()


def forked_by_uvloop() -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(spawn())


def test_the_collector_is_off_at_a_fork(monkeypatch):
    calls = []
    monkeypatch.setattr(gc, "disable", lambda: calls.append("off"))
    monkeypatch.setattr(gc, "enable", lambda: calls.append("on"))
    assert forked_by_uvloop() == 0
    assert calls == ["off", "on"]


@pytest.mark.parametrize("before", [True, False])
def test_the_parent_goes_on_as_it_was(before):
    if not before:
        gc.disable()
    try:
        assert forked_by_uvloop() == 0
        assert gc.isenabled() is before
    finally:
        gc.enable()

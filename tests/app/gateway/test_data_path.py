import asyncio
import logging
from typing import Any, cast

from app.gateway.data_path import close_data_path, keep_fresh
from app.telemetry.access_log import AccessLog
from tests.fakes.gateway_parts import GatewayParts


class Looked:
    """What is kept fresh: how often."""

    def __init__(self) -> None:
        self.names = self.lines = 0

    def look_up_names(self) -> None:
        self.names += 1

    def flush(self) -> None:
        self.lines += 1


class Tracer:
    closed = False

    def close(self, _timeout_s: float) -> None:
        self.closed = True


class FullLog(AccessLog):
    """A sink that does not keep up."""

    def close(self, _timeout_s: float) -> int:
        return 7


async def test_names_and_the_log_are_kept_fresh_until_the_tasks_end(tmp_path, monkeypatch):
    parts, looked, slept = GatewayParts(tmp_path), Looked(), list[float]()
    turn = asyncio.sleep

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 6:
            await asyncio.Event().wait()
        await turn(0)

    monkeypatch.setattr("app.gateway.data_path.asyncio.sleep", sleep)
    keep_fresh(parts.tasks, cast(Any, looked), cast(Any, looked))
    for _ in range(10):
        await turn(0)
    monkeypatch.undo()
    assert set(slept) == {10.0, 0.2}
    assert (looked.names, looked.lines) == (4, 3)
    await parts.close()
    assert parts.faults == []


async def test_the_end_closes_everything_and_says_what_was_not_written(tmp_path, caplog):
    parts = GatewayParts(tmp_path)
    tracer = Tracer()
    parts.context.tracer, parts.context.log = cast(Any, tracer), FullLog("off")
    running = parts.tasks.spawn(_endless())
    with caplog.at_level(logging.WARNING, "tidegate"):
        await close_data_path(parts.context, parts.bindings, parts.tasks)
    assert tracer.closed
    assert running.cancelled()
    assert [record.getMessage() for record in caplog.records] == ["7 access log lines could not be written"]
    await parts.reloads.stop()


async def _endless() -> None:
    await asyncio.Event().wait()

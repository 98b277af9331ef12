"""The pool over workers that are no processes: each is the other end of a real link, served in this one."""

import asyncio
import os
import socket

import pytest

from app.foundation.errors import StartFault
from app.foundation.version import VERSION
from app.gateway.link.end import CallFault, LinkEnd, open_link
from app.gateway.link.message import Message
from app.gateway.tasks import Tasks
from app.gateway.workers import pool as module
from app.gateway.workers.pool import DRAIN, PING, Workers
from tests.fakes.waiting import until


class Program:
    """What runs as worker `number`: replies to `boot` as the test says, and ends when its link does or it is killed."""

    def __init__(self, machine: "Machine", number: int) -> None:
        self.number, self.pid = number, 1_000 + len(machine.programs)
        self.machine = machine
        self.heard: list[object] = []
        self.is_deaf = False
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.link = LinkEnd("parent", lambda _: self.end(0), machine.bugs.append)
        self.link.on_call("boot", self._boot)
        self.link.on_call(DRAIN, self._hear)
        self.link.on_call(PING, self._hear)
        self.link.on_call("prepare", self._hear)
        self.link.on_notice("paths", lambda message: self.heard.append(message.body))

    async def _boot(self, message: Message) -> object:
        self.heard.append("boot")
        reply = self.machine.boot_replies.pop(0) if self.machine.boot_replies else VERSION
        if isinstance(reply, Exception):
            raise reply
        if reply == "die":
            self.end(1)
        return reply

    async def _hear(self, message: Message) -> object:
        if self.is_deaf:
            await asyncio.Event().wait()
        self.heard.append(message.kind)
        if message.body == "fault":
            raise CallFault("it cannot")
        return self.number

    def end(self, status: int) -> None:
        if not self._ended.done():
            self._ended.set_result(status)
            self.link.close()

    def kill(self) -> None:
        self.end(-9)

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)


class Machine:
    """Where workers start: `boot_replies` for the next ones, `start_faults` for the next starts."""

    def __init__(self) -> None:
        self.programs: list[Program] = []
        self.boot_replies: list[object] = []
        self.start_faults: list[OSError] = []
        self.bugs: list[BaseException] = []

    async def launch(
        self, number: int, listener: socket.socket, link: socket.socket, log_lock: int
    ) -> Program:
        if self.start_faults:
            raise self.start_faults.pop(0)
        program = Program(self, number)
        self.programs.append(program)
        await open_link(program.link, socket.socket(fileno=os.dup(link.fileno())))
        return program

    def living(self) -> list[Program]:
        return [program for program in self.programs if not program._ended.done()]


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    monkeypatch.setattr("app.gateway.workers.worker.launch", machine.launch)
    return machine


@pytest.fixture
async def workers(machine):
    tasks = Tasks(asyncio.get_running_loop(), machine.bugs.append)
    workers = Workers(lambda: Message("boot"), tasks, -1)
    yield workers
    tasks.cancel()
    await workers.end()
    assert machine.living() == []
    for _ in range(3):  # the links close within a turn or two of the loop
        await asyncio.sleep(0)
    assert machine.bugs == []


async def started(workers: Workers, count: int = 2) -> Workers:
    await workers.start([socket.socket() for _ in range(count)])
    return workers


async def test_all_serve_when_the_start_returns(machine, workers):
    said: list[tuple[str, int]] = []
    workers.on_connected(lambda worker: said.append(("connected", worker.number)))
    workers.on_ready(lambda worker: said.append(("ready", worker.number)))
    await started(workers)
    assert workers.ready_count == 2
    assert sorted(said) == [("connected", 1), ("connected", 2), ("ready", 1), ("ready", 2)]
    assert [worker.pid for worker in workers.each] == [program.pid for program in machine.programs]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (CallFault("the CA file is unreadable"), "the CA file is unreadable"),
        ("die", "it ended before it served"),
        ("0.0.1", "it is version 0.0.1"),
    ],
)
async def test_one_that_cannot_start_is_a_fault_of_the_gateways_start(machine, workers, reply, why):
    machine.boot_replies = [reply]
    with pytest.raises(StartFault, match=f"worker [12] cannot start: {why}"):
        await started(workers)


async def test_a_machine_without_processes_is_a_fault_of_the_start(machine, workers):
    machine.start_faults = [BlockingIOError(11, "Resource temporarily unavailable")]
    with pytest.raises(StartFault, match="worker 1 cannot start: Resource temporarily unavailable"):
        await started(workers)


async def test_one_that_never_serves_is_given_up(machine, workers, monkeypatch):
    monkeypatch.setattr(module, "START_S", 0.01)

    class Never(Program):
        async def _boot(self, message: Message) -> object:
            await asyncio.Event().wait()
            return None

    monkeypatch.setitem(globals(), "Program", Never)
    with pytest.raises(StartFault, match="it does not serve after"):
        await started(workers, 1)


async def test_one_that_ends_has_a_successor_at_once(machine, workers, caplog):
    gone: list[str] = []
    workers.on_gone(lambda worker: gone.append(f"{worker.number} {worker.why_ended}"))
    await started(workers)
    first = machine.programs[0]
    first.kill()
    await until(lambda: len(machine.programs) == 3 and workers.ready_count == 2, "the successor")
    assert gone == ["1 was ended by signal 9 (Killed)"]
    assert (workers.each[0].restarts, workers.each[1].restarts) == (1, 0)
    assert "worker 1 was ended by signal 9 (Killed) after" in caplog.text


async def test_one_that_ends_again_and_again_is_started_after_pauses(machine, workers, caplog, monkeypatch):
    pauses: list[float] = []
    real_sleep = asyncio.sleep

    async def sleep(pause_s: float) -> None:
        if pause_s != module.PING_EVERY_S:
            pauses.append(pause_s)
            pause_s = 0.0
        await real_sleep(pause_s)

    await started(workers)
    monkeypatch.setattr("app.gateway.workers.pool.asyncio.sleep", sleep)
    machine.boot_replies = ["die", CallFault("no memory"), VERSION]
    machine.programs[0].kill()
    await until(lambda: workers.each[0].restarts == 3 and workers.ready_count == 2, "the successor")
    assert [pause for pause in pauses if pause != 0.01] == [0.0, 0.5, 1.0]
    assert "its successor starts in 1 s: 3 ended at once in a row" in caplog.text
    assert "(no memory)" in caplog.text


async def test_a_machine_that_has_no_process_left_is_asked_again(machine, workers, caplog, monkeypatch):
    await started(workers)
    machine.start_faults = [BlockingIOError(11, "Resource temporarily unavailable")]
    monkeypatch.setattr("app.gateway.workers.backoff._FIRST_PAUSE_S", 0.01)
    machine.programs[0].kill()
    await until(lambda: workers.each[0].restarts == 2 and workers.ready_count == 2, "the successor")
    assert "worker 1 cannot be started (Resource temporarily unavailable)" in caplog.text


async def test_one_that_does_not_reply_is_replaced(machine, workers, monkeypatch, caplog):
    monkeypatch.setattr(module, "PING_EVERY_S", 0.01)
    await started(workers)
    await until(lambda: PING in machine.programs[0].heard, "a ping")
    monkeypatch.setattr(module, "DEAF_S", 0.01)
    machine.programs[0].is_deaf = True
    await until(lambda: workers.each[0].restarts > 0, "the successor")
    assert "worker 1 has not replied for 0.01 s, it is killed" in caplog.text


async def test_calls_and_notices_reach_all_and_faults_are_told_apart(machine, workers):
    await started(workers)
    workers.notify("paths", ["/monitor"])
    one, other = workers.each
    assert await workers.call("prepare", within_s=10.0) == {one: 1, other: 2}
    assert await workers.call("prepare", within_s=10.0, only=[other]) == {other: 2}
    assert machine.programs[0].heard == ["boot", ["/monitor"], "prepare"]
    replies = await workers.call("prepare", "fault", within_s=10.0)
    assert [str(reply) for reply in replies.values()] == ["it cannot", "it cannot"]
    machine.programs[1].is_deaf = True
    replies = await workers.call("prepare", within_s=0.05)
    assert replies[one] == 1
    assert isinstance(replies[other], TimeoutError)


async def test_one_that_dies_meanwhile_is_left_out_of_the_replies(machine, workers):
    await started(workers)
    deaf = next(program for program in machine.programs if program.number == 2)
    deaf.is_deaf = True
    calling = asyncio.ensure_future(workers.call("prepare", within_s=10.0))
    await until(lambda: deaf.link.received == 2, "the call")
    deaf.kill()
    assert await calling == {workers.each[0]: 1}


async def test_a_drain_ends_all_and_replaces_none(machine, workers):
    ended: list[str] = []
    await started(workers)
    await workers.drain(0.01, 0.0, lambda: ended.append("viewers"))
    assert [program.heard[-1] for program in machine.programs] == [DRAIN, DRAIN]
    assert machine.living() == []
    assert len(machine.programs) == 2
    assert ended == ["viewers"]
    assert await workers.call("prepare", within_s=1.0) == {}


async def test_one_that_does_not_end_with_its_link_is_killed(machine, workers, monkeypatch, caplog):
    monkeypatch.setattr(module, "END_S", 0.01)
    await started(workers)
    stubborn = machine.programs[0]
    stubborn.link._on_lost = lambda _: None
    await workers.end()
    assert await stubborn.wait() == -9
    assert f"worker {stubborn.number} did not end, it is killed" in caplog.text

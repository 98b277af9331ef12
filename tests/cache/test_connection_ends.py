"""When a connection of the cache service ends: at rest, and in a drain."""

import asyncio
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from cache.api import create_app
from cache.http_protocol import protocol_of
from cache.memory import MemoryStore
from cache.settings import Settings
from cache.store import Stored
from tests.fakes.cache_port import KEEP, THERE, get, put, served
from tests.fakes.valkey import eventually


@pytest.mark.parametrize("lane", [True, False])
async def test_in_a_drain_an_http_1_0_client_is_told_that_it_is_not_kept(monkeypatch, lane: bool):
    may_go_on, usual = asyncio.Event(), MemoryStore.put
    runs = asyncio.Event()

    async def slow(*arguments: Any) -> Stored:
        runs.set()
        await may_go_on.wait()
        return await usual(*arguments)

    monkeypatch.setattr(MemoryStore, "put", slow)
    async with served(lane) as service:
        talk = asyncio.create_task(
            service.talk(put(b"/cache/there", b"1", KEEP).replace(b"HTTP/1.1", b"HTTP/1.0"))
        )
        await runs.wait()
        service.begin_to_drain()
        may_go_on.set()
        response = await talk
    assert (response.count(b"connection: close"), response.count(b"keep-alive")) == (1, 0)


@pytest.mark.parametrize("said", [b"", get(b"/cache/a"), THERE + get(b"/cache/there"), b"GET /cache/a HT"])
async def test_a_connection_that_rests_is_closed(said: bytes):
    async with served(True, timeout_keep_alive=0.2) as service:
        assert (await service.talk(said)).count(b"HTTP/1.1 ") == said.count(b"HTTP/1.1\r\n")


async def test_a_connection_that_is_used_is_not_closed():
    async with served(True, timeout_keep_alive=1.0) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(THERE)
        await reader.readuntil(b"\r\n\r\n")
        begun_s = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - begun_s < 1.6:
            writer.write(get(b"/cache/there"))
            await reader.readuntil(b"value")
        writer.close()


@pytest.mark.parametrize("lane", [True, False])
@pytest.mark.parametrize("said", [THERE, get(b"/cache/none"), get(b"/livez"), get(b"/cache/there") * 3])
async def test_in_a_drain_the_next_response_is_the_last_also_of_a_new_connection(lane: bool, said: bytes):
    async with served(lane) as service:
        service.begin_to_drain()
        response = await service.talk(said)
    assert response.count(b"HTTP/1.1 ") == 1
    assert response.count(b"\r\nconnection: close\r\n") == 1


@pytest.mark.parametrize("lane", [True, False])
async def test_a_write_that_runs_when_the_drain_begins_is_told_and_what_is_behind_it_is_not_done(
    monkeypatch, lane: bool
):
    may_go_on, keys = asyncio.Event(), []
    usual = MemoryStore.put

    async def slow(store: MemoryStore, key: str, *rest: Any) -> Stored:
        keys.append(key)
        await may_go_on.wait()
        return await usual(store, key, *rest)

    monkeypatch.setattr(MemoryStore, "put", slow)
    async with served(lane) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(put(b"/cache/a", b"1"))
        await eventually(lambda: keys == ["a"])
        service.begin_to_drain()
        writer.write(put(b"/cache/b", b"2"))
        await writer.drain()
        may_go_on.set()
        response = await reader.read()
        writer.close()
        await eventually(lambda: not service.state.connections)
    assert response.count(b"HTTP/1.1 201 ") == response.count(b"\r\nconnection: close\r\n") == 1
    assert keys == ["a"]


async def test_in_a_drain_a_client_that_knows_and_does_not_leave_is_closed(monkeypatch):
    monkeypatch.setattr("cache.http_protocol.LINGER_S", 0.05)
    monkeypatch.setattr("cache.drain.LINGER_S", 0.05)
    async with served(True) as service:
        service.begin_to_drain()
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(get(b"/cache/none"))
        await reader.readuntil(b"}")
        writer.write(THERE)  # dropped
        await eventually(lambda: not service.state.connections)
        writer.close()


class Hands:
    """A loop's clock and timers, which only the test moves."""

    def __init__(self) -> None:
        self.at_s = 0.0
        self._timers: list[tuple[float, Callable[[], None], Mock]] = []

    def time(self) -> float:
        return self.at_s

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Mock:
        handle = Mock(cancelled=False)
        handle.cancel = lambda: setattr(handle, "cancelled", True)
        self._timers.append((self.at_s + delay_s, call, handle))
        return handle

    def move_to(self, at_s: float) -> None:
        while due := [timer for timer in self._timers if timer[0] <= at_s]:
            first = min(due, key=lambda timer: timer[0])
            self._timers.remove(first)
            self.at_s = max(self.at_s, first[0])
            if not first[2].cancelled:
                first[1]()
        self.at_s = at_s


class Wired:
    """A connection over a transport that is none."""

    def __init__(self) -> None:
        self.hands, self.unsent_bytes, self.closed = Hands(), 0, False
        settings = Settings()
        app = create_app(MemoryStore(settings.max_bytes), settings, lambda: 5.0, fast_lane=False)
        config = Config(app, http="httptools", ws="none", lifespan="off", access_log=False, log_config=None)
        config.load()
        self._state = ServerState()
        self._protocol: Any = protocol_of(app.state.lane)(config, self._state, {}, self.hands)
        transport = Mock(spec=asyncio.Transport)
        transport.get_extra_info.return_value = None
        transport.get_write_buffer_size.side_effect = lambda: self.unsent_bytes
        transport.is_closing.side_effect = lambda: self.closed
        transport.close.side_effect = lambda: setattr(self, "closed", True)
        self._protocol.connection_made(transport)

    def hear(self, said: bytes) -> None:
        self._protocol.get_buffer(-1)[: len(said)] = said
        self._protocol.buffer_updated(len(said))

    def begin_to_drain(self) -> None:
        for connection in self._state.connections:
            connection.shutdown()


async def test_in_a_drain_a_connection_is_closed_when_it_was_quiet_for_2_s():
    wired = Wired()
    wired.hands.move_to(3.0)
    wired.begin_to_drain()
    wired.hands.move_to(4.99)
    assert not wired.closed
    wired.hands.move_to(5.0)
    assert wired.closed


async def test_in_a_drain_a_head_that_comes_in_parts_keeps_the_connection():
    wired = Wired()
    wired.begin_to_drain()
    for at_s in (1.5, 3.0, 4.5):
        wired.hands.move_to(at_s)
        wired.hear(b"GET"[: int(at_s // 1.5)][-1:])
    wired.hands.move_to(6.49)
    assert not wired.closed
    wired.hands.move_to(6.5)
    assert wired.closed


async def test_in_a_drain_a_connection_waits_for_the_client_to_take_its_response():
    wired = Wired()
    wired.unsent_bytes = 1
    wired.begin_to_drain()
    wired.hands.move_to(20.0)
    assert not wired.closed
    wired.unsent_bytes = 0
    wired.hands.move_to(22.0)
    assert wired.closed

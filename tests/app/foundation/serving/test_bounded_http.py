"""The protocol without sockets: bytes and time in, calls out. Sockets: `scenarios/test_bounded_ports.py`."""

import asyncio
import random
from collections.abc import Callable
from typing import Any, cast

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from app.foundation.serving.bounded_http import MAX_PIPELINED, BoundedHttp
from app.foundation.serving.bounds import Bounds

BOUNDS = Bounds(head_bytes=1024, header_timeout_s=10.0, idle_timeout_s=75.0, connections=2)
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
PUT = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


class Transport:
    def __init__(self) -> None:
        self.sent = b""
        self.calls: list[str] = []
        self.closing = False

    def get_extra_info(self, name: str) -> None:
        return None

    def write(self, data: bytes) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True
        self.calls.append("close")

    def abort(self) -> None:
        self.closing = True
        self.calls.append("abort")

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.calls.append("eof")

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")

    def set_protocol(self, protocol: object) -> None:
        self.calls.append("handed over")


class Timer:
    def __init__(self, due_s: float, call: Callable[[], None]) -> None:
        self.due_s, self.call, self.cancelled = due_s, call, False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """The running loop, but for its timers, which go off when `pass_s` says so."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.timers: list[Timer] = []

    def create_task(self, work: Any, **more: Any) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work, **more)

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(self.now_s + delay_s, call))
        return self.timers[-1]

    def pass_s(self, seconds: float) -> None:
        until_s = self.now_s + seconds
        while due := [one for one in self.timers if not one.cancelled and one.due_s <= until_s]:
            timer = min(due, key=lambda one: one.due_s)
            self.now_s, timer.cancelled = timer.due_s, True
            timer.call()
        self.now_s = until_s


class Bench:
    """One connection; `app` records what it was asked and answers when `answer` is called for it."""

    def __init__(self, ws: Any = None) -> None:
        self.scopes: list[Any] = []
        self.told: list[Any] = []
        self.turns = asyncio.Semaphore(0)
        self.reads_body = False
        self.transport, self.loop = Transport(), Loop()
        self.state = ServerState()
        config = Config(
            self.app, interface="asgi3", proxy_headers=False, ws=ws or "none", lifespan="off", log_config=None
        )
        self.http = BoundedHttp(BOUNDS, config, self.state, {}, cast(Any, self.loop))
        self.http.connection_made(cast(Any, self.transport))

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        while self.reads_body:
            self.told.append(await receive())
            if self.told[-1]["type"] == "http.disconnect" or not self.told[-1]["more_body"]:
                break
        await self.turns.acquire()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def feed(self, data: bytes) -> None:
        self.http.data_received(data)
        await turn()

    async def answer(self, count: int = 1) -> None:
        for _ in range(count):
            self.turns.release()
            await turn()

    async def do(self, chosen: random.Random) -> None:
        """Anything that a client, the application or time may do next."""
        act = chosen.random()
        if act < 0.6 and not self.transport.closing and "handed over" not in self.transport.calls:
            data = b"".join(chosen.choices(PARTS, k=chosen.randint(1, 4)))
            await self.feed(data[: chosen.choice([len(data), chosen.randint(1, len(data))])])
        elif act < 0.75:
            await self.answer()
        elif act < 0.85:
            self.loop.pass_s(chosen.choice([1.0, 5.0, 11.0, 80.0]))
        elif act < 0.92:
            self.http.pause_writing()
        else:
            self.http.resume_writing()
        await turn()

    @property
    def statuses(self) -> list[int]:
        return [int(part[:3]) for part in self.transport.sent.split(b"HTTP/1.1 ")[1:]]


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_response_may_take_its_time_and_a_rest_is_bounded():
    bench = Bench()
    await bench.feed(GET)
    bench.loop.pass_s(1_000.0)
    assert not bench.transport.closing
    await bench.answer()
    bench.loop.pass_s(74.9)
    assert (bench.statuses, bench.transport.calls) == ([200], [])
    bench.loop.pass_s(0.2)
    assert bench.transport.calls == ["close"]


async def test_a_first_request_is_waited_for_no_longer_than_for_a_head():
    bench = Bench()
    bench.loop.pass_s(10.1)
    assert (bench.transport.sent, bench.transport.calls) == (b"", ["close"])


async def test_a_head_has_its_time_from_its_first_byte_whatever_comes_meanwhile():
    bench = Bench()
    bench.loop.pass_s(5.0)
    for byte in GET[:10]:
        await bench.feed(bytes([byte]))
        bench.loop.pass_s(0.99)
    assert bench.statuses == []
    bench.loop.pass_s(0.2)
    assert (bench.statuses, bench.transport.calls) == ([408], ["eof"])
    await bench.feed(GET)
    bench.loop.pass_s(2.1)
    assert (bench.scopes, bench.transport.calls) == ([], ["eof", "close"])


async def test_who_does_not_take_the_rest_after_the_end_is_cut_off():
    bench = Bench()
    bench.loop.pass_s(10.1 + 10.1)
    assert bench.transport.calls == ["close", "abort"]


async def test_who_takes_no_response_is_cut_off():
    bench = Bench()
    await bench.feed(GET)
    bench.http.pause_writing()
    bench.loop.pass_s(74.9)
    bench.http.resume_writing()
    bench.http.pause_writing()
    bench.loop.pass_s(74.9)
    assert bench.transport.calls == []
    bench.loop.pass_s(0.2)
    assert bench.transport.calls == ["abort"]
    bench.http.connection_lost(None)
    await bench.answer()
    assert bench.transport.sent == b""


async def test_who_waits_for_a_body_that_does_not_come_is_told():
    bench = Bench()
    bench.reads_body = True
    await bench.feed(PUT + b"12345")
    bench.loop.pass_s(10.1)
    await bench.answer()
    assert bench.statuses == [408]
    assert bench.told[-1] == {"type": "http.disconnect"}


async def test_a_body_that_the_application_holds_up_is_not_the_clients_fault():
    bench = Bench()
    await bench.feed(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 70_000)
    assert bench.transport.calls == ["pause"]
    bench.loop.pass_s(25.0)
    assert bench.transport.sent == b""
    await bench.answer()
    assert bench.transport.calls == ["pause", "resume"]
    bench.loop.pass_s(10.1)
    assert (bench.statuses, bench.transport.calls[2:]) == ([200], ["close"])


async def test_what_is_malformed_behind_a_request_waits_for_its_response():
    bench = Bench()
    await bench.feed(GET + b"\x00\r\n\r\n")
    assert bench.transport.sent == b""
    await bench.answer()
    assert (bench.statuses, bench.transport.calls) == ([200], ["close"])


async def test_a_malformed_body_behind_other_requests_ends_the_connection():
    bench = Bench()
    await bench.feed(GET + CHUNKED + b"no size\r\n")
    assert (bench.transport.sent, bench.transport.calls) == (b"", ["pause", "close"])


async def test_a_pipeline_is_bounded():
    bench = Bench()
    await bench.feed(GET * 100)
    await bench.answer(100)
    assert bench.statuses == [200] * (MAX_PIPELINED + 1)
    assert bench.transport.calls[-1] == "close"


async def test_a_trailer_is_no_field_of_the_head():
    bench = Bench()
    await bench.feed(CHUNKED + b"1\r\nx\r\n0\r\nAuthorization: Bearer x\r\n\r\n" + GET)
    await bench.answer(2)
    assert [dict(scope["headers"]).keys() for scope in bench.scopes] == [
        {b"host", b"transfer-encoding"},
        {b"host"},
    ]


@pytest.mark.parametrize("length", [b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n"])
async def test_a_body_behind_an_upgrade_is_not_taken_for_a_request(length):
    bench = Bench()
    await bench.feed(b"PUT / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" + length + b"\r\n" + GET)
    assert (bench.statuses, bench.scopes) == ([400], [])


async def test_a_websocket_is_handed_over_and_its_time_is_its_own():
    bench = Bench(ws=Handed)
    await bench.feed(HANDSHAKE)
    assert bench.transport.calls == ["handed over"]
    bench.loop.pass_s(1_000.0)
    assert not bench.transport.closing


async def test_a_websocket_behind_a_request_is_asked_for_again():
    bench = Bench(ws=Handed)
    await bench.feed(GET + HANDSHAKE)
    await bench.answer()
    assert (bench.statuses, bench.transport.calls) == ([200], ["close"])


async def test_a_connection_too_many_is_cut_off_at_once():
    bench, transport = Bench(), Transport()
    bench.state.connections.add(cast(Any, object()))
    http = BoundedHttp(BOUNDS, bench.http.config, bench.state, {}, cast(Any, bench.loop))
    http.connection_made(cast(Any, transport))
    assert transport.calls == ["abort"]
    http.connection_lost(None)
    assert len(bench.state.connections) == 2


@pytest.mark.parametrize("seed", range(40))
async def test_whatever_comes_in_whatever_order_the_connection_ends(seed):
    """Once its requests are answered and its bytes are taken, time alone ends it."""
    chosen = random.Random(seed)
    for _ in range(10):
        bench = Bench(ws=Handed if chosen.random() < 0.5 else None)
        bench.reads_body = chosen.random() < 0.3
        for _ in range(chosen.randint(1, 14)):
            await bench.do(chosen)
        bench.http.resume_writing()
        await bench.answer(60)
        for _ in range(40):
            bench.loop.pass_s(12.0)
            await bench.answer()
        assert bench.transport.closing or bench.transport.calls[-1:] == ["handed over"]
        assert len(bench.state.connections) <= 1
        if bench.transport.closing:
            bench.http.connection_lost(None)
        await turn()


PARTS = [
    *(
        GET,
        PUT,
        CHUNKED,
        b"OPTIONS * HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://a/ HTTP/1.0\r\n",
    ),
    *(
        b"GET / HTTP/1.1\r\n",
        b"PUT / HTTP/1.1\r\n",
        b"Host: a\r\n",
        b"X: y\r\n",
        b"\r\n",
        b"x" * 2_000,
        b"\x00\xff",
    ),
    *(b"Content-Length: 5\r\n", b"Content-Length: 5000000\r\n", b"Transfer-Encoding: chunked\r\n", b"hello"),
    *(
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"Connection: close\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    ),
]
HANDSHAKE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


class Handed:
    def __init__(self, **given: Any) -> None:
        pass

    def connection_made(self, transport: Any) -> None:
        pass

    def data_received(self, data: bytes) -> None:
        pass

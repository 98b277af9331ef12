"""The lane beneath the app, over real sockets: the same bytes as the routes send, in the right order."""

import asyncio
import json

import pytest

from cache.bounded_reader import HEAD_READ_BYTES
from cache.http_protocol import MAX_HEAD_BYTES
from cache.memory import MemoryStore
from cache.settings import Settings
from tests.fakes.cache_port import CLOSE, KEEP, LARGE, LAST, THERE, Served, get, put, served
from tests.fakes.exchange import DEADLINE_S
from tests.fakes.valkey import eventually

DIALOGUES = {
    "hit": [THERE, LAST],
    "hit, HTTP/1.0": [THERE, get(b"/cache/there", version=b"1.0")],
    "HTTP/1.0, kept": [
        put(b"/cache/there", b"1", KEEP).replace(b"HTTP/1.1", b"HTTP/1.0"),
        get(b"/cache/there", KEEP, b"1.0"),
        get(b"/cache/none", KEEP, b"1.0"),
        get(b"/livez", KEEP, b"1.0"),
        get(b"/cache/there", version=b"1.0"),
    ],
    "HTTP/1.0, kept, pipelined": [THERE, get(b"/cache", KEEP, b"1.0") * 3 + LAST],
    "no Host": [b"GET /cache/there HTTP/1.1\r\n\r\n"],
    "CONNECT": [get(b"cache:80").replace(b"GET", b"CONNECT")],
    "another version": [get(b"/cache/there", version=b"2.0")],
    "miss": [THERE, get(b"/cache/none", CLOSE)],
    "bad key": [get(b"/cache/%zz"), LAST],
    "query": [THERE, get(b"/cache/there?x=1"), LAST],
    "condition that holds": [THERE, get(b"/cache/there", b"if-none-match: *\r\n"), LAST],
    "condition that does not": [THERE, get(b"/cache/there", b'if-none-match: "x"\r\n'), LAST],
    "two conditions": [THERE, get(b"/cache/there", b'if-none-match: "x"\r\nif-none-match: *\r\n'), LAST],
    "GET with a body": [THERE, get(b"/cache/there", b"content-length: 3\r\n") + b"abc", LAST],
    "HEAD": [THERE, get(b"/cache/there").replace(b"GET", b"HEAD"), LAST],
    "pipelined": [THERE + get(b"/cache/there") + put(b"/cache/there", b"2") + get(b"/cache/there") + LAST],
    "pipelined behind a route": [THERE + get(b"/cache") + put(b"/cache/there", b"2") + LAST],
    "replaced": [THERE, THERE, put(b"/cache/there?ttl=60&tag=a", b"new"), LAST],
    "empty value": [put(b"/cache/there", b""), LAST],
    "byte by byte": [bytes([byte]) for byte in THERE + LAST],
    "bad ttl": [put(b"/cache/there?ttl=0", b"1"), THERE, LAST],
    "no length": [b"PUT /cache/there HTTP/1.1\r\nhost: h\r\n\r\n", LAST],
    "chunked": [
        b"PUT /cache/there HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        LAST,
    ],
    "chunked, a trailer that looks like a field": [
        b"PUT /cache/there HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\ncontent-type: evil/x\r\n\r\n",
        LAST,
    ],
    "another transfer coding": [
        b"PUT /cache/there HTTP/1.1\r\nhost: h\r\ntransfer-encoding: gzip, chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\n\r\n",
        LAST,
    ],
    "upgrade": [THERE, get(b"/cache/there", b"connection: upgrade\r\nupgrade: h2c\r\n"), LAST],
    "upgrades, pipelined": [THERE + get(b"/cache", b"connection: upgrade\r\nupgrade: x\r\n") * 9 + LAST],
    "upgrade with a body": [put(b"/cache/there", b"lost", b"connection: upgrade\r\nupgrade: h2c\r\n")],
    "large": [put(b"/cache/there", LARGE), LAST],
    "too large": [put(b"/cache/there", LARGE * 3), THERE, LAST],
    "last write": [put(b"/cache/there", b"1", CLOSE)],
    "write, HTTP/1.0": [put(b"/cache/there", b"1").replace(b"HTTP/1.1", b"HTTP/1.0")],
    "another method": [THERE, get(b"/cache/there").replace(b"GET", b"DELETE"), LAST],
}


@pytest.mark.parametrize("dialogue", DIALOGUES)
async def test_the_lane_answers_byte_for_byte_as_the_routes_do(dialogue: str):
    answers = []
    for lane in (True, False):
        async with served(lane) as service:
            answers.append(await service.talk(*DIALOGUES[dialogue]))
    assert answers[0] == answers[1]
    assert answers[0].startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize("lane", [True, False])
async def test_an_http_1_0_client_is_kept_and_told_so(lane: bool):
    async with served(lane) as service:
        response = await service.talk(*DIALOGUES["HTTP/1.0, kept"])
        heads = [part.partition(b"\r\n\r\n")[0] for part in response.split(b"HTTP/1.1 ")[1:]]
        assert [head.partition(b" ")[0] for head in heads] == [b"201", b"200", b"404", b"200", b"200"]
        kept = [head.count(b"\r\nconnection: keep-alive") for head in heads]
        assert (kept, heads[-1].count(b"\r\nconnection: close")) == ([1, 1, 1, 1, 0], 1)


@pytest.mark.parametrize(
    "authorization", [b"", b"authorization: Bearer no\r\n", b"authorization: bearer secret\r\n"]
)
async def test_the_lane_asks_for_the_token(authorization: bytes):
    answers = []
    for lane in (True, False):
        async with served(lane, Settings(token="secret")) as service:
            fields = authorization + CLOSE
            answers.append(
                await service.talk(put(b"/cache/a", b"1", authorization), get(b"/cache/a", fields))
            )
    assert answers[0] == answers[1]
    assert (b" 200 OK" in answers[0]) == (b"secret" in authorization)


@pytest.mark.parametrize("lane", [True, False])
async def test_a_client_that_waits_is_told_to_go_on(lane: bool):
    async with served(lane) as service:
        head, body = put(b"/cache/a", LARGE, b"expect: 100-continue\r\n").split(b"\r\n\r\n")
        answer = await service.talk(head + b"\r\n\r\n", closes=False)
        assert answer == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert await service.talk(head + b"\r\n\r\n", body, get(b"/cache/a", CLOSE)) != b""


async def test_bytes_that_are_no_http_are_a_problem():
    async with served(True) as service:
        answer = await service.talk(b"\x00\x01\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n")
        assert b"connection: close" in answer


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        ("GET /cache/é HTTP/1.1\r\n\r\n".encode(), "the target has bytes that no URL has"),
        (b"\x16\x03\x01\r\n\r\n", "Invalid method encountered"),
        (put(b"/cache/a", b"1", b"content-length: 2\r\n"), "Duplicate Content-Length"),
        (put(b"/cache/a", b"", b"connection: upgrade\r\nupgrade: websocket\r\n"), "upgrades no connection"),
    ],
)
async def test_what_is_wrong_with_the_bytes_is_told(said: bytes, detail: str):
    async with served(True) as service:
        answer = await service.talk(said)
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n")
        assert detail in json.loads(answer.partition(b"\r\n\r\n")[2])["detail"]


@pytest.mark.parametrize(
    "head", [b"GET /cache/" + b"a" * 2**17, b"GET /cache/a HTTP/1.1\r\n" + b"x: %b\r\n" % (b"y" * 1000) * 200]
)
async def test_a_head_without_end_is_refused(head: bytes):
    async with served(True) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(head[: MAX_HEAD_BYTES + HEAD_READ_BYTES])
        answer = await reader.readuntil(b"}")
        assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
        assert b"application/problem+json" in answer
        assert await reader.read() == b""
        writer.close()


async def test_trailers_without_end_are_passed_over():
    async with served(False) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(b"PUT /cache/a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
        for _ in range(100):
            writer.write(b"x: %b\r\n" % (b"y" * 1000))
            await writer.drain()
        writer.write(b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 201 ")
        writer.close()


async def test_a_chunked_value_is_whole_wherever_its_bytes_are_cut():
    head = b"PUT /cache/a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
    said = head + b"5;x=y\r\nhello\r\n0\r\nt: u\r\n\r\n"
    async with served(True) as service:
        for cut in range(len(head), len(said)):
            reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
            requests = service.state.total_requests
            writer.write(said[:cut])
            await eventually(lambda: is_asked_for_more(service))
            writer.write(said[cut:] + get(b"/cache/a"))
            assert (await asyncio.wait_for(reader.readuntil(b"hello"), DEADLINE_S)).startswith(b"HTTP/1.1 20")
            assert service.state.total_requests == requests + 2
            writer.close()
            await eventually(lambda: not service.state.connections)


def is_asked_for_more(service: Served) -> bool:
    """The head is read, and the app waits for the body."""
    cycles = [getattr(connection, "cycle", None) for connection in service.state.connections]
    return any(
        cycle is not None and cycle.more_body and not cycle.message_event.is_set() and not cycle.body
        for cycle in cycles
    )


@pytest.mark.parametrize("sent_bytes", [0, 2])
@pytest.mark.parametrize("lane", [True, False])
async def test_a_body_that_does_not_come_is_408_and_the_connection_goes_on(
    monkeypatch, lane: bool, sent_bytes: int
):
    monkeypatch.setattr("cache.http_protocol.BODY_TIMEOUT_S", 0.05)
    monkeypatch.setattr("cache.handlers.BODY_TIMEOUT_S", 0.05)
    async with served(lane) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        head, body = put(b"/cache/a", b"")[:-5] + b"3\r\n\r\n", b"abc"
        writer.write(head + body[:sent_bytes])
        late = await asyncio.wait_for(reader.readuntil(b"}"), DEADLINE_S)
        assert late.startswith(b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/problem+json\r\n")
        writer.write(body[sent_bytes:] + get(b"/cache/a", CLOSE))
        assert (await reader.read()).startswith(b"HTTP/1.1 404 Not Found\r\n")
        writer.close()


async def test_bytes_that_are_no_http_behind_a_request_are_no_answer_to_it(monkeypatch):
    never = asyncio.Event()

    async def stuck(*_: object) -> None:
        await never.wait()

    monkeypatch.setattr(MemoryStore, "put", stuck)
    async with served(True) as service:
        assert await service.talk(put(b"/cache/a", b"1") + b"\x00\x01\r\n\r\n") == b""
        never.set()


async def test_of_bodies_that_nobody_asked_for_only_a_first_read_is_taken():
    settings = Settings(max_bytes=10**6, max_entry_bytes=2 * 10**5)
    async with served(True, settings) as service:
        head = b"PUT /cache/a HTTP/1.1\r\nhost: h\r\ncontent-length: 150000\r\n\r\n"
        writers = []
        for _ in range(5):  # room for one
            _, writer = await asyncio.open_connection("127.0.0.1", service.port)
            writer.write(head + b"x" * 149_999)
            writers.append(writer)

        def waiting_bytes() -> list[int]:
            cycles = [getattr(connection, "cycle", None) for connection in service.state.connections]
            return sorted(len(cycle.body) for cycle in cycles if cycle is not None)

        await eventually(lambda: len(waiting_bytes()) == 5 and waiting_bytes()[1] > 0)
        assert waiting_bytes()[-1] <= HEAD_READ_BYTES
        for writer in writers:
            writer.write(b"x")
        await eventually(lambda: service.state.total_requests == 5)
        for writer in writers:
            writer.close()


async def test_a_writer_that_leaves_before_its_answer_is_let_go():
    async with served(True) as service:
        _, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(THERE)
        writer.transport.abort()
        await eventually(lambda: not service.state.connections and not service.state.tasks)


async def test_a_fault_of_ours_is_a_500_and_in_the_log(monkeypatch, caplog):
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(MemoryStore, "put", broken)
    async with served(True) as service:
        answer = await service.talk(put(b"/cache/a", b"1", CLOSE))
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"application/problem+json" in answer
    assert "ZeroDivisionError" in caplog.text

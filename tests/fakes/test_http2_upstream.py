"""The upstream that speaks HTTP/2 does what its script says; seen by httpx, whose HTTP/2 is `h2`'s, too."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from h2.settings import SettingCodes

from tests.fakes.http2_upstream import Http2Stream, Http2Upstream, never


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(http1=False, http2=True, trust_env=False) as client:
        yield client


async def test_it_records_requests_and_answers_by_its_script(client):
    async with Http2Upstream() as upstream:
        upstream.reply(201, b"hello", [(b"x-a", b"1")])
        first = await client.post(f"{upstream.url}/a", content=b"body")
        second = await client.get(f"{upstream.url}/b")
    assert (first.http_version, first.status_code, first.content) == ("HTTP/2", 201, b"hello")
    assert first.headers["x-a"] == "1"
    assert second.status_code == 200
    assert [(each.method, each.path, bytes(each.body)) for each in upstream.streams] == [
        (b"POST", b"/a", b"body"),
        (b"GET", b"/b", b""),
    ]
    assert len(upstream.connections) == 1


async def test_a_body_larger_than_the_windows_goes_as_they_open(client):
    async with Http2Upstream() as upstream:
        upstream.reply(200, b"x" * 200_000)
        assert len((await client.get(upstream.url)).content) == 200_000


async def test_a_request_that_is_given_up_is_seen(client):
    async with Http2Upstream() as upstream:
        upstream.answer(never())
        with pytest.raises(httpx.ReadTimeout):
            await client.get(upstream.url, timeout=0.2)
        await client.aclose()
        (stream,) = upstream.streams
        assert stream.task is not None
        await upstream.until(stream.task.done, "the end of the answer")


async def test_without_credit_a_body_stops_at_the_window(client):
    async def answer(stream: Http2Stream) -> None:
        await upstream.until(lambda: len(stream.body) == 65_535, "the window's fill")
        stream.credit()
        await stream.whole()
        stream.head(200, end=True)

    async with Http2Upstream(credits=False) as upstream:
        upstream.answer(answer)
        assert (await client.post(upstream.url, content=b"x" * 70_000)).status_code == 200
    assert len(upstream.streams[0].body) == 70_000


async def test_its_settings_are_in_force_once_they_are_acknowledged(client):
    async with Http2Upstream(settings={SettingCodes.MAX_CONCURRENT_STREAMS: 7}) as upstream:
        await client.get(upstream.url)
        (connection,) = upstream.connections
        await upstream.until(lambda: connection.h2.local_settings.max_concurrent_streams == 7, "the setting")


async def test_an_upstream_that_says_nothing_takes_what_it_is_sent():
    async with Http2Upstream(says_settings=False) as upstream:
        reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        writer.close()

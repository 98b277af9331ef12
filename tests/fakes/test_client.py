import pytest

from tests.fakes import answers
from tests.fakes.client import BadAnswer, RawClient, Response, Truncated
from tests.fakes.upstream import RecorderUpstream

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def answer_to(raw: bytes, *, close: bool = True, head: bool = False) -> Response:
    async with RecorderUpstream() as up, RawClient(up.port) as client:
        up.raw(raw, close=close)
        await client.send(GET)
        return await client.read_response(head=head)


async def test_a_close_delimited_body_ends_with_the_connection():
    assert (await answer_to(b"HTTP/1.1 200 OK\r\n\r\nabc")).body == b"abc"


async def test_the_answer_to_head_has_no_body():
    response = await answer_to(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", head=True)
    assert (response.body, response.get("content-length")) == (b"", "9")


async def test_interim_answers_are_collected():
    response = await answer_to(
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\nX: y\r\n\r\n"
    )
    assert [interim.status for interim in response.interim] == [103]
    assert (response.status, response.reason, response.headers) == (204, "No Content", [("X", "y")])


async def test_raw_holds_all_bytes_of_the_answer():
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"
    response = await answer_to(raw)
    assert (response.raw, response.body, response.trailers) == (raw, b"abc", [("X-T", "1")])


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200\tOK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    ],
)
async def test_a_malformed_answer_is_refused(raw):
    with pytest.raises(BadAnswer):
        await answer_to(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
async def test_a_short_answer_is_truncated(raw):
    with pytest.raises(Truncated):
        await answer_to(raw)


async def test_a_field_line_without_colon_is_refused():
    with pytest.raises(AssertionError, match="bad field line"):
        await answer_to(b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n")


async def test_pipelined_answers_are_read_one_by_one():
    async with RecorderUpstream() as up, RawClient(up.port) as client:
        up.reply(200, b"one")
        up.reply(200, b"two")
        await client.send(GET + GET)
        assert [(await client.read_response()).body for _ in range(2)] == [b"one", b"two"]


async def test_a_half_closed_client_still_reads():
    async with RecorderUpstream() as up, RawClient(up.port) as client:
        up.reply(200, b"late")
        await client.send(GET)
        client.half_close()
        assert (await client.read_response()).body == b"late"


async def test_an_abort_reaches_the_other_side():
    async with RecorderUpstream() as up:
        up.never()
        async with RawClient(up.port) as client:
            await client.send(GET)
            await up.wait_for(1)
            client.abort()
            await up.wait_closed_early()


async def test_an_answer_that_never_comes_fails_with_what_was_waited_for():
    async with RecorderUpstream() as up, RawClient(up.port, timeout_s=0.05) as client:
        up.never()
        await client.send(GET)
        with pytest.raises(AssertionError, match=r"0\.05 s in vain for the head"):
            await client.read_response()


async def test_a_reset_within_a_body_is_truncation():
    async with RecorderUpstream() as up, RawClient(up.port) as client:
        up.answer(answers.reset(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"))
        await client.send(GET)
        with pytest.raises(Truncated):
            await client.read_response()
        assert client.was_reset

"""What is sent twice, and what never is."""

import asyncio

import pytest

from tests.fakes import answers
from tests.fakes.client import RawClient, Response, Truncated
from tests.fakes.config import config_text
from tests.fakes.exchange import Exchange
from tests.fakes.gateway import running_gateway
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

FAST = {"base": "1ms", "max": "2ms"}


async def hang_up_on(upstream: RecorderUpstream, gateway_port: int, *request: object) -> Response:
    """A request on a connection that was used before and that the upstream closes at the request's head."""
    async with RawClient(gateway_port) as client:
        upstream.reply(200, b"first")
        assert (await client.request("GET", "/first")).body == b"first"
        upstream.hang_up(early=True)
        upstream.reply(200, b"second")
        return await client.request(*request)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"])
async def test_an_idempotent_request_on_a_stale_connection_is_sent_once_more_unseen(method):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        body = b"x" * 60_000 if method == "PUT" else b""
        answer = await hang_up_on(upstream, gateway.port, method, "/second", (), body)
        assert answer.status == 200
        requests = await upstream.wait_for(3)
        assert [request.target for request in requests] == ["/first", "/second", "/second"]
        assert requests[0].connection == requests[1].connection != requests[2].connection
        assert requests[2].body == body


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_any_other_request_on_a_stale_connection_is_not_sent_twice(method):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        answer = await hang_up_on(upstream, gateway.port, method, "/second", (), b"body")
        assert (answer.status, answer.get("tidegate-reason")) == (502, "upstream_reset")
        assert len(upstream.requests) == 2


async def test_a_fresh_connection_that_is_closed_is_not_retried_without_a_stanza():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.hang_up()
        async with RawClient(gateway.port) as client:
            answer = await client.request("GET", "/")
        assert (answer.status, len(upstream.requests)) == (502, 1)


async def test_a_stale_connection_is_no_failure_of_the_upstream(tmp_path):
    breaker = {"consecutiveFailures": 1, "openDuration": "1m"}
    async with RecorderUpstream() as upstream:
        text = config_text(upstream.url, circuitBreaker=breaker)
        async with running_gateway(config=text, folder=tmp_path) as gateway:
            for _ in range(3):
                assert (await hang_up_on(upstream, gateway.port, "GET", "/")).status == 200


async def ask(
    tmp_path, upstream: RecorderUpstream, retry: dict[str, object], method: str = "GET", body: bytes = b""
) -> Response:
    text = config_text(upstream.url, retry={"backoff": FAST, **retry})
    async with running_gateway(config=text, folder=tmp_path) as gateway, RawClient(gateway.port) as client:
        return await client.request(method, "/", (), body)


async def test_a_retried_status_is_hidden_by_the_next_answer(tmp_path):
    async with RecorderUpstream() as upstream:
        upstream.reply(503, b"busy")
        upstream.reply(502, b"busy")
        upstream.reply(200, b"good")
        answer = await ask(tmp_path, upstream, {"attempts": 2})
        assert (answer.status, answer.body, len(upstream.requests)) == (200, b"good", 3)


async def test_a_status_below_500_can_be_retried(tmp_path):
    async with RecorderUpstream() as upstream:
        upstream.reply(429, b"slow down")
        upstream.reply(200, b"good")
        answer = await ask(tmp_path, upstream, {"attempts": 1, "on": [429]})
        assert (answer.status, answer.body) == (200, b"good")


async def test_when_the_attempts_are_used_up_the_last_answer_passes(tmp_path):
    async with RecorderUpstream() as upstream:
        for body in (b"1", b"2", b"3"):
            upstream.reply(503, body)
        answer = await ask(tmp_path, upstream, {"attempts": 1})
        assert (answer.status, answer.body, answer.get("tidegate-reason")) == (503, b"2", "")
        assert len(upstream.requests) == 2


async def test_a_status_outside_the_stanza_is_not_retried(tmp_path):
    async with RecorderUpstream() as upstream:
        upstream.reply(500, b"oops")
        answer = await ask(tmp_path, upstream, {"attempts": 2, "on": [503]})
        assert (answer.body, len(upstream.requests)) == (b"oops", 1)


async def test_a_reset_is_retried_when_the_stanza_names_it(tmp_path):
    async with RecorderUpstream() as upstream:
        upstream.reset()
        upstream.reply(200, b"good")
        assert (await ask(tmp_path, upstream, {"attempts": 1, "on": ["Reset"]})).body == b"good"


async def test_a_put_is_retried_with_its_whole_body(tmp_path):
    async with RecorderUpstream() as upstream:
        upstream.reply(503)
        upstream.reply(200, b"good")
        answer = await ask(tmp_path, upstream, {"attempts": 1}, "PUT", b"y" * 50_000)
        assert answer.body == b"good"
        assert [request.body_size_bytes for request in upstream.requests] == [50_000, 50_000]


async def test_a_body_too_large_to_keep_is_not_sent_twice(tmp_path):
    async with RecorderUpstream() as upstream:
        upstream.reply(503, b"busy")
        answer = await ask(tmp_path, upstream, {"attempts": 1}, "PUT", b"y" * 1_000_000)
        assert (answer.body, len(upstream.requests)) == (b"busy", 1)


@pytest.mark.parametrize("first", [answers.reply(503, b"busy"), answers.hang_up()])
async def test_a_post_that_reached_the_upstream_is_never_retried(tmp_path, first):
    async with RecorderUpstream() as upstream:
        upstream.answer(first)
        answer = await ask(tmp_path, upstream, {"attempts": 3, "on": ["Reset", "5xx"]}, "POST", b"order")
        assert (answer.status >= 500, len(upstream.requests)) == (True, 1)


async def test_a_post_that_found_no_connection_is_retried(tmp_path):
    upstream = RecorderUpstream(port=free_port())
    text = config_text(
        f"http://127.0.0.1:{upstream.port}",
        retry={"attempts": 10, "backoff": {"base": "200ms", "max": "1s"}},
    )
    async with running_gateway(config=text, folder=tmp_path) as gateway, RawClient(gateway.port) as client:
        asking = asyncio.create_task(client.request("POST", "/", (), b"order"))
        plan = gateway.context.plans.plans[0]
        await until(lambda: bool(plan.targets[0].counts.retries), "the first retry")
        async with upstream:
            assert (await asking).status == 200
            assert upstream.requests[0].body == b"order"


async def test_nothing_is_retried_once_the_answer_has_begun(tmp_path):
    begun = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await begun.wait()
        exchange.reset()

    async with RecorderUpstream() as upstream:
        upstream.answer(answer)
        text = config_text(upstream.url, retry={"attempts": 3, "on": ["Reset", "5xx"], "backoff": FAST})
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            head = await client.read_head()
            begun.set()
            with pytest.raises(Truncated):
                await client.read_body(head)
        assert len(upstream.requests) == 1


async def test_a_malformed_answer_is_never_retried(tmp_path):
    async with RecorderUpstream() as upstream:
        upstream.raw(b"garbage\r\n\r\n")
        answer = await ask(tmp_path, upstream, {"attempts": 3, "on": ["Reset", "ConnectError", "5xx"]})
        assert (answer.get("tidegate-reason"), len(upstream.requests)) == ("upstream_protocol", 1)


async def test_a_try_that_takes_too_long_is_retried(tmp_path):
    async with RecorderUpstream() as upstream:
        upstream.never()
        upstream.reply(200, b"good")
        text = config_text(
            upstream.url,
            timeout={"perTry": "1s", "request": "20s"},
            retry={"attempts": 1, "on": ["Timeout"], "backoff": FAST},
        )
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            assert (await client.request("GET", "/")).body == b"good"
        await upstream.wait_closed_early(0)


async def test_the_budget_ends_the_retries(tmp_path):
    retry = {
        "attempts": 10,
        "backoff": FAST,
        "budget": {"percent": 0, "interval": "10s", "minRetriesPerSecond": 0},
    }
    async with RecorderUpstream() as upstream:
        upstream.reply(503, b"busy")
        answer = await ask(tmp_path, upstream, retry)
        assert (answer.body, len(upstream.requests)) == (b"busy", 1)


async def test_one_request_with_retries_counts_once_for_the_breaker(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config_text(
            upstream.url,
            retry={"attempts": 3, "backoff": FAST},
            circuitBreaker={"consecutiveFailures": 2, "openDuration": "1m"},
        )
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            for _ in range(4):
                upstream.reply(503)
            assert (await client.request("GET", "/")).get("tidegate-reason") == ""
            assert (await client.request("GET", "/")).status == 200

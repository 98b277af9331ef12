"""The breaker as a client meets it, through a whole gateway."""

import asyncio

from app.foundation.clock import now_s, wall_s
from app.gateway.process import Gateway
from tests.fakes.client import RawClient
from tests.fakes.config import config_text
from tests.fakes.gateway import running_gateway, settled
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def state_of(gateway: Gateway, name: str = "main") -> str:
    (found,) = [b.view(now_s(), wall_s()) for b in gateway.breakers.all() if b.name == name]
    return found.state.value


async def become(gateway: Gateway, state: str) -> None:
    await until(lambda: state_of(gateway) == state, f"the breaker to be {state}")
    await settled(gateway)


async def statuses(gateway: Gateway, client: RawClient, count: int) -> list[int]:
    found = []
    for _ in range(count):
        found.append((await client.request("GET", "/")).status)
        await settled(gateway)
    return found


async def test_it_opens_after_failures_in_a_row_probes_and_closes_again(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config_text(upstream.url, circuitBreaker={"consecutiveFailures": 2, "openDuration": "1h"})
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            upstream.reply(500)
            upstream.reply(503)
            assert await statuses(gateway, client, 2) == [500, 503]
            refused = await client.request("GET", "/")
            assert (refused.status, refused.get("tidegate-reason")) == (503, "breaker_open")
            assert 3500 < int(refused.get("retry-after")) <= 3600
            await settled(gateway)
            assert (len(upstream.requests), state_of(gateway)) == (2, "open")
            (tmp_path / "gateway.yaml").write_text(text.replace("1h", "1s"))  # counts from when it opened
            await become(gateway, "half_open")
            answer = asyncio.Event()
            upstream.pieces(answer, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            async with RawClient(gateway.port) as probe:
                await probe.send(GET)
                await upstream.wait_for(3)
                second = await client.request("GET", "/")
                assert (second.status, second.get("tidegate-reason")) == (503, "breaker_probing")
                assert second.get("retry-after") == "1"
                answer.set()
                assert (await probe.read_response()).status == 200
            await settled(gateway)
            assert state_of(gateway) == "closed"
            assert await statuses(gateway, client, 2) == [200, 200]


async def test_a_probe_that_fails_opens_it_again(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config_text(upstream.url, circuitBreaker={"consecutiveFailures": 1, "openDuration": "3s"})
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            upstream.reply(500)
            upstream.raw(b"garbage\r\n\r\n")
            await client.request("GET", "/")
            await become(gateway, "half_open")
            assert (await client.request("GET", "/")).get("tidegate-reason") == "upstream_protocol"
            await settled(gateway)
            assert state_of(gateway) == "open"


async def test_a_client_that_hangs_up_gives_its_probe_back(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config_text(upstream.url, circuitBreaker={"consecutiveFailures": 1, "openDuration": "1s"})
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            upstream.reply(500)
            await client.request("GET", "/")
            await become(gateway, "half_open")
            upstream.never()
            async with RawClient(gateway.port) as probe:
                await probe.send(GET)
                await upstream.wait_for(2)
            await upstream.wait_closed_early(1)
            await settled(gateway)
            assert state_of(gateway) == "half_open"
            assert await statuses(gateway, client, 1) == [200]
            await settled(gateway)
            assert state_of(gateway) == "closed"


async def test_an_endless_event_stream_does_not_hold_the_probe(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config_text(upstream.url, circuitBreaker={"consecutiveFailures": 1, "openDuration": "1s"})
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            upstream.reply(500)
            await client.request("GET", "/")
            await become(gateway, "half_open")
            upstream.pieces(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\ndata: 1\n\n",
                asyncio.Event(),
            )
            async with RawClient(gateway.port) as listener:
                await listener.send(GET)
                await listener.read_head()
                await settled(gateway)
                assert state_of(gateway) == "closed"
                assert await statuses(gateway, client, 1) == [200]


async def test_4xx_is_a_success_and_ends_the_row(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config_text(upstream.url, circuitBreaker={"consecutiveFailures": 2, "openDuration": "1m"})
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            for status in (500, 404, 500, 429, 500):
                upstream.reply(status)
            assert await statuses(gateway, client, 5) == [500, 404, 500, 429, 500]
            await settled(gateway)
            assert state_of(gateway) == "closed"


async def test_failure_on_says_which_statuses_count(tmp_path):
    async with RecorderUpstream() as upstream:
        breaker = {"consecutiveFailures": 1, "openDuration": "1m", "failureOn": [429]}
        text = config_text(upstream.url, circuitBreaker=breaker)
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            upstream.reply(500)
            upstream.reply(429)
            assert await statuses(gateway, client, 3) == [500, 429, 503]


async def test_timeouts_resets_and_malformed_answers_are_failures(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config_text(
            upstream.url,
            circuitBreaker={"consecutiveFailures": 3, "openDuration": "1m"},
            timeout={"request": "1s", "connect": "1s"},
        )
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            upstream.never()
            upstream.hang_up()
            upstream.raw(b"garbage\r\n\r\n")
            assert await statuses(gateway, client, 3) == [504, 502, 502]
            await settled(gateway)
            assert state_of(gateway) == "open"


async def test_an_answer_that_is_cut_in_its_body_is_a_failure(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config_text(upstream.url, circuitBreaker={"consecutiveFailures": 1, "openDuration": "1m"})
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            upstream.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", close=True)
            await client.send(GET)
            await client.read_until_closed()
            await settled(gateway)
            assert state_of(gateway) == "open"


async def test_slow_answers_open_it(tmp_path):
    async with RecorderUpstream() as upstream:
        breaker = {
            "slowCalls": {"percent": 50, "threshold": "50ms"},
            "failureRate": {"percent": 100, "window": "10s", "minimumRequests": 2},
            "openDuration": "1m",
        }
        text = config_text(upstream.url, circuitBreaker=breaker)
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            for number in range(2):
                late = asyncio.Event()
                upstream.pieces(late, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await client.send(GET)
                await upstream.wait_for(number + 1)
                await asyncio.sleep(0.1)
                late.set()
                assert (await client.read_response()).status == 200
            await settled(gateway)
            assert state_of(gateway) == "open"


async def test_a_refusing_upstream_opens_it_and_its_return_closes_it(tmp_path):
    upstream = RecorderUpstream(port=free_port())
    text = config_text(
        f"http://127.0.0.1:{upstream.port}", circuitBreaker={"consecutiveFailures": 2, "openDuration": "3s"}
    )
    async with running_gateway(config=text, folder=tmp_path) as gateway, RawClient(gateway.port) as client:
        for _ in range(2):
            assert (await client.request("GET", "/")).get("tidegate-reason") == "upstream_connect"
            await settled(gateway)
        assert (await client.request("GET", "/")).get("tidegate-reason") == "breaker_open"
        async with upstream:
            await become(gateway, "half_open")
            assert await statuses(gateway, client, 2) == [200, 200]

"""Several endpoints of an upstream: who gets the request, and what one bad endpoint does."""

import json

import pytest

from app.dataplane.upstream.outlier import in_rotation
from app.foundation.clock import now_s
from app.gateway.process import Gateway
from tests.fakes import answers
from tests.fakes.client import RawClient
from tests.fakes.config import config_text
from tests.fakes.gateway import running_gateway, settled
from tests.fakes.process import free_port, free_ports
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

BREAKER = {"consecutiveFailures": 3, "openDuration": "1m"}


async def statuses(client: RawClient, count: int) -> list[int]:
    return [(await client.request("GET", "/")).status for _ in range(count)]


def rotation(gateway: Gateway) -> list[bool]:
    return [in_rotation(state, now_s()) for state in gateway.bindings.upstreams["main"].states]


async def test_requests_one_after_the_other_go_round(tmp_path):
    async with RecorderUpstream() as one, RecorderUpstream() as two, RecorderUpstream() as three:
        text = config_text(one.url, two.url, three.url)
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            assert await statuses(client, 9) == [200] * 9
        assert [len(each.requests) for each in (one, two, three)] == [3, 3, 3]


@pytest.mark.one_process("a worker chooses by what it has in flight at an endpoint itself")
async def test_a_busy_endpoint_gets_fewer(tmp_path):
    async with RecorderUpstream() as one, RecorderUpstream() as two:
        one.never()
        two.never()
        text = config_text(one.url, two.url)
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
            RawClient(gateway.port) as waiting,
        ):
            await waiting.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await until(lambda: bool(one.requests or two.requests), "the request to arrive")
            busy, free = (one, two) if one.requests else (two, one)
            free._script.clear()
            assert await statuses(client, 6) == [200] * 6
            assert (len(busy.requests), len(free.requests)) == (1, 6)


async def test_a_refusing_endpoint_is_passed_over_unseen_whatever_the_method(tmp_path):
    first, second = free_ports(2)
    async with RecorderUpstream() as good:
        text = config_text(
            f"http://127.0.0.1:{first}", good.url, f"http://127.0.0.1:{second}", circuitBreaker=BREAKER
        )
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            for _ in range(12):
                assert (await client.request("POST", "/", (), b"order")).status == 200
            assert all(request.body == b"order" for request in good.requests)
        assert len(good.requests) == 12


async def test_an_endpoint_is_ejected_after_five_failures_in_a_row(tmp_path):
    async with RecorderUpstream() as good, RecorderUpstream() as bad:
        bad.default = answers.reply(500)
        text = config_text(good.url, bad.url, circuitBreaker=BREAKER)
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            seen = await statuses(client, 30)
            assert (seen.count(500), seen.count(200)) == (5, 25)
            await settled(gateway)
            assert rotation(gateway) == [True, False]


async def test_one_endpoint_that_always_fails_does_not_open_the_breaker(tmp_path):
    async with RecorderUpstream() as good, RecorderUpstream() as bad:
        bad.default = answers.reply(500)
        text = config_text(good.url, bad.url, circuitBreaker={"consecutiveFailures": 2, "openDuration": "1m"})
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            assert 503 not in await statuses(client, 20)


async def test_endpoints_that_all_fail_open_the_breaker(tmp_path):
    async with RecorderUpstream() as one, RecorderUpstream() as two:
        one.default = two.default = answers.reply(500)
        text = config_text(one.url, two.url, circuitBreaker=BREAKER)
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            assert await statuses(client, 3) == [500] * 3
            await settled(gateway)
            assert await statuses(client, 1) == [503]


async def test_endpoints_that_all_refuse_open_the_breaker(tmp_path):
    urls = [f"http://127.0.0.1:{port}" for port in free_ports(3)]
    text = config_text(*urls, circuitBreaker=BREAKER)
    async with running_gateway(config=text, folder=tmp_path) as gateway, RawClient(gateway.port) as client:
        assert await statuses(client, 3) == [502] * 3
        await settled(gateway)
        assert await statuses(client, 1) == [503]
        assert (await client.request("GET", "/")).get("tidegate-reason") == "breaker_open"


async def test_what_is_in_flight_is_zero_after_all_ends(tmp_path):
    async with RecorderUpstream() as one:
        one.reply(503)
        one.reply(200)
        one.hang_up()
        one.never()
        text = config_text(
            one.url,
            f"http://127.0.0.1:{free_port()}",
            retry={"attempts": 1, "backoff": {"base": "1ms", "max": "1ms"}},
            timeout={"perTry": "100ms"},
        )
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            await statuses(client, 8)
            await settled(gateway)
            states = gateway.bindings.upstreams["main"].states
            assert [state.in_flight for state in states] == [0, 0]


@pytest.mark.one_process("seeds its random choice")
async def test_weights_share_the_requests(tmp_path):
    async with RecorderUpstream() as many, RecorderUpstream() as few, RecorderUpstream() as none:
        content = json.loads(config_text(many.url))
        content["upstreams"]["few"] = {"endpoints": [few.url]}
        content["upstreams"]["none"] = {"endpoints": [none.url]}
        content["routes"][0]["upstream"] = [
            {"name": "main", "weight": 9},
            {"name": "few", "weight": 1},
            {"name": "none", "weight": 0},
        ]
        async with running_gateway(config=json.dumps(content), folder=tmp_path) as gateway:
            gateway.context.random.seed(7)
            async with RawClient(gateway.port) as client:
                assert await statuses(client, 200) == [200] * 200
        assert 165 <= len(many.requests) <= 195
        assert len(many.requests) + len(few.requests) == 200
        assert not none.requests


async def test_active_checks_take_an_endpoint_out_and_back(tmp_path):
    check = {"path": "/ready", "interval": "1s", "timeout": "500ms", "unhealthy": 1, "healthy": 1}
    async with RecorderUpstream() as good, RecorderUpstream() as ill:
        text = config_text(good.url, ill.url, upstream={"healthCheck": check})
        ill.default = answers.reply(503)
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            await until(lambda: rotation(gateway) == [True, False], "the ill endpoint to be taken out")
            await settled(gateway)
            assert await statuses(client, 4) == [200] * 4
            assert {request.target for request in ill.requests} == {"/ready"}
            ill.default = answers.reply(204)
            await until(lambda: rotation(gateway) == [True, True], "it to be back")
            await settled(gateway)
            assert set(await statuses(client, 4)) == {200, 204}

"""What the workers of a gateway share, as real processes: 200 clients at three of them meet one gateway."""

import asyncio
import os
import re
import signal
from contextlib import AsyncExitStack

from tests.fakes import answers
from tests.fakes.client import RawClient, Truncated
from tests.fakes.upstream import RecorderUpstream
from tests.scenarios.test_workers import ONE_ROUTE, Gateway, gateway

CLIENTS = 200
LIMIT = "rateLimit: {rules: [{name: all, key: Global, requests: 300, period: 10h}]}"
RETRY = (
    "retry: {attempts: 1, on: [429], backoff: {base: 1ms, max: 1ms}, "
    "budget: {percent: 0, minRetriesPerSecond: 1, interval: 60s}}"
)
BREAKER = "circuitBreaker: {consecutiveFailures: 5, openDuration: 1s, halfOpenRequests: 3}"
REJECTED = r'tidegate_breaker_rejections_total\{state="half_open",.*\}'
MOVES = r'tidegate_breaker_transitions_total\{.*to="%s",.*\}'
SECONDS = 20.0


def config(url: str, *stanzas: str) -> str:
    policies = "".join(
        f"  - {{name: p{number}, spec: {{targetRefs: [{{kind: Gateway}}], {stanza}}}}}\n"
        for number, stanza in enumerate(stanzas)
    )
    return ONE_ROUTE % url + f"policies:\n{policies}"


async def all_clients(stack: AsyncExitStack, port: int) -> list[RawClient]:
    return await asyncio.gather(*(stack.enter_async_context(RawClient(port)) for _ in range(CLIENTS)))


async def ask_all(clients: list[RawClient]) -> list[str]:
    """Each client's reason word, "" for a response of the upstream; all at the same time."""

    async def one(client: RawClient) -> str:
        return (await client.request("GET", "/")).get("tidegate-reason") or ""

    return await asyncio.gather(*map(one, clients))


async def metric(port: int, line: str) -> float:
    """The sum of all series of the admin port's metrics page that match."""
    async with RawClient(port) as admin:
        page = (await admin.request("GET", "/metrics")).body.decode()
    return sum(float(found) for found in re.findall(rf"^{line} (\S+)$", page, re.MULTILINE))


async def test_a_limit_is_one_for_all_workers(tmp_path):
    async with RecorderUpstream() as upstream, AsyncExitStack() as stack:
        text = config(upstream.url, LIMIT)
        child = await stack.enter_async_context(gateway(tmp_path, text, WORKERS="3"))
        clients = await all_clients(stack, child.port)
        passed = 0
        async with asyncio.timeout(SECONDS):
            while passed < 300:  # what one worker holds and does not use goes back within 0.2 s
                passed += (await ask_all(clients)).count("")
        for _ in range(3):
            assert set(await ask_all(clients)) == {"rate_limited"}
        assert passed == len(upstream.requests) == 300
        allowed = r'tidegate_rate_limit_decisions_total\{decision="allowed".*\}'
        assert await metric(child.admin_port, allowed) == 300
        rejected = r'tidegate_requests_total\{.*reason="rate_limited".*\}'
        assert await metric(child.admin_port, rejected) >= 3 * CLIENTS


async def until_all_workers_know(child: Gateway, state: str) -> None:
    """The page waits for what each worker has to say, so the second one comes after what was published before."""
    shown = rf'tidegate_breaker_state\{{state="{state}",.*\}}'
    await until_shown(child.admin_port, shown, 1)
    await metric(child.admin_port, shown)


async def until_shown(port: int, line: str, number: float) -> None:
    async with asyncio.timeout(SECONDS):
        while await metric(port, line) != number:  # noqa: ASYNC110 - no event says it
            await asyncio.sleep(0.05)


async def test_a_breaker_is_one_for_all_workers_and_its_probes_are_counted_over_all(tmp_path):
    hold = asyncio.Event()
    async with RecorderUpstream() as upstream, AsyncExitStack() as stack:
        text = config(upstream.url, BREAKER.replace("openDuration: 1s", "openDuration: 1h"))
        child = await stack.enter_async_context(gateway(tmp_path, text, WORKERS="3"))
        clients = await all_clients(stack, child.port)
        assert set(await ask_all(clients)) == {""}
        upstream.default = answers.reply(503)
        for client in clients[:5]:
            await client.request("GET", "/")
        await until_all_workers_know(child, "open")
        before = len(upstream.requests)
        assert set(await ask_all(clients)) == {"breaker_open"}
        assert len(upstream.requests) == before
        upstream.default = answers.pieces(hold, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        (tmp_path / "gateway.yaml").write_text(config(upstream.url, BREAKER))  # counts from when it opened
        await until_all_workers_know(child, "half_open")
        wave = asyncio.ensure_future(ask_all(clients))
        await upstream.until(lambda: len(upstream.requests) == before + 3, "three probes")
        await until_shown(child.admin_port, REJECTED, CLIENTS - 3)
        assert len(upstream.requests) == before + 3
        hold.set()
        found = await wave
        assert (found.count(""), found.count("breaker_probing")) == (3, CLIENTS - 3)
        await until_all_workers_know(child, "closed")
        assert set(await ask_all(clients)) == {""}
        moves = [await metric(child.admin_port, MOVES % to) for to in ("open", "half_open", "closed")]
        assert moves == [1, 1, 1]


async def test_a_client_meets_the_breaker_that_its_own_failures_opened_with_its_next_request(tmp_path):
    breakers = 30
    async with RecorderUpstream() as upstream, AsyncExitStack() as stack:
        upstream.default = answers.reply(503)
        upstreams = "".join(f"  u{each}: {{endpoints: ['{upstream.url}']}}\n" for each in range(breakers))
        routes = "".join(
            f"  - {{name: r{each}, match: {{path: {{exact: /{each}}}}}, upstream: u{each}, auth: none}}\n"
            for each in range(breakers)
        )
        policy = "{name: p, spec: {targetRefs: [{kind: Gateway}], %s}}"
        stanza = "circuitBreaker: {consecutiveFailures: 3, openDuration: 1h}"
        text = f"upstreams:\n{upstreams}routes:\n{routes}policies:\n  - {policy % stanza}\n"
        child = await stack.enter_async_context(gateway(tmp_path, text, WORKERS="2"))
        client = await stack.enter_async_context(RawClient(child.port))
        reasons = [
            [(await client.request("GET", f"/{each}")).get("tidegate-reason") for _ in range(4)]
            for each in range(breakers)
        ]
        assert reasons == [["", "", "", "breaker_open"]] * breakers


async def test_the_permits_of_a_killed_worker_come_back(tmp_path):
    never = asyncio.Event()
    text = BREAKER.replace("halfOpenRequests: 3", "halfOpenRequests: 1")
    async with RecorderUpstream() as upstream, AsyncExitStack() as stack:
        child = await stack.enter_async_context(gateway(tmp_path, config(upstream.url, text), WORKERS="2"))
        upstream.default = answers.reply(503)
        async with RawClient(child.port) as client:
            for _ in range(5):
                await client.request("GET", "/")
        upstream.default = answers.pieces(never, b"")
        before = len(upstream.requests)
        await until_all_workers_know(child, "half_open")
        probe = await stack.enter_async_context(RawClient(child.port))
        await probe.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await upstream.wait_for(before + 1)
        async with RawClient(child.port) as client:
            assert (await client.request("GET", "/")).get("tidegate-reason") == "breaker_probing"
        upstream.default = answers.reply(200)
        for pid in child.workers.values():
            os.kill(pid, signal.SIGKILL)
        for number in (1, 2):
            await child.wait_line(f"worker {number} serves again", SECONDS)
        async with RawClient(child.port) as client:
            assert (await client.request("GET", "/")).status == 200


async def test_what_all_workers_did_is_shown_as_of_one_gateway(tmp_path):
    async with RecorderUpstream() as upstream, AsyncExitStack() as stack:
        child = await stack.enter_async_context(gateway(tmp_path, config(upstream.url, LIMIT), WORKERS="2"))
        clients = await all_clients(stack, child.port)
        await ask_all(clients)
        requests = r'tidegate_requests_total\{.*code="200".*\}'
        assert await metric(child.admin_port, requests) == CLIENTS
        assert await metric(child.admin_port, r"tidegate_requests_in_flight") == 0
        async with RawClient(child.admin_port) as admin:
            page = (await admin.request("GET", "/v1/decisions?limit=500")).json()
            assert len(page["decisions"]) >= 50
            (shown,) = [
                each
                for each in (await admin.request("GET", "/v1/upstreams")).json()["upstreams"]
                if each["name"] == "all"
            ]
            assert shown["endpoints"][0]["health"] == "healthy"
        async with RawClient(child.port) as client:
            mine = await client.request("GET", "/", [("X-Request-Id", "look-for-me")])
            assert mine.status == 200


async def test_requests_at_a_time_are_bounded_over_all_workers(tmp_path):
    hold = asyncio.Event()
    async with RecorderUpstream() as upstream, AsyncExitStack() as stack:
        upstream.default = answers.pieces(hold, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        text = ONE_ROUTE % upstream.url
        child = await stack.enter_async_context(gateway(tmp_path, text, WORKERS="3", MAX_IN_FLIGHT="20"))
        clients = await all_clients(stack, child.port)
        rejected = r'tidegate_requests_total\{.*reason="overloaded".*\}'
        for waves in (1, 2, 3):
            wave = asyncio.ensure_future(ask_all(clients))
            await until_shown(child.admin_port, rejected, waves * (CLIENTS - 20))
            await upstream.wait_for(20 * waves)
            hold.set()
            found = await wave
            assert len(upstream.requests) == 20 * waves
            assert (found.count(""), found.count("overloaded")) == (20, CLIENTS - 20)
            hold.clear()


async def test_connections_are_bounded_over_all_workers(tmp_path):
    async with RecorderUpstream() as upstream, AsyncExitStack() as stack:
        text = ONE_ROUTE % upstream.url
        child = await stack.enter_async_context(gateway(tmp_path, text, WORKERS="3", MAX_CONNECTIONS="21"))
        clients = await all_clients(stack, child.port)
        assert (await asyncio.gather(*map(is_served, clients))).count(True) == 21


async def is_served(client: RawClient) -> bool:
    """False: the gateway closes its connection."""
    try:
        return (await client.request("GET", "/")).status == 200
    except (Truncated, OSError):
        return False


async def test_retries_are_bounded_over_all_workers(tmp_path):
    async with RecorderUpstream() as upstream, AsyncExitStack() as stack:
        upstream.default = answers.reply(429)
        child = await stack.enter_async_context(gateway(tmp_path, config(upstream.url, RETRY), WORKERS="3"))
        clients = await all_clients(stack, child.port)
        await ask_all(clients)
        assert len(upstream.requests) == CLIENTS + 60

"""A gateway with several workers, as real processes: what is one for all of them, and what the death of any costs."""

import asyncio
import json
import os
import re
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trustme

from app.foundation.clock import now_s
from app.foundation.errors import StartFault
from tests.fakes.client import RawClient
from tests.fakes.config import config_text
from tests.fakes.gateway import running_gateway
from tests.fakes.http2_client import Http2Client
from tests.fakes.process import Child, free_ports
from tests.fakes.unaccepted import unaccepted
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.viewer import viewing
from tests.fakes.waiting import until

ONE_ROUTE = """
upstreams: {all: {endpoints: ["%s"]}}
routes: [{name: all, match: {path: {prefix: /}}, upstream: all, auth: none}]
"""
OWN = "{name: own, match: {path: {exact: /own-%d}}, redirect: {path: /, status: 307}, auth: none}"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SECONDS = 20.0
EACH_SECOND = 40
"""Messages of a link that every second brings at most: counts, gauges, leases of a rule, with their replies."""


class Gateway(Child):
    """`python -m app gateway` with its ports."""

    port: int
    admin_port: int

    @property
    def workers(self) -> dict[int, int]:
        """Process ids by number, of those that run."""
        found = {}
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            for pid in (task / "children").read_text().split():
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if b"app.gateway.worker" in words:
                    found[int(words[words.index(b"app.gateway.worker") + 1])] = int(pid)
        return found


@asynccontextmanager
async def gateway(folder: Path, config: str, **env: str) -> AsyncIterator[Gateway]:
    (folder / "gateway.yaml").write_text(config)
    port, admin_port = free_ports(2)
    environment = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "ADMIN_PORT": str(admin_port),
        "CONFIG_FILE": str(folder / "gateway.yaml"),
        "ACCESS_LOG": "off",
        "RATE_LIMIT": "off",
        "WORKERS": "2",
        **env,
    }
    child = Gateway.app("gateway", env=environment)
    assert isinstance(child, Gateway)
    child.port, child.admin_port = port, admin_port
    async with child:
        await child.wait_line("listening on", timeout_s=SECONDS)
        yield child


async def status_of(port: int, path: str = "/") -> int:
    async with RawClient(port) as client:
        return (await client.request("GET", path)).status


@asynccontextmanager
async def spread(gateway: Gateway, count: int = 24) -> AsyncIterator[list[RawClient]]:
    """Clients whose connections the kernel spread over both workers, each with one response behind it."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(RawClient(gateway.port)) for _ in range(count)]
        for client in clients:
            assert (await client.request("GET", "/")).status == 200
        yield clients


async def test_both_workers_serve_and_the_gateway_is_one_to_everybody_who_looks(tmp_path):
    async with RecorderUpstream() as upstream, gateway(tmp_path, ONE_ROUTE % upstream.url) as child:
        assert sorted(child.workers) == [1, 2]
        async with RawClient(child.admin_port) as admin:
            ready = (await admin.request("GET", "/readyz")).json()
            assert ready["checks"]["workers"] == "2 of 2 serve"
        async with spread(child), RawClient(child.port) as client:
            page = await client.request("GET", "/monitor")
            assert page.get("content-type") == "text/html; charset=utf-8"
            metrics = await client.request("GET", "/metrics")
            assert metrics.body.startswith(b"# HELP tidegate_")
            assert (await client.request("GET", "/through")).status == 200
        async with viewing(child.port) as watch:
            assert (await watch.next())["type"] == "delta"
        workers = list(child.workers.values())
        assert await child.stop() == 0
        assert not any(map(is_alive, workers))


async def test_a_killed_worker_costs_its_own_connections_only_and_is_back_soon(tmp_path):
    async with RecorderUpstream() as upstream, gateway(tmp_path, ONE_ROUTE % upstream.url) as child:
        async with spread(child) as clients:
            before = child.workers
            os.kill(before[1], signal.SIGKILL)
            # connections that come while it is away wait for its successor, none is rejected
            assert await asyncio.gather(*(status_of(child.port) for _ in range(24))) == [200] * 24
            await child.wait_line("worker 1 was ended by signal 9")
            await child.wait_line("worker 1 serves again")
            after = child.workers
            assert after[2] == before[2]
            assert after[1] != before[1]
            lost = 0
            for client in clients:
                try:
                    assert (await client.request("GET", "/")).status == 200
                except (AssertionError, OSError):
                    lost += 1
            assert 0 < lost < 24
        async with RawClient(child.admin_port) as admin:
            assert (await admin.request("GET", "/readyz")).status == 200
            config = (await admin.request("GET", "/v1/config")).json()
            assert [(each["state"], each["restarts"]) for each in config["workers"]] == [
                ("ready", 1),
                ("ready", 0),
            ]
            assert [each["pid"] for each in config["workers"]] == [after[1], after[2]]
            metrics = (await admin.request("GET", "/metrics")).body
            assert b'tidegate_workers{state="ready"} 2.0' in metrics
            assert b"tidegate_worker_restarts_total 1.0" in metrics
            (resident,) = re.findall(rb"^process_resident_memory_bytes (.*)$", metrics, re.MULTILINE)
            assert float(resident) > 1024 * resident_kib(child.pid) * 1.5
        async with viewing(child.admin_port) as watch:
            await watch.until(lambda: "worker_started" in watch.kinds, "the events")
            assert "worker_ended" in watch.kinds


async def test_a_killed_parent_ends_all_workers_once_their_requests_are_complete(tmp_path):
    go_on = asyncio.Event()
    async with RecorderUpstream() as upstream, gateway(tmp_path, ONE_ROUTE % upstream.url) as child:
        upstream.pieces(go_on, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        workers = child.workers.values()
        async with RawClient(child.port) as client:
            await client.send(GET)
            await upstream.wait_for(1)
            child.signal(signal.SIGKILL)
            await child.wait_line("the parent process is gone")
            go_on.set()
            assert (await client.read_response()).body == b"ok"
        await until(lambda: not any(map(is_alive, workers)), "the workers' end", SECONDS)
        assert await refused(child.port)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def until_refused(port: int) -> None:
    async with asyncio.timeout(SECONDS):
        while not await refused(port):  # noqa: ASYNC110 - no event says that a listener closed
            await asyncio.sleep(0.02)


async def refused(port: int) -> bool:
    try:
        async with RawClient(port):
            return False
    except OSError:
        return True


async def test_a_drain_lets_the_requests_of_all_workers_end_and_accepts_no_more(tmp_path):
    go_on = asyncio.Event()
    async with RecorderUpstream() as upstream, gateway(tmp_path, ONE_ROUTE % upstream.url) as child:
        for _ in range(8):
            upstream.pieces(go_on, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(RawClient(child.port)) for _ in range(8)]
            for client in clients:
                await client.send(GET)
            await upstream.wait_for(8)
            child.signal(signal.SIGTERM)
            await until_refused(child.port)
            go_on.set()
            for client in clients:
                answer = await client.read_response()
                assert (answer.status, answer.body, answer.get("connection").lower()) == (200, b"ok", "close")
        assert await child.wait(SECONDS) == 0


async def test_a_reload_reaches_all_workers_before_it_is_shown_and_loses_nothing(tmp_path):
    async with (
        RecorderUpstream() as upstream,
        gateway(tmp_path, ONE_ROUTE % upstream.url) as child,
        RawClient(child.admin_port) as admin,
        spread(child) as clients,
    ):
        stop = asyncio.Event()

        async def asking(client: RawClient) -> set[int]:
            seen = set()
            while not stop.is_set():
                seen.add((await client.request("GET", "/")).status)
            return seen

        load = [asyncio.ensure_future(asking(client)) for client in clients[:6]]
        for sequence in (2, 3, 4):
            config = (ONE_ROUTE % upstream.url).replace("routes: [", f"routes: [{OWN % sequence}, ")
            (tmp_path / "gateway.yaml").write_text(config)
            await shown(admin, f"sequence {sequence}")
            for client in clients[6:]:  # of both workers
                assert (await client.request("GET", f"/own-{sequence}")).status == 307
        stop.set()
        assert await asyncio.gather(*load) == [{200}] * 6


async def test_connections_that_wait_for_a_worker_are_served_before_the_port_closes(tmp_path):
    async with RecorderUpstream() as upstream, gateway(tmp_path, ONE_ROUTE % upstream.url) as child:
        for pid in child.workers.values():
            os.kill(pid, signal.SIGSTOP)
        with unaccepted(child.port, 40, GET) as waiting:
            child.signal(signal.SIGTERM)
            await until_draining(child.admin_port)
            for pid in child.workers.values():
                os.kill(pid, signal.SIGCONT)
            answers = await asyncio.gather(*(asyncio.to_thread(each.recv, 65_536) for each in waiting))
        assert [answer.split(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 200 OK"] * 40
        assert await child.wait() == 0


async def until_draining(admin_port: int) -> None:
    async with asyncio.timeout(SECONDS), RawClient(admin_port) as admin:
        while (await admin.request("GET", "/readyz")).status != 503:  # noqa: ASYNC110 - no event says it
            await asyncio.sleep(0.02)


async def shown(admin: RawClient, configuration: str) -> None:
    """`/readyz` says that this configuration is in force."""
    async with asyncio.timeout(SECONDS):
        while True:
            ready = (await admin.request("GET", "/readyz")).json()
            if ready["checks"]["configuration"] == configuration:
                return
            assert ready["rejected"] is None
            await asyncio.sleep(0.02)


async def test_a_port_in_use_is_a_fault_of_the_start(tmp_path):
    async with RecorderUpstream() as upstream, gateway(tmp_path, ONE_ROUTE % upstream.url) as child:
        for workers in ("1", "2"):
            env = {"HOST": "127.0.0.1", "PORT": str(child.port), "ADMIN_PORT": "0", "AUTH": "none"}
            async with Child.app("gateway", env={**env, "WORKERS": workers}) as second:
                assert await second.wait(SECONDS) == 1
                assert f"PORT: 127.0.0.1:{child.port} cannot be opened" in second.output


async def test_a_worker_that_cannot_start_is_a_fault_of_the_start_which_leaves_nothing_open(monkeypatch):
    monkeypatch.setattr("app.gateway.workers.launch.MODULE", "app.no_such_module")
    with pytest.raises(StartFault, match=r"worker [12] cannot start: it ended before it served"):
        async with running_gateway(WORKERS="2"):
            raise AssertionError("it started")
    assert f"@tidegate-{os.getpid()}-" not in unix_sockets()


@pytest.mark.parametrize("word", ["0", "-1", "two", "1.5", "1000"])
async def test_a_bad_number_of_workers_says_what_would_be_right(word):
    async with Child.app("gateway", env={"WORKERS": word}) as child:
        assert await child.wait(SECONDS) == 2
        assert "WORKERS" in child.output
        assert "or auto" in child.output


async def test_the_log_of_all_workers_is_one_stream_of_whole_lines(tmp_path):
    async with RecorderUpstream() as upstream:
        config = ONE_ROUTE % upstream.url
        async with gateway(tmp_path, config, ACCESS_LOG="stdout") as child:
            async with spread(child) as clients:
                for client in clients:
                    for _ in range(20):
                        await client.request("GET", "/")
            assert await child.stop() == 0
        lines = [json.loads(line) for line in child.lines]
        assert sum("request_id" in line for line in lines) == 24 * 21


async def test_a_worker_that_ends_at_once_again_and_again_is_started_after_pauses(tmp_path):
    async with RecorderUpstream() as upstream, gateway(tmp_path, ONE_ROUTE % upstream.url) as child:
        first = child.workers[1]
        os.kill(first, signal.SIGKILL)
        await until(lambda: child.workers.get(1, first) != first, "the successor", SECONDS)
        os.kill(child.workers[1], signal.SIGKILL)
        await child.wait_line(r"its successor starts in 0\.5 s: 2 ended at once in a row", SECONDS)
        await child.wait_line("worker 1 serves again", SECONDS)
        assert await child.stop() == 0


async def test_tls_and_http2_end_in_the_workers_and_their_pages_in_the_parent(tmp_path):
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost")
    leaf.private_key_pem.write_to_path(tmp_path / "tls.key")
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "tls.crt")
    files = {"TLS_CERT_FILE": str(tmp_path / "tls.crt"), "TLS_KEY_FILE": str(tmp_path / "tls.key")}
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    trusting.set_alpn_protocols(["h2"])
    async with (
        RecorderUpstream() as upstream,
        gateway(tmp_path, ONE_ROUTE % upstream.url, **files) as child,
        Http2Client(child.port, tls=trusting, server_name="localhost") as client,
    ):
        assert (await client.request("GET", "/through")).status == 200
        metrics = await client.request("GET", "/metrics")
        assert metrics.body.startswith(b"# HELP tidegate_")
        assert (await client.request("GET", "/again")).status == 200


async def test_healthy_traffic_says_nothing_over_the_links_but_its_counts(tmp_path):
    async with RecorderUpstream() as upstream, AsyncExitStack() as stack:
        text = config_text(
            upstream.url,
            circuitBreaker={"consecutiveFailures": 3},
            rateLimit={"rules": [{"name": "all", "key": "Global", "requests": 1_000_000, "period": "1s"}]},
        )
        whole = await stack.enter_async_context(running_gateway(config=text, folder=tmp_path, WORKERS="2"))
        assert whole.parent is not None
        links = [worker.link for worker in whole.parent.workers.each]
        clients = [await stack.enter_async_context(RawClient(whole.port)) for _ in range(8)]

        def said() -> int:
            return sum(link.sent + link.received for link in links)

        before, began_s = said(), now_s()
        for _ in range(250):
            await asyncio.gather(*(client.request("GET", "/") for client in clients))
        of_time = len(links) * EACH_SECOND * (now_s() - began_s + 1)  # however many requests there are
        assert said() - before <= 0.02 * 2_000 + of_time


@pytest.mark.slow
@pytest.mark.skipif("COVERAGE_PROCESS_CONFIG" in os.environ, reason="measured code takes more memory")
async def test_the_parent_and_its_workers_are_small(tmp_path):
    async with (
        RecorderUpstream() as upstream,
        gateway(tmp_path, ONE_ROUTE % upstream.url, WORKERS="4") as child,
    ):
        pids = [child.pid, *child.workers.values()]
        assert len(pids) == 5
        assert sum(map(resident_kib, pids)) <= (60 + 4 * 35) * 1024


def unix_sockets() -> str:
    return Path("/proc/net/unix").read_text()


def resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(f"no memory of process {pid}")

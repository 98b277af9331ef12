"""Every way in which Redis can be away, on real Valkeys: what clients see, and that nothing is lost."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import redis as redis_py

from app.foundation.clock import now_s
from cache.api import create_app
from cache.redis_store import RedisStore
from cache.settings import Settings
from cache.tiered import TieredStore
from tests.fakes.patience import patient_with_redis
from tests.fakes.process import free_port
from tests.fakes.tls_front import TlsFront
from tests.fakes.valkey import Valkey, eventually
from tests.fakes.valkey_cluster import ValkeyCluster
from tests.fakes.valkey_sentinel import SentinelPair

MAX_BYTES = 10**6


@dataclass
class Outage:
    """`url` for the service; `begin` takes Redis away, `end` brings it back; `why`: what /readyz says."""

    url: str
    begin: Callable[[], object]
    end: Callable[[], object]
    why: str


def admin(server: Valkey) -> "redis_py.Redis":
    return redis_py.Redis.from_url(server.url, socket_timeout=5.0)


def ask(server: Valkey, *command: str) -> None:
    with admin(server) as client:
        client.execute_command(*command)


def kill_connections(server: Valkey) -> None:
    ask(server, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def change_password(server: Valkey) -> None:
    ask(server, "CONFIG", "SET", "requirepass", "another")
    with redis_py.Redis(port=server.port, password="another") as client:
        client.client_kill_filter(_type="normal", skipme=True)


def restore_password(server: Valkey) -> None:
    with redis_py.Redis(port=server.port, password="another") as client:
        client.config_set("requirepass", "")


def restart_slowly(server: Valkey) -> None:
    """It answers LOADING for a second or two."""
    with admin(server) as client:
        client.execute_command("DEBUG", "POPULATE", "30000", "other", "100")
        client.bgrewriteaof()
        deadline_s = time.monotonic() + 8
        while client.info("persistence")["aof_rewrite_in_progress"]:
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
    server.kill()
    server._options += ["--key-load-delay", "60", "--loading-process-events-interval-bytes", "1024"]
    server.start()


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no outage: only where Redis stands still it gets the 0.1 s that it has."""
    if "frozen" not in request.node.name:
        patient_with_redis(monkeypatch, 2.0)


@pytest.fixture(params=["killed", "frozen", "loading", "read-only", "out of memory", "wrong password"])
def outage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outage]:
    with Valkey(tmp_path, append_only=True, options=("--enable-debug-command", "yes")) as server:
        yield {
            "killed": Outage(server.url, server.kill, server.start, "not reachable"),
            "frozen": Outage(server.url, server.freeze, server.thaw, "no response in time"),
            "loading": Outage(
                server.url, lambda: restart_slowly(server), lambda: None, "it is loading its data"
            ),
            "read-only": Outage(
                server.url,
                lambda: ask(server, "REPLICAOF", "127.0.0.1", str(free_port())),
                lambda: ask(server, "REPLICAOF", "NO", "ONE"),
                "it is a read-only replica",
            ),
            "out of memory": Outage(
                server.url,
                lambda: ask(server, "CONFIG", "SET", "maxmemory", "1"),
                lambda: ask(server, "CONFIG", "SET", "maxmemory", "0"),
                "it is out of memory",
            ),
            "wrong password": Outage(
                server.url,
                lambda: change_password(server),
                lambda: restore_password(server),
                "it rejects our password",
            ),
        }[request.param]


@asynccontextmanager
async def replica(url: str, **settings: bool) -> AsyncIterator[httpx.AsyncClient]:
    store = TieredStore(RedisStore(url, now_s), MAX_BYTES, now_s, **settings)
    await store.start()
    app = create_app(store, Settings(max_bytes=MAX_BYTES, redis_url=url), now_s)
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://cache") as http:
            yield http
    finally:
        await store.stop()


async def is_up(http: httpx.AsyncClient) -> bool:
    return bool((await http.get("/readyz")).json() == {"status": "ok", "redis": "up"})


async def durability(http: httpx.AsyncClient, key: str, value: str) -> str:
    answer = await http.put(f"/cache/{key}?ttl=60", content=value)
    assert answer.status_code in (201, 204)
    return answer.headers["cache-durability"]


async def value(http: httpx.AsyncClient, key: str) -> str | None:
    answer = await http.get(f"/cache/{key}")
    return answer.text if answer.status_code == 200 else None


async def gone(http: httpx.AsyncClient) -> bool:
    return not await is_up(http)


async def test_clients_see_what_is_promised_and_nothing_is_lost(outage: Outage):
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(replica(outage.url))
        assert await durability(http, "a", "1") == "redis"
        assert await durability(http, "old", "1") == "redis"
        outage.begin()
        assert await value(http, "a") == "1"
        assert await durability(http, "a", "2") == "memory"
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "degraded", "redis": outage.why})
        metrics = (await http.get("/metrics")).text
        assert "tidegate_cache_store_up 0.0" in metrics
        assert "tidegate_cache_backlog_bytes 0.0" not in metrics
        assert await durability(http, "a", "3") == "memory"
        assert (await http.delete("/cache/old")).headers["cache-durability"] == "memory"
        assert await value(http, "a") == "3"
        assert await value(http, "old") is None
        outage.end()
        await eventually(lambda: is_up(http), 12)
        metrics = (await http.get("/metrics")).text
        assert "tidegate_cache_store_up 1.0" in metrics
        assert "tidegate_cache_backlog_bytes 0.0" in metrics
        other = await stack.enter_async_context(replica(outage.url))
        assert (await value(other, "a"), await value(other, "old")) == ("3", None)
        assert await durability(http, "a", "4") == "redis"


async def test_where_redis_is_required_writes_are_refused_and_reads_go_on(outage: Outage):
    async with replica(outage.url, require_redis=True) as http:
        assert await durability(http, "a", "1") == "redis"
        outage.begin()
        await eventually(lambda: gone(http))
        for refused in (
            await http.put("/cache/a", content="2"),
            await http.delete("/cache/a"),
            await http.post("/cache:purge", json={"all": True}),
        ):
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert refused.json()["status"] == 503
        assert await value(http, "a") == "1"
        outage.end()
        await eventually(lambda: is_up(http), 12)
        assert await value(http, "a") == "1"
        assert await durability(http, "a", "2") == "redis"


@pytest.fixture
def front(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TlsFront | None]:
    """With TLS in front of the servers where the case says so."""
    with TlsFront(tmp_path / "front") if "tls" in request.node.name else nullcontext() as running:
        yield running


@pytest.mark.parametrize("how", ["killed", "frozen", "switched", "killed-tls", "switched-tls"])
async def test_sentinel_fails_over_and_writes_made_meanwhile_reach_the_new_primary(
    tmp_path: Path, how: str, front: TlsFront | None
):
    how = how.removesuffix("-tls")
    with SentinelPair(tmp_path, append_only=True, front=front) as pair:
        async with replica(pair.url) as http:
            assert await durability(http, "a", "1") == "redis"
            with admin(pair.primary) as client:
                assert (
                    client.wait(1, 2000) == 1
                )  # the replica has it: what it has not is lost with the primary
            if how == "switched":
                pair.switch()
            else:
                pair.primary.kill() if how == "killed" else pair.primary.freeze()
                assert await value(http, "a") == "1"
                assert await durability(http, "a", "2") == "memory"
                pair.wait_failover()
            await eventually(lambda: is_up(http), 12)
            assert await durability(http, "b", "1") == "redis"
            async with replica(pair.replica.url) as other:
                assert await value(other, "a") == ("1" if how == "switched" else "2")
                assert await value(other, "b") == "1"


@pytest.mark.parametrize("how", ["killed", "frozen", "killed-tls"])
async def test_a_cluster_that_lost_a_primary_is_away_until_its_replica_takes_over(
    tmp_path: Path, how: str, front: TlsFront | None
):
    how = how.removesuffix("-tls")
    with ValkeyCluster(tmp_path, replicas=1, append_only=True, front=front) as cluster:
        async with replica(cluster.url) as http:
            keys = [f"k{number}" for number in range(40)]  # some on every node
            assert {await durability(http, key, "1") for key in keys} == {"redis"}
            for node in cluster.primaries:
                with admin(node) as client:
                    client.wait(1, 2000)
            node = cluster.primaries[1]
            node.kill() if how == "killed" else node.freeze()
            await eventually(lambda: gone(http))
            assert [await value(http, key) for key in keys] == ["1"] * 40
            assert {await durability(http, key, "2") for key in keys} == {"memory"}
            await eventually(lambda: is_up(http), 12)
            assert await durability(http, "k0", "3") == "redis"
            async with replica(cluster.url) as other:
                assert [await value(other, key) for key in keys] == ["3"] + ["2"] * 39


async def test_a_full_backlog_says_so_counts_and_never_brings_the_older_value_back(tmp_path: Path):
    with Valkey(tmp_path, append_only=True) as server:
        async with replica(server.url) as http:
            assert await durability(http, "a", "old") == "redis"
            server.kill()
            await eventually(lambda: gone(http))
            full = "x" * (MAX_BYTES // 20)
            seen = [await durability(http, f"fill{number}", full) for number in range(4)]
            assert seen[0] == "memory"
            assert seen[-1] == "memory;backlog=full"
            assert await durability(http, "a", full) == "memory;backlog=full"
            stats = (await http.get("/stats")).json()
            assert stats["backlog_drops"] == seen.count("memory;backlog=full") + 1
            assert 0 < stats["backlog_bytes"] <= MAX_BYTES // 8
            server.start()
            await eventually(lambda: is_up(http), 12)
            async with replica(server.url) as other:
                assert await value(other, "a") is None
                assert await value(other, "fill0") == full

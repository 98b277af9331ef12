"""What limits shared through Redis promise, on real servers: alone, behind Sentinel, as a Cluster; also over TLS."""

import asyncio
import contextlib
import re
import shutil
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass

import pytest
import redis as redis_py

from app.foundation.clock import now_s
from app.foundation.errors import StoreDown
from app.foundation.redis.slots import slot_of
from app.foundation.redis.url import parse_redis_url
from app.limits.lease_client import LeaseClient
from app.limits.lease_store import LeaseCall
from app.limits.limiter import Admitted, Limited, Unanswered, Verdict, Waiting
from app.limits.redis import GATEWAYS, RedisLeaseStore
from app.limits.rule import Rule, compile_rules
from app.policy.model import LimitKey, LimitRule, OnStoreFailure, RateLimit
from tests.fakes.patience import NEVER_DOWN_MS, patient_with_redis
from tests.fakes.tls_front import TlsFront
from tests.fakes.valkey import Valkey, eventually
from tests.fakes.valkey_cluster import ValkeyCluster
from tests.fakes.valkey_sentinel import SentinelPair
from tests.fakes.waiting import until

CLOSED, LOCAL = OnStoreFailure.CLOSED, OnStoreFailure.LOCAL


@pytest.fixture(scope="module")
def valkey(tmp_path_factory):
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with ValkeyCluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def sentinel(tmp_path_factory):
    with SentinelPair(tmp_path_factory.mktemp("pair"), down_after_ms=NEVER_DOWN_MS) as pair:
        yield pair


@dataclass
class Servers:
    """What only its address is asked of."""

    url: str


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    with TlsFront(tmp_path_factory.mktemp("front")) as running:
        yield running


@pytest.fixture(scope="module")
def tls_valkey(front, valkey):
    return Servers(front.secured(f"redis://127.0.0.1:{front.open(valkey.port)}/0"))


@pytest.fixture(scope="module")
def tls_cluster(front, tmp_path_factory):
    with ValkeyCluster(tmp_path_factory.mktemp("cluster"), front=front) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def tls_sentinel(front, tmp_path_factory):
    with SentinelPair(tmp_path_factory.mktemp("pair"), down_after_ms=NEVER_DOWN_MS, front=front) as pair:
        yield pair


@pytest.fixture(scope="module")
def socket_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("socket")
    with Valkey(folder, options=("--unixsocket", str(folder / "v.sock"))):
        yield Servers(f"unix://{folder / 'v.sock'}?db=1")


@pytest.fixture(autouse=True)
def patience(request, monkeypatch):
    """A busy machine is no outage: only tests of the time limits themselves keep them."""
    if not any(word in request.node.name for word in ("frozen", "hangs", "told_soon")):
        monkeypatch.setattr("app.limits.redis.LEASE_S", 2.0)
        monkeypatch.setattr("app.limits.shared.WAIT_S", 2.0)
        patient_with_redis(monkeypatch, 2.0)


SERVERS = ["valkey", "socket_file", "cluster", "sentinel", "tls_valkey", "tls_cluster", "tls_sentinel"]


@pytest.fixture(params=SERVERS)
def url(request):
    return request.getfixturevalue(request.param).url


def store_at(url: str, name: bytes = b"g1") -> RedisLeaseStore:
    return RedisLeaseStore(parse_redis_url(url), name)


def call(name: str, need: int = 1, burst: int = 10, back: int = 0, generation: int = 0) -> LeaseCall:
    return LeaseCall(
        b"tidegate:limit:{p/r/%b}" % name.encode(),
        (burst, 3_600_000, burst, 0, need, need, 1, back, generation, 0),
    )


async def granted(store: RedisLeaseStore, name: str) -> int:
    (grant,) = await store.lease([call(name)])
    assert grant is not None
    return grant.granted


def rule(requests: int, failure: OnStoreFailure, name: str = "r") -> Rule:
    written = LimitRule(name, LimitKey.CLIENT, requests, 3600.0, requests)
    return compile_rules("p", RateLimit((written,), failure))[0]


class Gateway:
    """A limiter with its carrier, as a gateway process has them."""

    def __init__(self, url: str, name: bytes = b"g1") -> None:
        self.heard: list[bool] = []
        self.client = LeaseClient(
            store_at(url, name), asyncio.get_running_loop(), lambda up, _: self.heard.append(up)
        )
        self.limiter = self.client.limiter

    async def ask(self, one: Rule, key: bytes = b"acme") -> Verdict:
        told: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        outcome = self.limiter.admit([one], [key], now_s())
        if not isinstance(outcome, Waiting):
            return outcome
        outcome.on_verdict = lambda verdict, _: told.set_result(verdict)
        return await told

    async def admitted(self, one: Rule, requests: int, key: bytes = b"acme") -> int:
        verdicts = [await self.ask(one, key) for _ in range(requests)]
        return len([verdict for verdict in verdicts if isinstance(verdict, Admitted)])


@asynccontextmanager
async def gateways(url: str, count: int = 1):
    all_of_them = [Gateway(url, b"g%d" % number) for number in range(count)]
    for _ in range(2):  # the second time all know of all
        for each in all_of_them:
            await each.client.heartbeat()
    beating = [asyncio.create_task(each.client.run()) for each in all_of_them]
    try:
        yield all_of_them
    finally:
        for each in all_of_them:
            await each.client.close()
        for task in beating:
            task.cancel()
        await asyncio.gather(*beating, return_exceptions=True)


async def test_calls_are_answered_in_their_order_wherever_their_keys_live(url):
    store = store_at(url)
    await store.heartbeat()
    calls = [call(f"order{number}", need=number % 4 + 1) for number in range(64)]
    grants = await store.lease(calls)
    assert [grant and grant.granted for grant in grants] == [number % 4 + 1 for number in range(64)]
    await store.close()


async def test_two_gateways_share_one_budget_exactly(url):
    name = f"exact-{url.partition(':')[0].replace('+', '-')}-{url.count('ssl')}"
    async with gateways(url, 2) as (one, other):
        limit = rule(10, CLOSED, name)
        counts = await asyncio.gather(one.admitted(limit, 12), other.admitted(limit, 12))
        assert sum(counts) == 10
        refused = await one.ask(limit)
        assert isinstance(refused, Limited)
        assert refused.retry_after_s in (359, 360)


async def test_gateways_are_counted_by_their_heartbeat_and_leave_at_their_end(url):
    one, other = store_at(url, b"one"), store_at(url, b"two")
    await one.heartbeat()
    before = await other.heartbeat()
    await one.close()
    assert await other.heartbeat() == before - 1
    await other.close()


async def test_the_scripts_come_back_after_they_were_flushed(valkey):
    store = store_at(valkey.url)
    with redis_py.Redis.from_url(valkey.url) as admin:
        await store.heartbeat()
        assert await granted(store, "flushed") == 1
        admin.script_flush()
        assert await granted(store, "flushed") == 1
        assert await store.heartbeat() >= 1
    await store.close()


async def test_every_key_expires(valkey):
    store = store_at(valkey.url)
    await store.heartbeat()
    await store.lease([call("expires")])
    with redis_py.Redis.from_url(valkey.url) as admin:
        keys = [key for key in admin.keys("tidegate:*") if isinstance(key, bytes)]
        assert GATEWAYS in keys
        assert all(admin.pttl(key) > 0 for key in keys)
    await store.close()


@pytest.mark.parametrize("servers", ["tls_valkey", "tls_cluster", "tls_sentinel"])
async def test_over_tls_only_servers_with_a_certificate_of_the_named_authority_are_trusted(
    servers, request, front
):
    url = request.getfixturevalue(servers).url
    before = front.tls_connections
    store = store_at(url)
    await store.heartbeat()
    assert await granted(store, f"tls-{servers}") == 1
    await store.close()
    assert front.tls_connections > before
    stranger = store_at(re.sub(r"[?&]ssl_ca_certs=.*", "", url))
    with pytest.raises(StoreDown, match="not reachable"):
        await stranger.heartbeat()
    await stranger.close()


async def test_a_wrong_password_is_told_as_such(tmp_path):
    with Valkey(tmp_path, password="right") as server:
        store = store_at(f"redis://:wrong@127.0.0.1:{server.port}/0")
        with pytest.raises(StoreDown, match="password"):
            await store.heartbeat()
        with pytest.raises(StoreDown, match="password"):
            await store.lease([call("a")])
        await store.close()


async def test_a_server_that_takes_no_writes_is_away(valkey, tmp_path):
    with Valkey(tmp_path, options=("--replicaof", f"127.0.0.1 {valkey.port}")) as replica:
        store = store_at(replica.url)
        with pytest.raises(StoreDown, match="read-only"):
            await store.heartbeat()
        await store.close()


async def test_a_server_that_is_no_cluster_is_told_in_its_own_words(valkey):
    store = store_at(f"redis+cluster://127.0.0.1:{valkey.port}")
    with pytest.raises(StoreDown, match="cluster support disabled"):
        await store.heartbeat()
    with pytest.raises(StoreDown, match="not reachable"):
        await store.lease([call("a")])
    await store.close()


async def test_a_server_that_cannot_save_its_data_is_told_as_such(tmp_path):
    # a folder that is gone is a disk that is full
    with Valkey(
        tmp_path / "valkey", options=("--stop-writes-on-bgsave-error", "yes", "--save", "1 1")
    ) as server:
        store = store_at(server.url)
        with redis_py.Redis.from_url(server.url) as admin:
            admin.set("a", 1)
            shutil.rmtree(tmp_path / "valkey")
            with contextlib.suppress(redis_py.ResponseError):
                admin.bgsave()
            await eventually(lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "err")
        with pytest.raises(StoreDown, match="write its data"):
            await store.heartbeat()
        await store.close()


async def test_a_part_of_a_cluster_that_is_served_by_nobody_is_away_alone(tmp_path):
    with ValkeyCluster(tmp_path) as nodes:
        for node in nodes.nodes:
            with nodes.admin(node) as admin:
                admin.config_set("cluster-require-full-coverage", "no")
        store = store_at(nodes.url)
        home = nodes.node_of(GATEWAYS.decode())
        lost, kept = [
            next(name for name in map(str, range(100)) if wanted(nodes.node_of(call(name).name.decode())))
            for wanted in (lambda node: node is not home, lambda node: node is home)
        ]
        victim = nodes.node_of(call(lost).name.decode())
        await store.heartbeat()
        victim.kill()
        first, second = await store.lease([call(lost), call(kept)])
        assert first is None
        assert second is not None
        await store.heartbeat()  # the others still know it as theirs, or know that nobody serves it
        assert (await store.lease([call(lost), call(kept)]))[0] is None
        await store.close()


@pytest.mark.parametrize("scheme", ["redis", "redis+sentinel", "redis+cluster"])
async def test_nobody_there_is_reported(scheme):
    query = "?master=main" if scheme == "redis+sentinel" else ""
    store = store_at(f"{scheme}://127.0.0.1:9{query}")
    with pytest.raises(StoreDown, match=r"reachable|master"):
        await store.heartbeat()
    with pytest.raises(StoreDown):
        await store.lease([call("a")])
    await store.close()


async def test_a_restarted_server_with_its_file_keeps_the_budget(tmp_path):
    with Valkey(tmp_path, append_only=True) as server:
        async with gateways(server.url) as (gateway,):
            limit = rule(8, CLOSED)
            assert await gateway.admitted(limit, 5) == 5
            server.stop()
            assert isinstance(await gateway.ask(limit), Unanswered)
            await until(lambda: gateway.heard == [True, False], "the loss to be told")
            server.start()
            await until(lambda: gateway.limiter.up, "the store to be used again")
            assert await gateway.admitted(limit, 9) == 3
            assert gateway.heard == [True, False, True]


async def test_a_frozen_server_gives_no_second_budget(tmp_path):
    with Valkey(tmp_path) as server:
        async with gateways(server.url) as (gateway,):
            limit = rule(10, LOCAL)
            assert await gateway.admitted(limit, 4) == 4
            server.freeze()
            try:
                # a gateway alone stands in for the whole store, from what it knows of it
                assert await gateway.admitted(limit, 12) == 6
            finally:
                server.thaw()
            await until(lambda: gateway.limiter.up, "the store to be used again")
            assert await gateway.admitted(limit, 5) == 0


@pytest.fixture(params=["plain", "tls"])
def own_front(request, tmp_path):
    """For servers that the test kills; None: without TLS."""
    with TlsFront(tmp_path / "front") if request.param == "tls" else nullcontext() as running:
        yield running


async def test_a_failover_by_sentinel_goes_on_with_the_new_primary(tmp_path, own_front):
    with SentinelPair(tmp_path, front=own_front) as pair:
        async with gateways(pair.url) as (gateway,):
            limit = rule(8, CLOSED)
            assert await gateway.admitted(limit, 5) == 5
            with redis_py.Redis(port=pair.primary.port) as admin:
                admin.wait(1, 1000)  # what the replica has not got is lost with the primary
            pair.primary.kill()
            assert isinstance(await gateway.ask(limit), Unanswered)
            pair.wait_failover()
            await until(lambda: gateway.limiter.up, "the new primary to be used")
            assert await gateway.admitted(limit, 9) == 3


async def test_a_master_that_no_sentinel_knows_is_told(sentinel):
    store = store_at(sentinel.url.replace("master=main", "master=other"))
    with pytest.raises(StoreDown, match="no sentinel knows the master"):
        await store.heartbeat()
    await store.close()


async def test_a_switch_of_roles_by_sentinel_is_noticed(tmp_path, own_front):
    with SentinelPair(tmp_path, front=own_front) as pair:
        async with gateways(pair.url) as (gateway,):
            limit = rule(1000, CLOSED)
            assert await gateway.admitted(limit, 5) == 5
            pair.switch()

            async def serves() -> bool:
                return isinstance(await gateway.ask(limit), Admitted)

            await eventually(serves, 5.0)
            with redis_py.Redis(port=pair.replica.port) as admin:
                assert admin.exists("tidegate:limit:{p/r/acme}")


async def test_a_cluster_goes_on_after_one_of_its_primaries_died(tmp_path, own_front):
    with ValkeyCluster(tmp_path, replicas=1, front=own_front) as nodes:
        async with gateways(nodes.url) as (gateway,):
            limit = rule(1000, CLOSED)
            keys = [b"c%d" % number for number in range(12)]
            for key in keys:
                assert isinstance(await gateway.ask(limit, key), Admitted)
            nodes.node_of("tidegate:limit:{p/r/c0}").kill()
            assert isinstance(await gateway.ask(limit, b"c0"), Unanswered)

            async def all_pass() -> bool:
                verdicts = [await gateway.ask(limit, key) for key in keys]
                return all(isinstance(verdict, Admitted) for verdict in verdicts)

            await eventually(all_pass, 10.0)


async def test_a_cluster_node_that_hangs_does_not_hold_up_the_other_ones_for_ever(cluster):
    async with gateways(cluster.url) as (gateway,):
        limit = rule(1000, CLOSED, "hanging")
        keys = [b"c%d" % number for number in range(12)]
        for key in keys:
            assert isinstance(await gateway.ask(limit, key), Admitted)
        victim = cluster.node_of("tidegate:limit:{p/hanging/c0}")
        victim.freeze()
        try:
            verdicts = await asyncio.gather(*(gateway.ask(limit, key) for key in keys))
        finally:
            victim.thaw()
        assert isinstance(verdicts[0], Unanswered)


def test_keys_are_found_where_the_cluster_puts_them(cluster):
    for number in range(30):
        name = f"tidegate:limit:{{p/r/c{number}}}"
        with cluster.admin(cluster.nodes[0]) as admin:
            assert admin.execute_command("CLUSTER", "KEYSLOT", name) == slot_of(name.encode())
    with cluster.admin(cluster.nodes[0]) as admin:
        for odd in ("plain", "{}empty", "open{", "{a}{b}"):
            assert admin.execute_command("CLUSTER", "KEYSLOT", odd) == slot_of(odd.encode())

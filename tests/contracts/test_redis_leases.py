"""What limits shared through Redis promise, on real servers: alone, behind Sentinel, as a Cluster; also over TLS."""

import asyncio
import re
from dataclasses import dataclass

import pytest
import redis as redis_py

from app.foundation.errors import StoreDown
from app.foundation.redis.slots import slot_of
from app.limits.limiter import Admitted, Limited, Unanswered
from app.limits.redis import GATEWAYS
from app.policy.model import OnStoreFailure
from tests.fakes.lease_gateway import call, gateways, granted, rule, store_at
from tests.fakes.patience import NEVER_DOWN_MS, patient_with_leases
from tests.fakes.tls_front import TlsFront
from tests.fakes.valkey import Valkey
from tests.fakes.valkey_cluster import ValkeyCluster
from tests.fakes.valkey_sentinel import SentinelPair

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
    """A busy machine is no outage: only the test of the time limits themselves keeps them."""
    if "hangs" not in request.node.name:
        patient_with_leases(monkeypatch)


SERVERS = ["valkey", "socket_file", "cluster", "sentinel", "tls_valkey", "tls_cluster", "tls_sentinel"]


@pytest.fixture(params=SERVERS)
def url(request):
    return request.getfixturevalue(request.param).url


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


async def test_a_master_that_no_sentinel_knows_is_told(sentinel):
    store = store_at(sentinel.url.replace("master=main", "master=other"))
    with pytest.raises(StoreDown, match="no sentinel knows the master"):
        await store.heartbeat()
    await store.close()


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

"""Where the keys are, on real servers; failovers: contracts/test_redis_leases.py and scenarios/test_cache_outage.py."""

import asyncio

import pytest
from redis import exceptions as error_types

from app.foundation.redis.causes import MasterUnknown
from app.foundation.redis.slots import slot_of
from app.foundation.redis.topology import nodes_at
from app.foundation.redis.url import parse_redis_url
from tests.fakes.patience import patient_with_redis
from tests.fakes.valkey import Valkey
from tests.fakes.valkey_cluster import ValkeyCluster
from tests.fakes.valkey_sentinel import SentinelPair


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    patient_with_redis(monkeypatch, 2.0)


async def port_of(nodes, key=b"a"):
    return nodes.of(key).connection_pool.connection_kwargs["port"]


async def test_one_server_holds_every_key(tmp_path):
    with Valkey(tmp_path) as valkey:
        nodes = nodes_at(parse_redis_url(valkey.url))
        await nodes.find()
        assert nodes.of(b"a") is nodes.of(b"b")
        nodes.doubt()
        assert await nodes.of(b"a").ping()
        await nodes.close()


async def test_a_sentinel_that_does_not_respond_is_passed_over(tmp_path):
    with SentinelPair(tmp_path) as pair:
        url = pair.url.replace("127.0.0.1:", f"127.0.0.1:{Valkey(tmp_path / 'dead').port},127.0.0.1:", 1)
        nodes = nodes_at(parse_redis_url(url))
        assert nodes.of(b"a") is None
        await asyncio.gather(nodes.find(), nodes.find())
        assert await port_of(nodes) == pair.primary.port
        await nodes.close()


async def test_a_doubt_without_reason_keeps_the_connections_to_the_primary(tmp_path):
    with SentinelPair(tmp_path) as pair:
        nodes = nodes_at(parse_redis_url(pair.url))
        await nodes.find()
        client = nodes.of(b"a")
        nodes.doubt()
        await nodes.find()
        assert nodes.of(b"a") is client
        await nodes.close()


async def test_a_master_that_no_sentinel_knows_is_unknown(tmp_path):
    with SentinelPair(tmp_path) as pair:
        nodes = nodes_at(parse_redis_url(pair.url.replace("master=main", "master=other")))
        with pytest.raises(MasterUnknown):
            await nodes.find()
        await nodes.close()


async def test_a_cluster_is_found_through_any_node_that_responds(tmp_path):
    with ValkeyCluster(tmp_path) as cluster:
        dead = Valkey(tmp_path / "dead").port
        nodes = nodes_at(
            parse_redis_url(f"redis+cluster://127.0.0.1:{dead},127.0.0.1:{cluster.nodes[2].port}")
        )
        assert nodes.of(b"a") is None
        await asyncio.gather(nodes.find(), nodes.find())
        for key in ("a", "b", "c", "d"):
            assert await port_of(nodes, key.encode()) == cluster.node_of(key).port
        await nodes.close()
        assert nodes.of(b"a") is None


async def test_a_table_with_a_gap_serves_what_it_has(tmp_path):
    with ValkeyCluster(tmp_path) as cluster:
        slot = 0
        for node in cluster.nodes:
            with cluster.admin(node) as admin:
                admin.execute_command("CLUSTER", "DELSLOTS", slot)
        nodes = nodes_at(parse_redis_url(cluster.url))
        await nodes.find()
        gap = next(b"%d" % n for n in range(10**6) if slot_of(b"%d" % n) == slot)
        assert nodes.of(gap) is None
        assert nodes.of(b"a") is not None
        await nodes.close()


async def test_nobody_who_knows_is_an_error(tmp_path):
    with Valkey(tmp_path, options=("--cluster-enabled", "yes")) as lonely:
        nodes = nodes_at(parse_redis_url(lonely.url.replace("redis:", "redis+cluster:")))
        with pytest.raises(error_types.ClusterDownError):
            await nodes.find()
        await nodes.close()

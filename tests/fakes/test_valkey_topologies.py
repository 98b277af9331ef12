"""The fakes keep what they say: a failover that happens, and a cluster that serves all slots."""

import pytest
import redis as redis_py

from tests.fakes.valkey_cluster import ValkeyCluster
from tests.fakes.valkey_sentinel import SentinelPair


def test_sentinel_makes_the_replica_primary_when_the_primary_dies(tmp_path):
    with SentinelPair(tmp_path) as pair:
        pair.primary.kill()
        pair.wait_failover()
        with redis_py.Redis.from_url(pair.replica.url) as client:
            assert client.set("a", "1")


def test_a_switch_keeps_both_servers(tmp_path):
    with SentinelPair(tmp_path) as pair:
        with redis_py.Redis.from_url(pair.primary.url) as client:
            client.set("a", "1")
        pair.switch()
        with redis_py.Redis.from_url(pair.replica.url) as client:
            assert client.get("a") == b"1"


def test_a_cluster_serves_every_slot_at_the_node_it_names(tmp_path):
    with ValkeyCluster(tmp_path) as cluster:
        owners = set()
        for key in ("{a}", "{b}", "{c}", "{d}", "{e}", "{f}"):
            owner = cluster.node_of(key)
            owners.add(owner.port)
            with cluster.admin(owner) as client:
                assert client.set(key, "1")
        assert len(owners) == 3
        cluster.flush()
        with cluster.admin(cluster.node_of("{a}")) as client:
            assert client.get("{a}") is None


def test_a_cluster_with_replicas_survives_the_death_of_a_primary(tmp_path):
    with ValkeyCluster(tmp_path, replicas=1) as cluster:
        owner = cluster.node_of("a")
        replica = cluster.replicas[cluster.primaries.index(owner)]
        owner.kill()
        cluster.wait_serving()
        with cluster.admin(replica) as client:
            assert client.set("a", "1")


def test_a_failover_that_does_not_come_is_told(tmp_path, monkeypatch):
    with SentinelPair(tmp_path) as pair:
        monkeypatch.setattr("tests.fakes.valkey_sentinel.DEADLINE_S", 0.1)
        with pytest.raises(RuntimeError, match="no failover"):
            pair.wait_failover()

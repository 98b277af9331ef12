"""The door to Redis: what it makes of every fault of the server, and of URLs."""

import asyncio
import ssl
from contextlib import suppress

import pytest
import redis as redis_py
import trustme

from app.foundation.clock import now_s
from app.foundation.errors import StoreDown
from cache.entry import Content
from cache.partition import hash_tags
from cache.redis_store import RedisStore
from cache.store import Durability, Purge
from tests.fakes.tls_proxy import tls_proxy
from tests.fakes.valkey import Valkey, eventually
from tests.fakes.valkey_cluster import ValkeyCluster

TEXT = Content(b"hello", "text/plain", ("x",))


async def cause_of(store):
    with pytest.raises(StoreDown) as down:
        await store.put("a", TEXT, 60, now_s())
    return down.value.cause


async def test_nothing_listening_is_store_down(tmp_path):
    store = RedisStore(Valkey(tmp_path).url, now_s)
    assert await cause_of(store) == "not reachable"
    await store.close()


async def test_a_frozen_server_is_store_down_once_its_time_is_over(tmp_path):
    with Valkey(tmp_path) as valkey:
        store = RedisStore(valkey.url, now_s)
        await store.put("a", TEXT, 60, now_s())
        valkey.freeze()
        assert await cause_of(store) == "no response in time"
        valkey.thaw()
        await store.close()


async def test_a_server_that_was_restarted_serves_again_without_a_failed_call(tmp_path):
    with Valkey(tmp_path, append_only=True) as valkey:
        store = RedisStore(valkey.url, now_s)
        await store.put("a", TEXT, 60, now_s())
        valkey.kill()
        valkey.start()
        entry = await store.get("a", now_s())
        assert entry is not None
        assert entry.value == b"hello"
        await store.close()


async def test_a_password_is_used_and_a_wrong_one_is_told_without_telling_it(tmp_path):
    with Valkey(tmp_path, password="right") as valkey:
        good, bad = RedisStore(valkey.url, now_s), RedisStore(valkey.url.replace("right", "wrong"), now_s)
        assert (await good.put("a", TEXT, 60, now_s())).created
        assert await cause_of(bad) == "it rejects our password"
        await good.close()
        await bad.close()


async def test_a_server_that_is_loading_counts_as_away(tmp_path):
    with Valkey(tmp_path, append_only=True, options=("--enable-debug-command", "yes")) as valkey:
        store = RedisStore(valkey.url, now_s)
        with redis_py.Redis.from_url(valkey.url) as admin:
            admin.execute_command("DEBUG", "POPULATE", "200000", "k", "100")
            admin.config_set("key-load-delay", "50")
            admin.config_set("loading-process-events-interval-bytes", "1024")
            admin.bgrewriteaof()
            await eventually(lambda: not admin.info("persistence")["aof_rewrite_in_progress"])
        valkey.kill()
        valkey._options += ["--key-load-delay", "50", "--loading-process-events-interval-bytes", "1024"]
        valkey.start()
        assert await cause_of(store) == "it is loading its data"
        await store.close()


async def test_a_read_only_replica_takes_no_writes(tmp_path):
    with Valkey(tmp_path / "a") as primary, Valkey(tmp_path / "b") as replica:
        with redis_py.Redis.from_url(replica.url) as admin:
            admin.replicaof("127.0.0.1", primary.port)
        store = RedisStore(replica.url, now_s)
        assert await cause_of(store) == "it is a read-only replica"
        with pytest.raises(StoreDown):
            await store.poll()
        await store.close()


async def test_a_full_server_takes_no_writes(tmp_path):
    with Valkey(tmp_path, options=("--maxmemory", "1mb")) as valkey:
        store = RedisStore(valkey.url, now_s)
        assert await cause_of(store) == "it is out of memory"
        await store.close()


async def test_a_server_that_cannot_write_to_disk_takes_no_writes(tmp_path):
    with Valkey(tmp_path, options=("--dbfilename", "x.rdb")) as valkey:
        with redis_py.Redis.from_url(valkey.url) as admin:
            admin.config_set("save", "3600 1")
            admin.config_set("rdb-key-save-delay", "0")
            (tmp_path / "x.rdb").mkdir()
            with pytest.raises(redis_py.exceptions.ResponseError):
                admin.save()
            store = RedisStore(valkey.url, now_s)
            admin.bgsave()
            await eventually(lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "err")
        assert await cause_of(store) == "it cannot write its data to disk"
        await store.close()


async def test_a_user_without_the_right_is_store_down(tmp_path):
    with Valkey(tmp_path) as valkey:
        with redis_py.Redis.from_url(valkey.url) as admin:
            admin.acl_setuser(
                "weak", enabled=True, nopass=True, commands=["+ping", "+time", "+get"], keys=["*"]
            )
        store = RedisStore(valkey.url.replace("redis://", "redis://weak:x@"), now_s)
        assert await cause_of(store) == "its user may not do this"
        await store.close()


async def test_sentinel_leads_to_the_master(tmp_path):
    with (
        Valkey(tmp_path / "master") as master,
        Valkey(tmp_path / "sentinel", watches=master.port) as sentinel,
    ):
        store = RedisStore(f"redis+sentinel://127.0.0.1:{sentinel.port}/0?master=main", now_s)
        assert (await store.put("a", TEXT, 60, now_s())).created
        await store.close()
        direct = RedisStore(master.url, now_s)
        assert await direct.get("a", now_s()) is not None
        await direct.close()


async def test_sentinels_that_are_away_are_passed_over(tmp_path):
    with (
        Valkey(tmp_path / "master") as master,
        Valkey(tmp_path / "sentinel", watches=master.port) as sentinel,
    ):
        dead = Valkey(tmp_path / "dead")
        hosts = f"127.0.0.1:{dead.port},127.0.0.1:{sentinel.port}"
        store = RedisStore(f"redis+sentinel://{hosts}/0?master=main", now_s)
        assert (await store.put("a", TEXT, 60, now_s())).created
        await store.close()


async def test_a_sentinel_that_does_not_know_the_master_is_store_down(tmp_path):
    with (
        Valkey(tmp_path / "master") as master,
        Valkey(tmp_path / "sentinel", watches=master.port) as sentinel,
    ):
        store = RedisStore(f"redis+sentinel://127.0.0.1:{sentinel.port}/0?master=other", now_s)
        assert await cause_of(store) == "no sentinel knows the master"
        await store.close()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    with ValkeyCluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def cluster(nodes):
    nodes.flush()
    return nodes


async def test_a_cluster_is_found_through_any_node_that_lives(cluster, tmp_path):
    seeds = f"127.0.0.1:{Valkey(tmp_path).port},127.0.0.1:{cluster.nodes[2].port}"
    store = RedisStore("redis+cluster://" + seeds, now_s)
    keys = [f"k{number}" for number in range(50)]
    await asyncio.gather(*(store.put(key, TEXT, 60, now_s()) for key in keys))
    for node in cluster.nodes:
        with cluster.admin(node) as admin:
            assert admin.dbsize() > 0
    assert len((await store.page("k", "", 100, now_s())).keys) == 50
    assert (await store.purge(Purge(tags=("x",)), now_s())).count == 50
    await store.close()


async def test_no_seed_that_answers_is_store_down(tmp_path):
    store = RedisStore(f"redis+cluster://127.0.0.1:{Valkey(tmp_path).port}", now_s)
    assert await cause_of(store) == "not reachable"
    with pytest.raises(StoreDown):
        async for _ in store.changes(asyncio.Event()):
            pass
    await store.close()


async def test_a_seed_that_is_no_cluster_is_store_down(tmp_path):
    with Valkey(tmp_path) as valkey:
        store = RedisStore(valkey.url.replace("redis://", "redis+cluster://"), now_s)
        assert (await cause_of(store)).startswith("it replies ")
        await store.close()


async def test_one_node_of_a_cluster_taken_for_a_single_server_says_so(cluster):
    causes = set()
    for node in cluster.nodes:
        store = RedisStore(node.url, now_s)
        with suppress(StoreDown):
            await store.put("a", TEXT, 60, now_s())
            causes.add("")
        try:
            await store.poll()
        except StoreDown as down:
            causes.add(down.cause)
        await store.close()
    assert causes == {"", "it is one node of a Cluster: use redis+cluster://"}


async def test_a_partition_that_moves_to_another_node_is_followed_without_a_failed_call(cluster):
    store = RedisStore(cluster.url, now_s)
    await store.put("a", TEXT, 60, now_s())
    tag = hash_tags(is_cluster=True)[store.partition_of("a")]
    source = cluster.node_of(tag)
    target = next(node for node in cluster.nodes if node is not source)
    with cluster.admin(source) as old, cluster.admin(target) as new:
        slot = int(old.execute_command("CLUSTER", "KEYSLOT", tag))
        target_id = new.execute_command("CLUSTER", "MYID")
        source_id = old.execute_command("CLUSTER", "MYID")
        new.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        old.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
        keys = old.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100)
        old.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 2000, "KEYS", *keys)
        for node in cluster.nodes:
            with cluster.admin(node) as admin:
                admin.execute_command("CLUSTER", "SETSLOT", slot, "NODE", target_id)
    entry = await store.get("a", now_s())
    assert entry is not None
    assert entry.value == b"hello"
    assert not (await store.put("a", TEXT, 60, now_s())).created
    await store.close()


async def test_over_tls_with_a_certificate_of_our_own_authority(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Valkey(tmp_path / "valkey") as valkey:
        async with tls_proxy(valkey.port, context) as port:
            url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={tmp_path / 'ca.pem'}"
            store = RedisStore(url, now_s)
            assert (await store.put("a", TEXT, 60, now_s())).durability is Durability.REDIS
            await store.close()
            stranger = RedisStore(f"rediss://127.0.0.1:{port}/0", now_s)
            assert await cause_of(stranger) == "not reachable"
            await stranger.close()

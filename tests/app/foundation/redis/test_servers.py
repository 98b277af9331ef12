"""Scripts and commands on real servers. TLS, and what users of it promise: contracts/test_redis_leases.py."""

import asyncio

import pytest
import redis as redis_py

from app.foundation.errors import StoreDown
from app.foundation.redis.scripts import ScriptCall, load_script
from app.foundation.redis.servers import RedisServers
from app.foundation.redis.url import parse_redis_url
from tests.fakes.patience import patient_with_redis
from tests.fakes.valkey import Valkey, eventually
from tests.fakes.valkey_cluster import ValkeyCluster
from tests.fakes.valkey_sentinel import SentinelPair


@pytest.fixture(autouse=True)
def patience(request, monkeypatch):
    """A busy machine is no outage."""
    if "frozen" not in request.node.name:
        patient_with_redis(monkeypatch, 2.0)


@pytest.fixture
def script(tmp_path):
    """Sets its key and returns what stood there before, as a list."""
    file = tmp_path / "swap.lua"
    file.write_text(
        "local old = redis.call('GET', KEYS[1])\nredis.call('SET', KEYS[1], ARGV[1])\nreturn {old or ''}"
    )
    return load_script(file)


def servers_at(url):
    return RedisServers(parse_redis_url(url), "the store")


async def swapped(servers, script, *keys, value="1"):
    return await servers.run([ScriptCall(script, (key,), (value,)) for key in keys])


async def test_a_server_that_does_not_know_a_script_is_sent_it(tmp_path, script):
    with Valkey(tmp_path / "valkey") as valkey:
        servers = servers_at(valkey.url)
        await servers.find()
        assert await swapped(servers, script, "a", b"b") == [[b""], [b""]]
        with redis_py.Redis.from_url(valkey.url) as admin:
            admin.script_flush()
        assert await swapped(servers, script, "a", "c") == [[b"1"], [b""]]
        await servers.close()


async def test_one_call_that_fails_leaves_the_others(tmp_path, script):
    with Valkey(tmp_path / "valkey") as valkey:
        servers = servers_at(valkey.url)
        with redis_py.Redis.from_url(valkey.url) as admin:
            admin.lpush("list", 1)
        first, second = await swapped(servers, script, "list", "a")
        assert isinstance(first, StoreDown)
        assert first.store == "the store"
        assert "WRONGTYPE" in first.cause
        assert second == [b""]
        await servers.close()


async def test_a_frozen_server_costs_the_time_that_was_given(tmp_path, script):
    with Valkey(tmp_path / "valkey") as valkey:
        servers = servers_at(valkey.url)
        valkey.freeze()
        (down,) = await servers.run([ScriptCall(script, ("a",), ("1",))], 0.05)
        assert down.cause == "no response in time"
        with pytest.raises(StoreDown, match="no response in time"):
            await servers.command("PING", key=b"a", timeout_s=0.05)
        valkey.thaw()
        await servers.close()


async def test_a_command_goes_to_the_server_of_its_key(tmp_path):
    with ValkeyCluster(tmp_path) as cluster:
        servers = servers_at(cluster.url)
        with pytest.raises(StoreDown, match="its Cluster is down"):  # nobody was asked yet
            await servers.command("SET", "a", "1", key=b"a")
        await servers.find()
        for key in (b"a", b"b", b"c", b"d"):
            assert await servers.command("INCR", key, key=key) == 1
        await servers.close()


async def test_a_call_for_a_slot_that_moved_is_sent_to_its_new_node(tmp_path, script):
    with ValkeyCluster(tmp_path) as cluster:
        servers = servers_at(cluster.url)
        await servers.find()
        source = cluster.node_of("a")
        target = next(node for node in cluster.primaries if node is not source)
        with cluster.admin(source) as old, cluster.admin(target) as new:
            slot = int(old.execute_command("CLUSTER", "KEYSLOT", "a"))
            target_id = new.execute_command("CLUSTER", "MYID")
            for node in (new, old):
                node.execute_command("CLUSTER", "SETSLOT", slot, "NODE", target_id)
        assert await swapped(servers, script, "a") == [[b""]]
        await servers.close()


async def test_a_call_to_a_server_that_is_the_primary_no_longer_is_sent_to_the_new_one(tmp_path, script):
    with SentinelPair(tmp_path) as pair:
        servers = servers_at(pair.url)
        await servers.find()
        assert await swapped(servers, script, "a") == [[b""]]
        pair.switch()

        async def holds() -> bool:
            (reply,) = await swapped(servers, script, "b")
            return isinstance(reply, list)

        await eventually(holds)
        with redis_py.Redis(port=pair.replica.port) as admin:
            assert admin.get("b") == b"1"
        await servers.close()


async def test_announcements_begin_with_none_and_end_when_they_are_told_to(tmp_path):
    with Valkey(tmp_path) as valkey, redis_py.Redis.from_url(valkey.url) as admin:
        servers, ending = servers_at(valkey.url), asyncio.Event()
        heard = []
        async for announcement in servers.announcements(["one", "two"], ending):
            heard.append(announcement)
            if announcement is None:
                admin.publish("two", "hello")
            else:
                ending.set()
        assert heard == [None, (1, b"hello")]
        await servers.close()


async def test_announcements_of_a_server_that_dies_end_with_store_down(tmp_path):
    with Valkey(tmp_path) as valkey:
        servers = servers_at(valkey.url)
        announcements = servers.announcements(["one"], asyncio.Event())
        assert await anext(announcements) is None
        valkey.kill()
        with pytest.raises(StoreDown, match="not reachable"):
            await anext(announcements)
        await servers.close()


async def test_announcements_end_when_another_server_takes_the_writes(tmp_path):
    with SentinelPair(tmp_path) as pair:
        servers = servers_at(pair.url)
        async for announcement in servers.announcements(["one"], asyncio.Event()):
            assert announcement is None
            pair.switch()
            servers._nodes.doubt()
            await servers.find()
        await servers.close()


async def test_where_nobody_listens_every_call_is_store_down(tmp_path, script):
    dead = Valkey(tmp_path)
    for scheme, query in (("redis", ""), ("redis+sentinel", "?master=main"), ("redis+cluster", "")):
        servers = servers_at(f"{scheme}://127.0.0.1:{dead.port}{query}")
        if query or "cluster" in scheme:
            with pytest.raises(StoreDown, match="not reachable"):
                await servers.find()
        (down,) = await swapped(servers, script, "a")
        assert down.cause == "not reachable"
        with pytest.raises(StoreDown):
            async for _ in servers.announcements(["one"], asyncio.Event()):
                pass
        await servers.close()

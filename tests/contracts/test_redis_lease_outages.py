"""What limits shared through Redis promise where a real server fails: alone, behind Sentinel, as part of a Cluster."""

import contextlib
import shutil
from contextlib import nullcontext

import pytest
import redis as redis_py

from app.foundation.errors import StoreDown
from app.gateway.lease_guard import OPEN_S, GuardedLeaseStore
from app.limits.lease_client import MAX_PIPELINES
from app.limits.limiter import Admitted, Unanswered
from app.limits.redis import GATEWAYS
from app.policy.model import OnStoreFailure
from tests.fakes.lease_gateway import call, gateways, granted, rule, store_at
from tests.fakes.patience import patient_with_leases
from tests.fakes.tls_front import TlsFront
from tests.fakes.valkey import Valkey, eventually
from tests.fakes.valkey_cluster import ValkeyCluster
from tests.fakes.valkey_sentinel import SentinelPair
from tests.fakes.waiting import until

CLOSED, LOCAL = OnStoreFailure.CLOSED, OnStoreFailure.LOCAL


@pytest.fixture(autouse=True)
def patience(request, monkeypatch):
    """A busy machine is no outage: only the test of the time limits themselves keeps them."""
    if "frozen" not in request.node.name:
        patient_with_leases(monkeypatch)


async def test_a_wrong_password_is_told_as_such(tmp_path):
    with Valkey(tmp_path, password="right") as server:
        store = store_at(f"redis://:wrong@127.0.0.1:{server.port}/0")
        with pytest.raises(StoreDown, match="password"):
            await store.heartbeat()
        with pytest.raises(StoreDown, match="password"):
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


async def test_a_user_who_may_beat_but_not_charge_is_left_alone_until_it_may(tmp_path):
    now_s = 0.0
    with Valkey(tmp_path) as server, redis_py.Redis.from_url(server.url) as admin:
        admin.execute_command("ACL", "SETUSER", "gateway", "on", ">pass", "+@all", f"~{GATEWAYS.decode()}")
        url = f"redis://gateway:pass@127.0.0.1:{server.port}/0"
        store = GuardedLeaseStore(store_at(url), lambda: now_s)
        for _ in range(2 * MAX_PIPELINES):
            assert await store.heartbeat() == 1
            with pytest.raises(StoreDown, match="its user may not do this"):
                await store.lease([call("a")])
        with pytest.raises(StoreDown, match="it loses half of its calls: its user may not do this"):
            await store.heartbeat()
        admin.execute_command("ACL", "SETUSER", "gateway", "allkeys")
        now_s += OPEN_S
        assert await store.heartbeat() == 1
        assert await granted(store, "a") == 1
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

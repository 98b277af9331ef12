import pytest

from app.config.sync.snapshot import SNAPSHOT_KEY, Snapshot, decode
from app.foundation.errors import ClusterError
from tests.app.operator.samples import SPEC
from tests.fakes.cluster import FakeCluster
from tests.fakes.control_plane import HandDrivenOperator

NAME = "tidegate-snapshot"


def stored_in(cluster) -> Snapshot:
    return decode(cluster.configmaps[NAME].data[SNAPSHOT_KEY])


async def test_what_is_served_is_in_the_configmap():
    cluster = FakeCluster()
    cluster.apply("orders", SPEC)
    operator = HandDrivenOperator(cluster)
    assert await operator.plane.reconciler.reconcile(0.0)
    assert operator.snapshot == stored_in(cluster)
    assert [entry.name for entry in stored_in(cluster).policies] == ["orders"]


async def test_a_round_without_an_edit_publishes_nothing():
    operator = HandDrivenOperator(FakeCluster())
    await operator.round()
    assert not await operator.plane.reconciler.reconcile(0.0)


async def test_a_restarted_operator_serves_what_is_stored_while_it_cannot_list():
    cluster = FakeCluster()
    cluster.apply("orders", SPEC)
    await HandDrivenOperator(cluster).round()
    operator = HandDrivenOperator(cluster)

    async def fail(_):
        raise ClusterError("list", "resiliencepolicies", 500, "no")

    cluster.policies = fail  # type: ignore[method-assign]
    with pytest.raises(ClusterError):
        await operator.round()
    assert (operator.snapshot, operator.state.policies.has_synced) == (stored_in(cluster), False)


async def test_an_operator_that_lost_the_race_serves_nothing_of_its_own():
    cluster = FakeCluster()
    operator = HandDrivenOperator(cluster)
    cluster.before_configmap_write = cluster.lose_snapshot
    with pytest.raises(ClusterError) as caught:
        await operator.round()
    assert (caught.value.code, operator.snapshot, operator.state.policies.has_synced) == (409, None, False)


async def test_the_pods_that_take_traffic_are_required():
    operator = HandDrivenOperator(FakeCluster())
    operator.gateway("gw-0")
    operator.gateway("gw-1")
    await operator.round()
    assert operator.state.fleet.count_in("shop") == 2


async def test_tables_are_published_between_rounds_with_the_policies_of_the_last_list():
    cluster = FakeCluster()
    cluster.apply("orders", SPEC)
    operator = HandDrivenOperator(cluster)
    await operator.round()
    cluster.apply("later", SPEC)
    operator.state.tables.put({"routes": [{"name": "a"}]})
    assert await operator.plane.reconciler.republish()
    assert operator.snapshot == stored_in(cluster)
    assert stored_in(cluster).tables == {"routes": [{"name": "a"}]}
    assert [entry.name for entry in stored_in(cluster).policies] == ["orders"]


async def test_before_the_first_list_and_after_another_operator_only_a_round_publishes():
    cluster = FakeCluster()
    operator = HandDrivenOperator(cluster)
    assert not await operator.plane.reconciler.republish()
    await operator.round()
    cluster.lose_snapshot()
    assert not await operator.plane.reconciler.republish()


async def test_what_is_stored_from_before_is_not_published_again_without_a_list():
    cluster = FakeCluster()
    await HandDrivenOperator(cluster).round()
    operator = HandDrivenOperator(cluster)
    operator.state.served.serve(stored_in(cluster))
    assert not await operator.plane.reconciler.republish()

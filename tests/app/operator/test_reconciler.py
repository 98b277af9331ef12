from collections.abc import Mapping
from dataclasses import replace
from random import Random

import pytest

from app.config.sync.snapshot import PART_BYTES, SNAPSHOT_KEY, Snapshot, decode
from app.config.sync.snapshot_parts import ALL_PARTS
from app.foundation.errors import ClusterError
from app.operator.kube.resources import Stored
from app.operator.snapshot.store import SnapshotStore
from tests.app.operator.samples import SPEC
from tests.fakes.cluster import FakeCluster
from tests.fakes.control_plane import HandDrivenOperator

NAME = "tidegate-snapshot"
Tables = Mapping[str, object]
LARGE: Tables = {"routes": [{"name": Random(7).randbytes(PART_BYTES).hex()}]}
"""More than one ConfigMap holds, packed."""


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


async def operator_with_routes(cluster: FakeCluster, tables: Tables) -> HandDrivenOperator:
    """It has published these tables."""
    operator = HandDrivenOperator(cluster)
    await operator.round()
    operator.state.tables.put(tables)
    assert await operator.plane.reconciler.republish()
    cluster.calls.clear()
    return operator


async def test_what_it_wrote_last_is_not_read_before_it_is_written_over():
    cluster = FakeCluster()
    operator = await operator_with_routes(cluster, {"routes": [{"name": "a"}]})
    operator.state.tables.put({"routes": [{"name": "b"}]})
    assert await operator.plane.reconciler.republish()
    assert (cluster.calls["read"], cluster.calls["write"]) == (0, 1)
    assert operator.snapshot == stored_in(cluster)
    assert stored_in(cluster).tables == {"routes": [{"name": "b"}]}


async def test_tables_that_take_several_configmaps_are_published_over_its_own_too():
    cluster = FakeCluster()
    for part in ALL_PARTS:
        cluster.configmaps[f"{NAME}-{part}"] = Stored("0", {})
    operator = await operator_with_routes(cluster, LARGE)
    operator.state.tables.put({**LARGE, "upstreams": [{"name": "u"}]})
    assert await operator.plane.reconciler.republish()
    packed = (await SnapshotStore(cluster, NAME).read()).packed
    assert packed is not None
    assert decode(packed) == operator.snapshot
    assert decode(packed).tables["upstreams"] == [{"name": "u"}]


async def test_without_anything_to_write_it_looks_whether_what_is_stored_is_its_own():
    cluster = FakeCluster()
    operator = await operator_with_routes(cluster, {"routes": [{"name": "a"}]})
    assert await operator.plane.reconciler.republish()
    assert (cluster.calls["read"], cluster.calls["write"]) == (1, 0)
    cluster.lose_snapshot()
    assert not await operator.plane.reconciler.republish()


@pytest.mark.parametrize("is_restored", [True, False])
async def test_tables_are_not_published_over_what_somebody_else_wrote(is_restored):
    cluster = FakeCluster()
    operator = HandDrivenOperator(cluster)
    await operator.round()
    older = cluster.configmaps[NAME]
    operator.state.tables.put({"routes": [{"name": "a"}]})
    assert await operator.plane.reconciler.republish()
    served = operator.snapshot
    cluster.lose_snapshot()
    if is_restored:
        cluster.configmaps[NAME] = replace(cluster.configmaps[NAME], data=older.data)
    operator.state.tables.put({"routes": [{"name": "b"}]})
    assert not await operator.plane.reconciler.republish()
    assert operator.snapshot is served
    await operator.round()
    assert served is not None
    assert operator.snapshot == stored_in(cluster)
    assert stored_in(cluster).replaces == (served.lineage,)


async def test_a_label_by_hand_stays_and_is_no_reason_for_a_round():
    cluster = FakeCluster()
    operator = await operator_with_routes(cluster, {"routes": [{"name": "a"}]})
    labelled = replace(cluster.configmaps[NAME], version="by hand", metadata={"labels": {"a": "b"}})
    cluster.configmaps[NAME] = labelled
    operator.state.tables.put({"routes": [{"name": "b"}]})
    assert await operator.plane.reconciler.republish()
    assert stored_in(cluster).tables == {"routes": [{"name": "b"}]}
    assert cluster.configmaps[NAME].metadata == labelled.metadata


async def test_after_a_write_that_failed_what_is_stored_is_read_first():
    cluster = FakeCluster()
    operator = await operator_with_routes(cluster, {"routes": [{"name": "a"}]})
    operator.state.tables.put({"routes": [{"name": "b"}]})
    cluster.unavailable = True
    with pytest.raises(ClusterError):
        await operator.plane.reconciler.republish()
    cluster.unavailable = False
    assert cluster.calls["read"] == 0
    assert await operator.plane.reconciler.republish()
    assert cluster.calls["read"] == 1
    assert operator.snapshot == stored_in(cluster)


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

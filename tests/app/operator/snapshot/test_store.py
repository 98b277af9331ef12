import pytest

from app.config.sync.snapshot import PART_BYTES, SNAPSHOT_KEY
from app.config.sync.snapshot_parts import ALL_PARTS, INDEX_KEY, PART_KEY
from app.foundation.errors import ClusterError, ConfigFaults
from app.operator.kube.resources import Stored
from app.operator.snapshot.store import MAX_MISMATCHES, SnapshotStore
from tests.fakes.cluster import FakeCluster

NAME = "tidegate-snapshot"
SMALL, LARGE, LARGER = b"small", bytes(PART_BYTES + 1), b"\1" * (2 * PART_BYTES + 1)


def cluster_with_parts() -> FakeCluster:
    cluster = FakeCluster()
    for part in ALL_PARTS:
        cluster.configmaps[f"{NAME}-{part}"] = Stored("0", {})
    return cluster


async def write(store: SnapshotStore, packed: bytes) -> None:
    await store.write(await store.read(), packed, {"lineages": "x\n"})


async def test_what_fits_one_configmap_lies_in_it():
    cluster = FakeCluster()
    store = SnapshotStore(cluster, NAME)
    assert (await store.read()).packed is None
    await write(store, SMALL)
    kept = await store.read()
    assert (kept.packed, kept.texts) == (SMALL, {"lineages": b"x\n"})
    assert cluster.configmaps[NAME].data[SNAPSHOT_KEY] == SMALL


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_large_one_lies_in_several_and_none_is_half_of_two(is_restarted):
    cluster = cluster_with_parts()
    store = SnapshotStore(cluster, NAME)
    for packed in (LARGE, LARGER, LARGE, SMALL, LARGER):
        await write(store, packed)
        if is_restarted:
            store = SnapshotStore(cluster, NAME)
        assert (await store.read()).packed == packed


async def test_parts_are_written_beside_those_that_the_index_names():
    cluster = cluster_with_parts()
    store = SnapshotStore(cluster, NAME)
    await write(store, LARGE)
    before = {name: cluster.configmaps[f"{NAME}-{name}"] for name in ("a1", "a2")}
    await write(store, LARGER)
    assert {name: cluster.configmaps[f"{NAME}-{name}"] for name in ("a1", "a2")} == before
    assert SNAPSHOT_KEY not in cluster.configmaps[NAME].data


async def test_what_another_operator_wrote_since_stays_whole():
    cluster = cluster_with_parts()
    first, second = SnapshotStore(cluster, NAME), SnapshotStore(cluster, NAME)
    own = await first.write(await first.read(), LARGE, {})
    assert (own.packed, own.texts) == (LARGE, {})
    await write(second, LARGER)
    with pytest.raises(ClusterError) as caught:
        await first.write(own, LARGE, {})
    assert caught.value.code == 409
    assert (await SnapshotStore(cluster, NAME).read()).packed == LARGER


async def test_without_the_configmaps_for_parts_a_large_one_is_rejected_with_the_cure():
    store = SnapshotStore(FakeCluster(), NAME)
    with pytest.raises(ConfigFaults, match="configmap tidegate-snapshot-a1 cannot be used"):
        await write(store, LARGE)


async def test_an_api_server_that_is_unavailable_amid_parts_is_no_fault_of_the_snapshot():
    cluster = cluster_with_parts()
    store = SnapshotStore(cluster, NAME)
    kept = await store.read()
    cluster.unavailable = True
    with pytest.raises(ClusterError):
        await store.write(kept, LARGE, {})
    cluster.unavailable = False
    await write(store, LARGE)
    fresh = SnapshotStore(cluster, NAME)
    read = cluster.read_configmap

    async def fail_at_parts(name: str) -> Stored:
        if name != NAME:
            raise ClusterError("read", name, 500, "no")
        return await read(name)

    cluster.read_configmap = fail_at_parts  # type: ignore[method-assign]
    with pytest.raises(ClusterError):
        await fresh.read()


@pytest.mark.parametrize("damage", ["another's", "gone"])
async def test_parts_that_do_not_fit_the_index_are_read_again_and_count_for_none_at_last(damage, caplog):
    cluster = cluster_with_parts()
    await write(SnapshotStore(cluster, NAME), LARGE)
    if damage == "gone":
        del cluster.configmaps[f"{NAME}-a1"]
    else:
        cluster.configmaps[f"{NAME}-a1"] = Stored("9", {PART_KEY: b"another's"})
    store = SnapshotStore(cluster, NAME)
    for _ in range(MAX_MISMATCHES):
        with pytest.raises(ClusterError) as caught:
            await store.read()
        assert caught.value.code == 409
    assert (await store.read()).packed is None
    assert "holds no snapshot that can be read" in caplog.text


async def test_an_index_that_cannot_be_read_is_written_anew():
    cluster = cluster_with_parts()
    cluster.configmaps[NAME] = Stored("9", {INDEX_KEY: b"garbage"})
    store = SnapshotStore(cluster, NAME)
    for _ in range(MAX_MISMATCHES):
        with pytest.raises(ClusterError):
            await store.read()
    await write(store, LARGE)
    assert (await store.read()).packed == LARGE

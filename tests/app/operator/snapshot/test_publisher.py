from dataclasses import replace

import pytest

from app.config.sync.snapshot import CA_KEY, SNAPSHOT_KEY, PolicyEntry, decode, pack, seal
from app.foundation.errors import ClusterError
from app.operator.kube.resources import Stored
from app.operator.snapshot.lineages import Claim
from app.operator.snapshot.publisher import LINEAGES_KEY, Publisher
from app.operator.snapshot.tables import CompiledTables
from tests.app.operator.samples import LINEAGE, OTHER_LINEAGE, SPEC
from tests.fakes.cluster import FakeCluster

ENTRY = PolicyEntry("shop", "orders", "uid-orders", 1, SPEC)
NAME = "tidegate-snapshot"


def holding(snapshot=None, **texts):
    """A cluster whose ConfigMap holds this."""
    cluster = FakeCluster()
    data = {key: text.encode() for key, text in texts.items()}
    if snapshot is not None:
        data[SNAPSHOT_KEY] = pack(snapshot)
    cluster.configmaps[NAME] = Stored(cluster._next(), data)
    return cluster


def publisher_of(cluster, ca, tables=None):
    return Publisher(cluster, NAME, ca, CompiledTables() if tables is None else tables)


async def publish(publisher, entries=(ENTRY,), claims=()):
    return await publisher.publish(await publisher.read(), entries, claims)


def content(cluster):
    return cluster.configmaps[NAME].data


async def test_the_first_snapshot_starts_a_lineage_and_brings_the_ca():
    cluster = holding()
    snapshot = await publish(publisher_of(cluster, "PEM"))
    assert (snapshot.sequence, decode(content(cluster)[SNAPSHOT_KEY])) == (1, snapshot)
    assert content(cluster)[CA_KEY] == b"PEM"
    assert content(cluster)[LINEAGES_KEY] == f"{snapshot.lineage}\n".encode()


async def test_what_is_stored_already_is_not_written_again():
    cluster = holding()
    publisher = publisher_of(cluster, None)
    first = await publish(publisher)
    assert await publish(publisher) == first
    assert cluster.calls["write"] == 1


async def test_another_ca_is_written_though_the_policies_are_the_same():
    cluster = holding()
    first = await publish(publisher_of(cluster, "OLD"))
    assert await publish(publisher_of(cluster, "NEW")) == first
    assert content(cluster)[CA_KEY] == b"NEW"


async def test_numbers_go_on_after_a_restart():
    cluster = holding(seal(LINEAGE, 7, [], complete=True))
    snapshot = await publish(publisher_of(cluster, None))
    assert (snapshot.lineage, snapshot.sequence) == (LINEAGE, 8)


async def test_an_older_list_never_replaces_a_newer_one():
    cluster = holding()
    slow, quick = publisher_of(cluster, None), publisher_of(cluster, None)
    stored = await slow.read()
    await publish(quick)
    with pytest.raises(ClusterError) as caught:
        await slow.publish(stored, (), ())
    assert caught.value.code == 409


async def test_an_unreadable_configmap_starts_a_new_lineage(caplog):
    cluster = holding(**{SNAPSHOT_KEY: "garbage"})
    assert (await publish(publisher_of(cluster, None))).sequence == 1
    assert "holds no snapshot that can be read" in caplog.text


async def test_a_lost_configmap_starts_a_lineage_that_replaces_the_lost_one(caplog):
    cluster = holding()
    publisher = publisher_of(cluster, None)
    lost = await publish(publisher)
    cluster.lose_snapshot()
    after = await publish(publisher)
    assert (after.sequence, after.replaces, after.lineage != lost.lineage) == (1, (lost.lineage,), True)
    assert "starting a new lineage" in caplog.text


async def test_a_restored_old_configmap_is_noticed_by_what_gateways_hold():
    cluster = holding(seal(LINEAGE, 7, [ENTRY], complete=True))
    after = await publish(publisher_of(cluster, None), claims=(Claim(LINEAGE, 9, True),))
    assert (after.sequence, after.replaces) == (1, (LINEAGE,))


async def test_a_claim_about_numbers_that_this_operator_gave_itself_is_a_lie():
    cluster = holding()
    publisher = publisher_of(cluster, None)
    first = await publish(publisher)
    assert await publish(publisher, claims=(Claim(first.lineage, 99, True),)) == first


async def test_lineages_that_the_configmap_remembers_count_as_published():
    cluster = holding(seal(LINEAGE, 7, [], complete=True), **{LINEAGES_KEY: f"{OTHER_LINEAGE}\n"})
    publisher = publisher_of(cluster, None)
    await publisher.read()
    assert [publisher.was_published(one) for one in (LINEAGE, OTHER_LINEAGE, "x")] == [True, True, False]


async def test_a_configmap_without_the_list_remembers_what_its_snapshot_replaced():
    snapshot = seal(LINEAGE, 7, [], complete=True, replaces=[OTHER_LINEAGE])
    publisher = publisher_of(holding(snapshot), None)
    await publisher.read()
    assert publisher.was_published(OTHER_LINEAGE)


async def test_other_content_of_the_configmap_is_removed():
    cluster = holding()
    first = await publish(publisher_of(cluster, None))
    stored = cluster.configmaps[NAME]
    cluster.configmaps[NAME] = replace(stored, data={**stored.data, "note": b"by hand"})
    assert await publish(publisher_of(cluster, None)) == first
    assert "note" not in content(cluster)


async def test_what_was_compiled_from_the_cluster_is_in_the_snapshot():
    tables = CompiledTables(are_awaited=True)
    tables.put({"routes": []})
    assert (await publish(publisher_of(holding(), None, tables))).tables == {"routes": []}


@pytest.mark.parametrize("stored", [True, False])
async def test_a_restarted_operator_publishes_no_other_tables_before_it_compiled_some(stored):
    """Without any policy known either, what is stored says more than nothing."""
    before = seal(LINEAGE, 7, [], complete=True, tables={"routes": []})
    made = await publish(
        publisher_of(holding(before if stored else None), None, CompiledTables(are_awaited=True))
    )
    assert (made.tables if stored else made) == ({"routes": []} if stored else None)


async def test_tables_that_this_operator_published_survive_the_loss_of_the_configmap():
    tables = CompiledTables(are_awaited=True)
    tables.put({"routes": []})
    cluster = holding()
    publisher = publisher_of(cluster, None, tables)
    await publish(publisher)
    cluster.lose_snapshot()
    tables.current = None
    assert (await publish(publisher)).tables == {"routes": []}


async def test_where_nothing_is_stored_there_may_be_no_tables_once_that_is_said():
    tables = CompiledTables(are_awaited=True)
    tables.may_be_empty = True
    assert (await publish(publisher_of(holding(), None, tables))).tables == {}


async def test_what_it_wrote_itself_is_not_decoded_again(monkeypatch):
    cluster = holding()
    publisher = publisher_of(cluster, None)
    snapshot = await publish(publisher)
    assert publisher.packed(snapshot) == content(cluster)[SNAPSHOT_KEY]

    def fail(_):
        raise AssertionError("decoded again")

    monkeypatch.setattr("app.operator.snapshot.publisher.decode", fail)
    assert (await publisher.read()).snapshot is snapshot


async def test_what_another_operator_wrote_is_not_taken_for_its_own():
    cluster = holding()
    publisher = publisher_of(cluster, None)
    snapshot = await publish(publisher)
    other = replace(ENTRY, generation=2)
    await publish(publisher_of(cluster, None), (other,))
    stored = (await publisher.read()).snapshot
    assert (stored.sequence, publisher.packed(snapshot)) == (2, None)

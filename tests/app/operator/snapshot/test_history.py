from dataclasses import replace
from typing import Any

import pytest

from app.config.sync.snapshot import PolicyEntry, decode, pack, part_of, seal
from app.operator.snapshot.history import (
    MOST_HELD,
    FirstPublished,
    PackedSnapshots,
    is_newer_for,
    is_set_back,
    next_snapshot,
)
from tests.app.operator.samples import LINEAGE, OTHER_LINEAGE, SPEC, call

ENTRY = PolicyEntry("shop", "orders", "uid-orders", 1, SPEC)
EDITED = replace(ENTRY, generation=2)
SEVEN = seal(LINEAGE, 7, [ENTRY], complete=True)


def first(firsts: FirstPublished, generation: int) -> Any:
    return firsts.of("uid-orders", generation)


def at(sequence, *entries, lineage=LINEAGE):
    return seal(lineage, sequence, entries, complete=True)


def test_the_first_snapshot_begins_a_lineage():
    made = next_snapshot(None, (), (), (), LINEAGE, {})
    assert (made.lineage, made.sequence, made.is_credible, made.replaces) == (LINEAGE, 1, True, ())


def test_the_same_policies_are_the_same_snapshot():
    assert next_snapshot(SEVEN, (ENTRY,), (LINEAGE,), (LINEAGE,), OTHER_LINEAGE, {}) is SEVEN


def test_other_policies_are_the_next_number():
    made = next_snapshot(SEVEN, (EDITED,), (), (LINEAGE,), OTHER_LINEAGE, {})
    assert (made.lineage, made.sequence, made.policies) == (LINEAGE, 8, (EDITED,))


def test_a_snapshot_that_was_not_complete_is_made_complete():
    assert next_snapshot(seal(LINEAGE, 7, [], complete=False), (), (), (), "x", {}).sequence == 8


def test_a_lineage_that_gateways_still_serve_with_is_replaced():
    made = next_snapshot(SEVEN, (ENTRY,), (OTHER_LINEAGE,), (LINEAGE,), "x", {})
    assert (made.sequence, made.replaces) == (8, (OTHER_LINEAGE,))
    assert next_snapshot(made, (ENTRY,), (OTHER_LINEAGE,), (LINEAGE,), "x", {}) is made


def test_the_list_of_replaced_lineages_is_bounded():
    current = seal(LINEAGE, 7, [], complete=True, replaces=[f"{n}" for n in range(8)])
    assert next_snapshot(current, (), ("new",), tuple("01234567"), "x", {}).replaces == (*"1234567", "new")


@pytest.mark.parametrize(
    ("stored", "published", "applied", "is_so"),
    [
        (None, None, 7, False),
        (SEVEN, None, 7, False),
        (SEVEN, SEVEN, 0, False),
        (None, SEVEN, 0, True),
        (SEVEN, at(8), 0, True),
        (SEVEN, at(7, EDITED), 0, True),
        (SEVEN, None, 8, True),
        (at(8), SEVEN, 7, False),
        (at(1, lineage=OTHER_LINEAGE), SEVEN, 0, False),
    ],
    ids=[
        "none",
        "stored",
        "its own",
        "lost",
        "set back",
        "another of the same number",
        "gateways are ahead",
        "another operator's",
        "another lineage",
    ],
)
def test_a_configmap_that_holds_less_than_was_served_is_distinguished_from_one_that_goes_on(
    stored, published, applied, is_so
):
    assert is_set_back(stored, published, applied) is is_so


@pytest.mark.parametrize(
    ("request_", "news"),
    [
        (call("gw-0"), True),
        (call("gw-0", applied=6), True),
        (call("gw-0", applied=7), False),
        (call("gw-0", applied=8), False),
        (call("gw-0", applied=6, rejected=7), False),
        (call("gw-0", applied=5, rejected=6), True),
        (call("gw-0", applied=7, errors={("orders", 1): "bad"}), False),
        (call("gw-0", applied=99, lineage=OTHER_LINEAGE), False),
    ],
    ids=["nothing yet", "older", "the same", "newer", "rejected", "rejected an older", "partly", "foreign"],
)
def test_a_gateway_is_offered_only_what_it_would_take_over(request_, news):
    assert is_newer_for(SEVEN, request_) is news


def test_a_replaced_lineage_is_offered_the_new_one():
    snapshot = seal(LINEAGE, 1, [], complete=True, replaces=[OTHER_LINEAGE])
    assert is_newer_for(snapshot, call("gw-0", applied=99, lineage=OTHER_LINEAGE))


def test_a_gateway_that_restarted_is_offered_what_its_former_boot_tried():
    request = replace(call("gw-0", applied=7), applied=None)
    assert is_newer_for(SEVEN, request)


def test_a_gateway_of_another_schema_is_offered_nothing():
    request = call("gw-0")
    assert not is_newer_for(SEVEN, replace(request, instance=replace(request.instance, schema_versions=(2,))))


def test_the_first_snapshot_with_a_generation_stays_the_first():
    firsts = FirstPublished()
    for sequence in (7, 8, 9):
        firsts.note(at(sequence, ENTRY))
    assert first(firsts, 1).sequence == 7


def test_an_edit_starts_again():
    firsts = FirstPublished()
    firsts.note(at(7, ENTRY))
    firsts.note(at(8, EDITED))
    assert (first(firsts, 1), first(firsts, 2).sequence) == (None, 8)


def test_a_policy_that_was_out_starts_again():
    firsts = FirstPublished()
    for snapshot in (at(7, ENTRY), at(8), at(9, ENTRY)):
        firsts.note(snapshot)
    assert first(firsts, 1).sequence == 9


def test_a_gap_claims_too_little_rather_than_too_much():
    firsts = FirstPublished()
    firsts.note(at(7, ENTRY))
    firsts.note(at(9, ENTRY))
    assert first(firsts, 1).sequence == 9


def test_another_lineage_starts_again():
    firsts = FirstPublished()
    firsts.note(at(7, ENTRY))
    firsts.note(at(8, ENTRY, lineage=OTHER_LINEAGE))
    assert first(firsts, 1).sequence == 8


def test_a_policy_that_is_not_served_has_no_first():
    assert first(FirstPublished(), 1) is None


def test_each_namespace_gets_its_own_part_packed_once():
    packed = PackedSnapshots("shop")
    there = replace(ENTRY, namespace="other", uid="uid-2")
    whole = at(7, ENTRY, there)
    packed.put(whole)
    assert decode(packed.packed_for("other")) == part_of(whole, "other")
    assert packed.packed_for("other") is packed.packed_for("other")
    assert packed.packed_bytes() == len(packed.packed_for("other"))


def test_only_the_fleets_namespace_gets_the_tables():
    packed = PackedSnapshots("shop")
    packed.put(seal(LINEAGE, 7, [ENTRY], complete=True, tables={"routes": []}))
    tables = [decode(packed.packed_for(namespace)).tables for namespace in ("shop", "other")]
    assert tables == [{"routes": []}, {}]


def test_other_tables_are_the_next_number_and_the_same_ones_are_not():
    made = next_snapshot(SEVEN, (ENTRY,), (), (LINEAGE,), "x", {"routes": []})
    assert (made.sequence, made.tables) == (8, {"routes": []})
    assert next_snapshot(made, (ENTRY,), (), (LINEAGE,), "x", {"routes": []}) is made


def test_nothing_is_packed_before_it_is_asked_for():
    assert PackedSnapshots("shop").packed_bytes() == 0


ROUTES = [{"name": f"httproute/shop/web/{number}"} for number in range(4)]


def tabled(sequence, *routes):
    return seal(LINEAGE, sequence, [ENTRY], complete=True, tables={"routes": [*ROUTES, *routes]})


def test_a_gateway_of_the_fleet_that_holds_an_earlier_one_gets_what_changed():
    packed = PackedSnapshots("shop")
    first, second = tabled(7), tabled(8, {"name": "httproute/shop/new/0"})
    packed.put(first)
    packed.packed_for("shop")
    packed.put(second)
    delta = packed.packed_for("shop", first.hash)
    assert decode(delta, first) == second
    assert packed.packed_for("shop", first.hash) is delta
    assert decode(packed.packed_for("shop")) == second
    assert packed.packed_for("shop", "00" * 32) is packed.packed_for("shop")
    assert packed.packed_for("shop", second.hash) is packed.packed_for("shop")


def test_only_the_fleet_gets_what_changed_of_its_tables():
    packed = PackedSnapshots("shop")
    first = tabled(7)
    packed.put(first)
    packed.packed_for("shop")
    packed.put(tabled(8, {"name": "httproute/shop/new/0"}))
    assert decode(packed.packed_for("other", first.hash)).tables == {}


def test_one_that_holds_what_has_little_in_common_gets_all_of_it():
    packed = PackedSnapshots("shop")
    first = tabled(7)
    packed.put(first)
    packed.packed_for("shop")
    packed.put(
        seal(LINEAGE, 8, [ENTRY], complete=True, tables={"routes": [{"name": "httproute/shop/new/0"}]})
    )
    assert packed.packed_for("shop", first.hash) is packed.packed_for("shop")


def test_of_the_past_only_the_last_snapshots_are_kept():
    packed = PackedSnapshots("shop")
    all_of_them = [tabled(7 + number) for number in range(MOST_HELD + 1)]
    for snapshot in all_of_them:
        packed.put(snapshot)
        packed.packed_for("shop")
    oldest, next_one = all_of_them[:2]
    assert packed.packed_for("shop", oldest.hash) is packed.packed_for("shop")
    assert decode(packed.packed_for("shop", next_one.hash), next_one) == all_of_them[-1]


def test_what_was_served_as_a_delta_counts_with_its_whole_size():
    packed = PackedSnapshots("shop")
    first, second = tabled(7), tabled(8, {"name": "httproute/shop/new/0"})
    packed.put(first)
    packed.packed_for("shop")
    whole = pack(second)
    packed.put(second, whole)
    assert packed.packed_bytes() == 0
    packed.packed_for("shop", first.hash)
    assert packed.packed_bytes() == len(whole)

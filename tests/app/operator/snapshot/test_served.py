from dataclasses import replace

from app.config.sync.snapshot import PolicyEntry, decode, pack, seal
from app.operator.snapshot.served import ServedSnapshots
from tests.app.operator.samples import LINEAGE, SPEC, call

ENTRY = PolicyEntry("shop", "orders", "uid-orders", 1, SPEC)
SEVEN = seal(LINEAGE, 7, [ENTRY], complete=True)
EIGHT = seal(LINEAGE, 8, [], complete=True)


def test_before_the_first_snapshot_nobody_is_offered_any():
    served = ServedSnapshots()
    assert (served.current, served.sequence, served.newer_for(call("a")), served.packed_bytes()) == (
        None,
        0,
        None,
        0,
    )


def test_a_gateway_is_offered_what_is_newer_to_it():
    served = ServedSnapshots()
    assert served.serve(SEVEN)
    packed = served.newer_for(call("a", applied=6))
    assert packed is not None
    assert decode(packed).sequence == 7
    assert served.newer_for(call("a", applied=7)) is None
    assert served.packed_bytes() == len(packed)


def test_a_further_snapshot_wakes_the_polls():
    served = ServedSnapshots()
    served.serve(SEVEN)
    change = served.next_change()
    assert not served.serve(SEVEN)
    again = change.is_set()
    served.serve(EIGHT)
    assert (again, change.is_set(), served.next_change().is_set()) == (False, True, False)


def test_since_when_a_policy_is_served_is_remembered():
    served = ServedSnapshots()
    served.serve(SEVEN)
    first = served.first_published.of("uid-orders", 1)
    assert first is not None
    assert first.sequence == 7


def test_closing_wakes_the_polls():
    served = ServedSnapshots()
    change = served.next_change()
    served.close()
    assert (served.is_closed, change.is_set()) == (True, True)


def test_what_is_packed_already_is_not_packed_again():
    served = ServedSnapshots()
    whole = pack(SEVEN)
    served.serve(SEVEN, whole)
    assert served.newer_for(call("a", applied=6)) is whole


def test_gateways_of_another_namespace_get_a_part_of_their_own():
    served = ServedSnapshots()
    elsewhere = replace(ENTRY, namespace="elsewhere", uid="uid-elsewhere")
    both = seal(LINEAGE, 7, [ENTRY, elsewhere], complete=True)
    served.serve(both, pack(both))
    packed = served.newer_for(call("a", applied=6))
    assert packed is not None
    assert decode(packed).policies == (ENTRY,)


def test_a_gateway_gets_a_delta_only_where_it_takes_one():
    served = ServedSnapshots("shop")
    routes = [{"name": f"httproute/shop/web/{number}"} for number in range(4)]
    first = seal(LINEAGE, 7, [ENTRY], complete=True, tables={"routes": routes})
    second = seal(LINEAGE, 8, [ENTRY], complete=True, tables={"routes": routes[1:]})
    served.serve(first, pack(first))
    request = call("a", applied=7)
    assert request.applied is not None
    request = replace(request, applied=replace(request.applied, hash=first.hash))
    assert served.newer_for(call("b", applied=6)) == pack(first)
    served.serve(second, pack(second))
    assert served.newer_for(request) == pack(second)
    delta = served.newer_for(replace(request, takes_deltas=True))
    assert delta is not None
    assert decode(delta, first) == second

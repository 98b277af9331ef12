import gzip
import hashlib
from dataclasses import replace

import orjson
import pytest

from app.config.sync import snapshot as module
from app.config.sync.snapshot import (
    MAX_PACKED_BYTES,
    PolicyEntry,
    Snapshot,
    decode,
    decode_to_keep,
    encode,
    pack,
    pack_delta,
    part_of,
    seal,
    supersedes,
)
from app.config.sync.table_delta import DeltaFaults
from app.foundation.errors import ConfigFaults
from app.policy.effective import Source
from app.policy.merge import Stated, layer
from app.policy.model import Policy
from app.policy.parse import parse_spec

LINEAGE = "11111111-2222-3333-4444-555555555555"
OTHER = "99999999-2222-3333-4444-555555555555"
SPEC = {"targetRefs": [{"kind": "Gateway"}], "circuitBreaker": {"consecutiveFailures": 5}}
ORDERS = PolicyEntry("shop", "orders", "uid-1", 3, SPEC)
SIGNED = seal(LINEAGE, 7, [ORDERS], complete=True, replaces=[OTHER])


def body_with(**changed) -> bytes:
    """`SIGNED`, changed and hashed again, so that only the change is at fault."""
    body = orjson.loads(encode(SIGNED))
    body.update(changed)
    body = {key: value for key, value in body.items() if value is not ... and key != "hash"}
    digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return orjson.dumps({**body, "hash": changed.get("hash", digest)}, default=str)


def entry(**changed) -> bytes:
    whole = {"namespace": "shop", "name": "orders", "uid": "uid-1", "generation": 3, "spec": SPEC} | changed
    return body_with(policies=[{key: value for key, value in whole.items() if value is not ...}])


def fault_of(content: bytes) -> str:
    with pytest.raises(ConfigFaults) as caught:
        decode(content)
    return str(caught.value)


def test_what_was_encoded_reads_back_the_same():
    assert decode(encode(SIGNED)) == SIGNED


def test_what_was_packed_reads_back_the_same():
    assert decode(pack(SIGNED)) == SIGNED


def test_packing_twice_gives_the_same_bytes():
    assert pack(SIGNED) == pack(decode(pack(SIGNED)))


def test_the_encoding_does_not_depend_on_the_order_of_keys_in_a_spec():
    turned = replace(ORDERS, spec=dict(reversed(SPEC.items())))
    assert encode(seal(LINEAGE, 7, [turned], complete=True, replaces=[OTHER])) == encode(SIGNED)


def test_the_hash_is_the_sha256_of_the_body_without_it():
    body = orjson.loads(encode(SIGNED))
    said = body.pop("hash")
    assert said == hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def test_its_policies_layer_by_the_merge_that_files_use():
    policies = [
        Stated(Policy(f"{one.namespace}/{one.name}", parse_spec(one.spec)), Source.RESOURCE)
        for one in decode(pack(SIGNED)).policies
    ]
    ((breaker, origin),) = layer(policies).circuit_breaker.gateway
    assert (breaker.consecutive_failures, origin.policy) == (5, "shop/orders")


def test_every_fault_is_told_at_once():
    content = body_with(sequence=0, complete="yes", replaces=["x"])
    assert fault_of(content).count("\n") == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "snapshot: is no JSON"),
        (b"[1]", "snapshot: is a list, not a mapping"),
        (b"[" * 17 + b"]" * 17, "snapshot: is nested deeper than 16"),
        (b"\x1f\x8bgarbage", "snapshot: is no whole gzip file"),
        (pack(SIGNED)[:-4], "snapshot: is no whole gzip file"),
        (pack(SIGNED) + b"x", "snapshot: is no whole gzip file"),
        (b"\x1f\x8b" + bytes(MAX_PACKED_BYTES), "bytes packed; it must be smaller"),
        (encode(SIGNED).replace(b'"sequence":7', b'"sequence":8'), "snapshot: does not match its hash"),
        (body_with(more=1), "snapshot.more: is not a known key"),
        (body_with(schemaVersion=2), "snapshot: speaks schemaVersion 2; this gateway understands 1"),
        (body_with(schemaVersion=True), "speaks schemaVersion true/false"),
        (body_with(schemaVersion=...), "speaks schemaVersion empty"),
        (body_with(lineage="x"), "snapshot.lineage: is 'x'; it must be a lower-case UUID"),
        (body_with(lineage=...), "snapshot.lineage: is required"),
        (body_with(sequence=0), "snapshot.sequence: is 0"),
        (body_with(sequence=...), "snapshot.sequence: is required"),
        (body_with(complete=1), "snapshot.complete: is a number; it must be true or false"),
        (body_with(replaces=[1]), "snapshot.replaces[0]: is 1; it must be a lower-case UUID"),
        (body_with(replaces=[OTHER] * 9), "snapshot.replaces: has 9 items"),
        (body_with(hash="00"), "snapshot.hash: is '00'; it must be 64 hexadecimal digits"),
        (body_with(policies=...), "snapshot.policies: is required"),
        (body_with(policies=["x"]), "snapshot.policies[0]: is a text, not a mapping"),
        (entry(uid=...), "snapshot.policies[0].uid: is required"),
        (entry(uid="a b"), "snapshot.policies[0].uid: is 'a b'; it must be 1 to 128 letters"),
        (entry(namespace="A"), "snapshot.policies[0].namespace: 'A' is not a DNS label"),
        (entry(name="_"), "snapshot.policies[0].name: '_' is not a DNS subdomain"),
        (entry(generation=0), "snapshot.policies[0].generation: is 0"),
        (entry(spec=[]), "snapshot.policies[0].spec: is a list, not a mapping"),
        (entry(more=1), "snapshot.policies[0].more: is not a known key"),
        (
            body_with(policies=[orjson.loads(entry())["policies"][0]] * 2),
            "snapshot.policies[1].uid: repeats 'uid-1'",
        ),
    ],
)
def test_a_faulty_snapshot_is_refused_and_the_fault_named(content, said):
    assert said in fault_of(content)


def test_a_small_file_that_unpacks_to_a_huge_one_is_refused():
    assert "bytes unpacked" in fault_of(gzip.compress(bytes(module.MAX_PLAIN_BYTES + 1)))


def test_a_plain_file_has_its_bound_too(monkeypatch):
    monkeypatch.setattr(module, "MAX_PLAIN_BYTES", 10)
    assert "is larger than 10 bytes" in fault_of(encode(SIGNED))


def test_a_snapshot_too_large_for_a_configmap_is_refused_when_it_is_packed(monkeypatch):
    monkeypatch.setattr(module, "MAX_PACKED_BYTES", 100)
    with pytest.raises(ConfigFaults, match="delete some of the 1 policies"):
        pack(SIGNED)


def test_five_hundred_policies_take_far_less_than_the_bound():
    many = [replace(ORDERS, name=f"p{n}", uid=f"uid-{n}") for n in range(500)]
    assert len(pack(seal(LINEAGE, 1, many, complete=True))) < MAX_PACKED_BYTES / 50


@pytest.mark.parametrize(
    ("offered", "held", "taken"),
    [
        (SIGNED, None, True),
        (SIGNED, seal(LINEAGE, 6, [], complete=True), True),
        (SIGNED, SIGNED, False),
        (SIGNED, seal(LINEAGE, 8, [], complete=True), False),
        (SIGNED, seal(OTHER, 900, [], complete=True), True),
        (seal(LINEAGE, 7, [ORDERS], complete=True), seal(OTHER, 1, [], complete=True), False),
        (seal(LINEAGE, 7, [], complete=True), SIGNED, False),
        (seal(LINEAGE, 8, [], complete=True), SIGNED, True),
        (seal(LINEAGE, 8, [], complete=False), SIGNED, False),
        (seal(LINEAGE, 8, [], complete=False), None, False),
    ],
    ids=[
        "the first one",
        "a higher sequence",
        "the same",
        "a lower sequence",
        "a lineage that replaced the old",
        "a foreign lineage",
        "empty but not newer",
        "empty and meant",
        "empty by accident",
        "empty by accident at boot",
    ],
)
def test_a_gateway_takes_over_only_what_follows_on_what_it_holds(offered, held, taken):
    assert supersedes(offered, held) is taken


def test_a_namespace_gets_its_own_policies_under_the_same_number():
    there = replace(ORDERS, namespace="other", uid="uid-2")
    part = part_of(seal(LINEAGE, 7, [ORDERS, there], complete=True), "other")
    assert (part.sequence, part.lineage, part.policies) == (7, LINEAGE, (there,))


def test_the_gateways_of_the_cluster_get_the_policies_for_its_objects_of_every_namespace():
    web = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "web"}
    there = replace(ORDERS, namespace="other", uid="uid-2", spec={**SPEC, "targetRefs": [web]})
    whole = seal(LINEAGE, 7, [ORDERS, there], complete=True)
    assert part_of(whole, "tidegate").policies == (there,)
    assert part_of(whole, "tidegate", with_tables=False).policies == ()
    assert part_of(whole, "other", with_tables=False).policies == (there,)


def test_a_namespaces_part_carries_a_hash_of_its_own():
    there = replace(ORDERS, namespace="other", uid="uid-2")
    part = part_of(seal(LINEAGE, 7, [ORDERS, there], complete=True), "other")
    assert decode(encode(part)) == part


TABLES = {"routes": [{"name": "httproute/shop/web/0"}]}


def test_tables_read_back_the_same_and_are_part_of_the_hash():
    with_tables = seal(LINEAGE, 7, [ORDERS], complete=True, replaces=[OTHER], tables=TABLES)
    assert decode(pack(with_tables)) == with_tables
    assert with_tables.hash != SIGNED.hash


def test_a_snapshot_without_tables_is_the_same_bytes_as_before_there_were_any():
    assert b"tables" not in encode(SIGNED)
    assert seal(LINEAGE, 7, [ORDERS], complete=True, replaces=[OTHER], tables={}) == SIGNED


def test_tables_alone_make_a_snapshot_credible():
    assert seal(LINEAGE, 7, [], complete=False, tables=TABLES).is_credible


def test_tables_that_are_no_mapping_are_refused():
    assert "snapshot.tables: is a list, not a mapping" in fault_of(body_with(tables=[]))


def test_gateways_beside_the_fleet_get_no_tables():
    whole = seal(LINEAGE, 7, [ORDERS], complete=True, tables=TABLES)
    assert part_of(whole, "shop") is whole
    assert (part_of(whole, "shop", with_tables=False).tables, part_of(whole, "other").tables) == ({}, TABLES)


def test_an_empty_part_of_a_credible_snapshot_is_believed():
    assert part_of(SIGNED, "other").is_credible


def test_the_part_of_the_only_namespace_is_the_snapshot_itself():
    assert part_of(SIGNED, "shop") is SIGNED


def test_a_snapshot_is_a_value():
    assert isinstance(hash(SIGNED.hash), int)
    assert isinstance(SIGNED, Snapshot)


ROUTES = [{"name": f"httproute/shop/web/{number}"} for number in range(8)]
HELD = seal(LINEAGE, 7, [ORDERS], complete=True, tables={"routes": ROUTES})
EDITED = seal(
    LINEAGE,
    8,
    [],
    complete=True,
    tables={"routes": [*ROUTES[:3], {"name": "httproute/shop/new/0"}, *ROUTES[4:]]},
)


def delta_of(snapshot, held):
    packed = pack_delta(snapshot, held)
    assert packed is not None
    return packed


def test_a_gateway_that_holds_the_last_one_is_sent_what_changed():
    packed = delta_of(EDITED, HELD)
    assert b"web/7" not in gzip.decompress(packed)
    taken = decode(packed, HELD)
    assert taken == EDITED
    routes = taken.tables["routes"]
    assert isinstance(routes, list)
    assert routes[0] is ROUTES[0]


def test_a_gateway_keeps_items_as_bytes_and_takes_over_those_of_the_last_one():
    held = decode_to_keep(pack(HELD))
    kept = held.tables["routes"]
    assert isinstance(kept, list)
    assert kept[0] == b'{"name":"httproute/shop/web/0"}'
    taken = decode_to_keep(delta_of(EDITED, HELD), held)
    routes = taken.tables["routes"]
    assert isinstance(routes, list)
    assert [one is other for one, other in zip(routes, kept, strict=True)] == [True] * 3 + [False] + [
        True
    ] * 4
    assert routes[3] == b'{"name":"httproute/shop/new/0"}'
    assert (taken.hash, taken.policies) == (EDITED.hash, EDITED.policies)


def test_what_a_gateway_keeps_is_encoded_as_it_came():
    taken = decode_to_keep(delta_of(EDITED, HELD), decode_to_keep(pack(HELD)))
    assert encode(taken) == encode(EDITED)
    assert decode(encode(taken)) == EDITED


def test_a_delta_that_does_not_fit_what_is_kept_is_not_taken():
    body = orjson.loads(gzip.decompress(delta_of(EDITED, HELD)))
    body["tablesDelta"]["tables"]["routes"][0] = [1, 3]
    with pytest.raises(DeltaFaults, match="does not match its hash"):
        decode_to_keep(orjson.dumps(body), decode_to_keep(pack(HELD)))


def test_a_delta_may_leave_no_tables():
    bare = seal(LINEAGE, 8, [ORDERS], complete=True)
    assert decode(delta_of(bare, HELD), HELD) == bare


def test_where_everything_changed_there_is_no_delta():
    assert pack_delta(seal(LINEAGE, 8, [], complete=True, tables={"routes": [{}] * 9}), HELD) is None


def test_a_whole_snapshot_is_taken_whatever_is_held():
    assert decode(pack(EDITED), HELD) == EDITED


def test_a_delta_without_what_it_is_of_is_no_snapshot():
    assert "tablesDelta: is not a known key" in fault_of(delta_of(EDITED, HELD))


def test_a_delta_of_another_snapshot_is_not_taken():
    other = seal(LINEAGE, 6, [ORDERS], complete=True, tables={"routes": ROUTES})
    with pytest.raises(DeltaFaults) as caught:
        decode(delta_of(EDITED, HELD), other)
    assert "snapshot.tablesDelta: is of another snapshot than the one held" in str(caught.value)


def test_a_delta_that_does_not_make_what_was_sealed_is_not_taken():
    body = orjson.loads(gzip.decompress(delta_of(EDITED, HELD)))
    body["tablesDelta"]["tables"]["routes"][0] = [1, 3]
    with pytest.raises(ConfigFaults) as caught:
        decode(orjson.dumps(body), HELD)
    assert "does not match its hash" in str(caught.value)


@pytest.mark.parametrize(("key", "value"), [("sequence", 9), ("schemaVersion", 2)])
def test_a_delta_that_makes_no_snapshot_is_told_from_a_whole_one_that_is_none(key, value):
    body = {**orjson.loads(gzip.decompress(delta_of(EDITED, HELD))), key: value}
    with pytest.raises(DeltaFaults):
        decode(orjson.dumps(body), HELD)
    whole = {**orjson.loads(gzip.decompress(pack(EDITED))), key: value}
    with pytest.raises(ConfigFaults) as caught:
        decode(orjson.dumps(whole), HELD)
    assert type(caught.value) is ConfigFaults

"""A snapshot's policies as one gateway hears them."""

import pytest

from app.config.model import NO_TABLES
from app.config.resources import NO_RESOURCES
from app.config.sync.snapshot import PolicyEntry, seal
from app.config.sync.snapshot_policies import read_resources
from app.foundation.errors import ConfigFaults

LINEAGE = "00000000-0000-4000-8000-000000000001"


def entry(name, spec, namespace="shop", generation=1):
    return PolicyEntry(namespace, name, f"uid-{name}", generation, spec)


def timeout(*targets, text="1s"):
    return {"targetRefs": list(targets) or [{"kind": "Gateway"}], "timeout": {"request": text}}


def snapshot(*entries, sequence=1):
    return seal(LINEAGE, sequence, entries, complete=True)


def test_the_mark_names_the_snapshot():
    made = snapshot(entry("a", timeout()))
    mark = read_resources(made).mark
    assert mark is not None
    assert (mark.lineage, mark.sequence, mark.hash) == (made.lineage, 1, made.hash)


def test_policies_are_named_with_their_namespace_and_keep_their_order_and_uids():
    read = read_resources(snapshot(entry("b", timeout()), entry("a", timeout())))
    assert [policy.name for policy in read.policies] == ["shop/b", "shop/a"]
    assert read.uids == {"shop/b": "uid-b", "shop/a": "uid-a"}


def test_other_namespaces_are_left_out_where_the_own_one_is_known():
    made = snapshot(entry("a", timeout()), entry("b", timeout(), namespace="bank"))
    assert [policy.name for policy in read_resources(made, namespace="bank").policies] == ["bank/b"]
    assert len(read_resources(made).policies) == 2


HTTP_ROUTE = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "web"}


def test_of_other_namespaces_only_the_objects_of_the_cluster_count():
    mixed = timeout(HTTP_ROUTE, {"kind": "Route", "name": "r"}, {"kind": "Gateway"})
    made = snapshot(entry("a", mixed), entry("b", timeout()))
    (own,) = read_resources(made, namespace="bank").policies
    assert (own.name, own.namespace) == ("shop/a", "shop")
    assert [target.kind for target in own.spec.targets] == ["HTTPRoute"]
    assert len(read_resources(made, namespace="shop").policies[0].spec.targets) == 3


def test_a_gateway_of_the_cluster_is_not_taken_for_a_release_of_the_same_name():
    edge = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge"}
    (read,) = read_resources(snapshot(entry("a", timeout(edge))), gateway="inner").policies
    assert read.spec.targets[0].is_object


def test_targets_that_name_another_gateway_are_left_out():
    edge, inner = ({"kind": "Gateway", "name": name} for name in ("edge", "inner"))
    route = {"kind": "Route", "name": "r"}
    made = snapshot(entry("a", timeout(edge, route)), entry("b", timeout(inner)))
    read = read_resources(made, gateway="inner")
    assert [(policy.name, len(policy.spec.targets)) for policy in read.policies] == [
        ("shop/a", 1),
        ("shop/b", 1),
    ]
    assert [policy.name for policy in read_resources(made, gateway="other").policies] == ["shop/a"]
    assert len(read_resources(made).policies[0].spec.targets) == 2


def test_one_that_is_not_understood_is_named_with_its_first_faults_and_the_rest_is_read():
    bad = {"targetRefs": [], "a": 1, "b": 2, "c": 3}
    read = read_resources(snapshot(entry("bad", bad, generation=4), entry("good", timeout())))
    assert [policy.name for policy in read.policies] == ["shop/good"]
    (error,) = read.errors
    assert (error.uid, error.generation) == ("uid-bad", 4)
    assert "spec.a: is not a known key" in error.message
    assert error.message.endswith("and 2 more")


def test_few_faults_are_all_told():
    (error,) = read_resources(snapshot(entry("bad", timeout(text="soon")))).errors
    assert "and" not in error.message.split("; ")[0]
    assert "spec.timeout.request" in error.message


def test_what_did_not_change_is_not_read_again_and_what_did_is():
    first = read_resources(snapshot(entry("a", timeout()), entry("b", timeout())), known=NO_RESOURCES)
    edited = entry("b", timeout(text="2s"), generation=2)
    second = read_resources(snapshot(entry("a", timeout()), edited, sequence=2), known=first)
    assert second.read["uid-a"][1] is first.read["uid-a"][1]
    assert second.read["uid-b"][1] is not first.read["uid-b"][1]
    changed = second.policies[1].spec.timeout
    assert changed is not None
    assert changed.request_s == 2.0


def with_tables(tables, sequence=1):
    return seal(LINEAGE, sequence, [], complete=True, tables=tables)


ORDERS = {"name": "service/shop/orders/8080", "discovered": True}


def test_tables_are_read_and_what_stays_is_not_read_again():
    first = read_resources(with_tables({"upstreams": [ORDERS]}))
    again = read_resources(with_tables({"upstreams": [ORDERS], "routes": []}, 2), known=first)
    assert [upstream.name for upstream in first.tables.upstreams] == ["service/shop/orders/8080"]
    assert again.tables.upstreams[0] is first.tables.upstreams[0]


def test_a_snapshot_without_tables_has_none():
    assert read_resources(snapshot()).tables is NO_TABLES


def test_tables_with_a_fault_are_used_in_no_part():
    with pytest.raises(ConfigFaults, match="discovery"):
        read_resources(with_tables({"upstreams": [ORDERS, {"name": "service/a/b/1", "discovery": True}]}))

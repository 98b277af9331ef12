"""A gateway that went through any snapshots, each sent as what changed, has in force what one has that reads only the
last one; and what it says an edit changed is what comparing both tables as a whole says."""

import copy
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.config.edits import differences
from app.config.environment import EnvironmentRules
from app.config.model import Config
from app.config.resources import NO_RESOURCES, Resources
from app.config.sync.snapshot import (
    PolicyEntry,
    Snapshot,
    decode,
    decode_to_keep,
    encode,
    pack,
    pack_delta,
    seal,
)
from app.config.sync.snapshot_policies import read_resources
from app.config.table import Table, compile_table
from app.foundation.errors import ConfigFaults
from app.operator.snapshot.tables import CompiledTables
from app.routing.listener_routes import are_attached_alike, listener_routes

LINEAGE = "11111111-1111-4111-8111-111111111111"
RULES = EnvironmentRules(api_key="k" * 32)
UPSTREAMS = ("service/shop/a/80", "service/shop/b/80", "service/shop/c/80")
LISTENERS = ("shop/web/http", "shop/other/http")

routes = st.fixed_dictionaries(
    {
        "name": st.sampled_from([f"httproute/shop/r{number}/0" for number in range(7)]),
        "listeners": st.lists(st.sampled_from(LISTENERS), min_size=1, max_size=2, unique=True),
        "upstream": st.sampled_from(UPSTREAMS),
        "auth": st.just("none"),
    },
    optional={
        "match": st.sampled_from(["/a", "/b"]).map(lambda path: {"path": {"prefix": path}}),
        "timeout": st.sampled_from([{"request": "5s"}, {"request": "7s"}]),
        "matches": st.just([{"hosts": ["a.b"]}, {"path": {"exact": "/x"}}]),
    },
).filter(lambda route: not ("match" in route and "matches" in route))
documents = st.fixed_dictionaries(
    {
        "listeners": st.sampled_from([LISTENERS, LISTENERS[:1], LISTENERS[::-1]]).map(
            lambda names: [{"name": name, "port": 20_000 + LISTENERS.index(name)} for name in names]
        ),
        "upstreams": st.sampled_from([UPSTREAMS, UPSTREAMS[:2], UPSTREAMS[1:], UPSTREAMS[:1] * 2]).map(
            lambda names: [{"name": name, "discovered": True} for name in names]
        ),
        "routes": st.lists(routes, max_size=6, unique_by=lambda route: str(route["name"])),
    }
)
breakers = st.sampled_from([None, ("Service", "a", 3), ("Gateway", "web", 4), ("HTTPRoute", "r1", 5)])


def policies(breaker: tuple[str, str, int] | None) -> tuple[PolicyEntry, ...]:
    if breaker is None:
        return ()
    kind, name, failures = breaker
    group = "" if kind == "Service" else "gateway.networking.k8s.io"
    spec = {
        "targetRefs": [{"group": group, "kind": kind, "name": name}],
        "circuitBreaker": {"consecutiveFailures": failures},
    }
    return (PolicyEntry("shop", "p", "uid-p", failures, spec),)


def made(resources: Resources, known: Table | None = None) -> Table:
    return compile_table(Config(), RULES, 1, (), resources, 0.0, known)


def copied(table: Table) -> Table:
    """Says the same, and nothing in it is the same object."""
    return copy.deepcopy(table)


def faults_or_table(snapshot: Snapshot, known: Table | None) -> Table | list[str]:
    try:
        resources = read_resources(snapshot, known=NO_RESOURCES if known is None else known.resources)
        return made(resources, known)
    except ConfigFaults as faults:
        return sorted(map(str, faults.faults))


def as_sent(now: Snapshot, held: Snapshot | None, received: Snapshot | None) -> Snapshot:
    packed = None if held is None else pack_delta(now, held)
    return decode_to_keep(pack(now)) if packed is None else decode_to_keep(packed, received)


@given(st.lists(st.tuples(documents, breakers), min_size=2, max_size=6))
def test_what_did_not_change_is_kept_and_nothing_else_shows_it(
    edits: list[tuple[Mapping[str, Any], Any]],
) -> None:
    tables = CompiledTables()
    published: Snapshot | None = None
    received: Snapshot | None = None
    table: Table | None = None
    for sequence, (document, breaker) in enumerate(edits, 1):
        tables.put(document)
        now = seal(LINEAGE, sequence, policies(breaker), complete=True, tables=tables.current)
        got = as_sent(now, published, received)
        fresh, kept = faults_or_table(decode(encode(now)), None), faults_or_table(got, table)
        assert kept == fresh
        assert encode(got) == encode(now)
        published, received = now, got
        if isinstance(kept, Table) and isinstance(fresh, Table):
            assert list(kept.breakers) == list(fresh.breakers)
            if table is not None:
                assert differences(table, kept) == differences(copied(table), copied(kept))
                assert_ports_alike(table, kept)
            table = kept


def assert_ports_alike(before: Table, after: Table) -> None:
    """Where the routes of all listeners are said to be alike, they are in the same places of the same listeners."""
    old, new = ([each.route for each in table.routes] for table in (before, after))
    if before.listeners != after.listeners or not are_attached_alike(old, new):
        return
    ports, others = listener_routes(before.listeners, old), listener_routes(after.listeners, new)
    assert {port: [(each.name, each.positions) for each in one.listeners] for port, one in ports.items()} == {
        port: [(each.name, each.positions) for each in one.listeners] for port, one in others.items()
    }

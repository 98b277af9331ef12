import gc
import logging
from collections import Counter
from dataclasses import replace

import pytest

from app.config.parsing.tables import ReadTables
from app.config.sync.snapshot import PolicyEntry, Snapshot, seal
from app.config.table import Table
from app.dataplane.proxy.routes import Plans
from app.foundation.errors import ConfigFaults
from app.gateway.config.configuration import Configuration
from app.gateway.config.preparation import Prepared
from app.gateway.config.snapshots import Snapshots
from tests.fakes.gateway_parts import ONE_ROUTE, GatewayParts
from tests.fakes.waiting import until


async def test_the_first_table_comes_from_the_file(tmp_path):
    parts = GatewayParts(tmp_path)
    assert parts.sequence == 1
    assert parts.configuration.paths == [str(parts.file)]
    assert parts.configuration.contents == {str(parts.file): ONE_ROUTE.encode()}
    assert parts.counts.config_sources == {
        "environment": True,
        "file": True,
        "configmap": False,
        "sync": False,
    }
    await parts.close()


async def test_the_files_that_it_names_are_watched_too(tmp_path):
    keys = tmp_path / "keys.yaml"
    keys.write_text("keys: []")
    parts = GatewayParts(tmp_path, ONE_ROUTE + f"keysFile: {keys}\n")
    assert parts.configuration.paths == [str(parts.file), str(keys)]
    await parts.close()


async def test_a_fault_at_the_start_is_raised(tmp_path):
    with pytest.raises(ConfigFaults, match="routes"):
        GatewayParts(tmp_path, "routes: 7")


@pytest.mark.parametrize("nothing", ["", "\n \n"])
async def test_a_file_that_was_cut_to_nothing_takes_no_route_away(tmp_path, nothing):
    parts = GatewayParts(tmp_path)
    with pytest.raises(ConfigFaults, match=r"gateway\.yaml: is empty now, .* or routes: \[\] for none"):
        parts.configuration.prepare({str(parts.file): nothing.encode()}, None)
    assert [plan.name for plan in parts.context.plans.plans] == ["all"]
    await parts.close()


async def test_a_file_that_was_empty_from_the_start_may_stay_so(tmp_path):
    parts = GatewayParts(tmp_path, "", AUTH="none")
    assert parts.configuration.prepare({str(parts.file): b"\n"}, None).plans.table.sequence == 2
    await parts.close()


async def test_only_another_api_key_makes_another_table(tmp_path):
    parts = GatewayParts(tmp_path, API_KEY="key-1-of-the-tests-0123")
    same = replace(parts.settings, admin_token="another-token-0123456")
    assert not parts.configuration.renew_secrets(same)
    assert parts.configuration.renew_secrets(replace(same, api_key="key-2-of-the-tests-0123"))
    assert not parts.configuration.renew_secrets(replace(same, api_key="key-2-of-the-tests-0123"))
    await parts.close()


LINEAGE = "00000000-0000-4000-8000-000000000001"
ORDERS, CARTS = "service/shop/orders/80", "service/shop/carts/80"


def rule(number, upstream=ORDERS, path="/"):
    return {
        "name": f"httproute/shop/web/{number}",
        "listeners": ["shop/web/http"],
        "match": {"path": {"prefix": path}},
        "upstream": upstream,
        "mirror": [{"upstream": CARTS}],
        "auth": "none",
    }


def snapshot(sequence, *rules, policies=(), protocol="auto"):
    tables = {
        "listeners": [{"name": "shop/web/http", "port": 20_001}],
        "upstreams": [
            {"name": ORDERS, "missing": "gone"},
            {"name": CARTS, "missing": "gone", "protocol": protocol},
        ],
        "routes": list(rules),
    }
    return seal(LINEAGE, sequence, policies, complete=True, tables=tables)


def timeout(text):
    spec = {"targetRefs": [{"kind": "Gateway"}], "timeout": {"request": text}}
    return (PolicyEntry("shop", "p", "uid-p", 1, spec),)


async def test_routes_of_the_cluster_that_stay_serve_on_with_all_that_was_made_for_them(tmp_path):
    parts = GatewayParts(tmp_path)
    assert await parts.reloads.take(snapshot(1, rule(0), rule(1, path="/a")), "sync")
    before = parts.context.plans
    assert await parts.reloads.take(snapshot(2, rule(2, path="/b"), rule(0), rule(1, path="/c")), "sync")
    after = parts.context.plans
    assert [plan.name[-1] for plan in after.plans[1:]] == ["2", "0", "1"]
    assert after.plans[2] is before.plans[1]
    assert after.table.routes[2] is before.table.routes[1]
    assert after.plans[3] is not before.plans[2]
    assert after.table.breakers == before.table.breakers
    assert all(plan.is_bound for plan in after.plans)
    await parts.close()


async def test_tables_that_are_no_more_in_force_are_given_up_at_once(tmp_path):
    parts = GatewayParts(tmp_path)

    def alive():
        found = Counter(type(one) for one in gc.get_objects())
        return [found[kind] for kind in (Table, Plans, Prepared, Snapshot, ReadTables)]

    await parts.reloads.take(snapshot(1, rule(0), rule(1, path="/a")), "sync")
    gc.collect()
    gc.disable()  # so that nothing is left to the collector, which looks seldom
    try:
        before = alive()
        for sequence in range(2, 7):
            await parts.reloads.take(snapshot(sequence, rule(0), rule(sequence, path="/a")), "sync")
        # the thread that prepared the last one may be about to let it go
        await until(lambda: alive() == before, "what is no more in force to be given up")
    finally:
        gc.enable()
    assert {plan.name for plan in parts.context.plans.plans} == {
        "all",
        "httproute/shop/web/0",
        "httproute/shop/web/6",
    }
    await parts.close()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"policies": timeout("5s")}),
        ({"policies": timeout("5s")}, {"policies": timeout("6s")}),
        ({"protocol": "http1"}, {"protocol": "h2"}),
    ],
    ids=["policy", "other policy", "upstream"],
)
async def test_where_a_policy_or_an_upstream_changed_they_are_made_again(tmp_path, first, second):
    parts = GatewayParts(tmp_path)
    await parts.reloads.take(snapshot(1, rule(0), **first), "sync")
    before = parts.context.plans
    await parts.reloads.take(snapshot(2, rule(0), **second), "sync")
    after = parts.context.plans
    assert after.plans[1] is not before.plans[1]
    expected = second.get("policies") and second["policies"][0].spec["timeout"]["request"]
    assert after.plans[1].request_s == (float(expected[:-1]) if expected else 30.0)
    assert after.plans[1].mirrors[0].upstream is parts.bindings.upstreams[CARTS]
    await parts.close()


async def test_tables_that_cannot_be_used_leave_the_last_ones_in_force(tmp_path):
    parts = GatewayParts(tmp_path)
    await parts.reloads.take(snapshot(1, rule(0)), "sync")
    before = parts.context.plans
    assert not await parts.reloads.take(snapshot(2, rule(0, upstream="service/shop/x/80")), "sync")
    assert parts.context.plans is before
    assert parts.snapshots.attempt is not None
    assert "names the unknown upstream service/shop/x/80" in parts.snapshots.attempt.message
    await parts.close()


def starting(parts, file, offered):
    """A configuration before its first table, with a snapshot on offer."""
    parts.file.write_text(file)
    snapshots = Snapshots()
    assert snapshots.offer(offered, "configmap")
    return Configuration(parts.settings, parts.bindings, snapshots, parts.counts), snapshots


async def test_a_snapshot_that_cannot_be_used_is_no_reason_not_to_start(tmp_path, caplog):
    parts = GatewayParts(tmp_path)
    bad = snapshot(1, rule(0, upstream="service/shop/x/80"))
    configuration, snapshots = starting(parts, ONE_ROUTE, bad)
    with caplog.at_level(logging.ERROR, "tidegate.config"):
        plans = configuration.load()
    assert [plan.name for plan in plans.plans] == ["all"]
    assert (snapshots.held, snapshots.offered) == (None, None)
    assert snapshots.attempt is not None
    assert "names the unknown upstream service/shop/x/80" in snapshots.attempt.message
    assert "snapshot not applied at start: tables.routes[0].upstream" in caplog.text
    await parts.close()


async def test_a_file_with_a_fault_is_one_whatever_the_snapshot_says(tmp_path):
    parts = GatewayParts(tmp_path)
    configuration, snapshots = starting(parts, "routes: 7", snapshot(1, rule(0)))
    with pytest.raises(ConfigFaults, match="routes: is a number"):
        configuration.load()
    assert snapshots.attempt is None
    await parts.close()

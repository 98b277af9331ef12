"""The operator reconciles by itself, against an API server in memory and gateways that poll."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from app.config.sync.messages import REPORT_PATH, BreakerReport, TransitionReport
from app.config.sync.snapshot import SNAPSHOT_KEY, decode, pack, seal
from app.foundation.errors import ClusterError
from tests.fakes.cluster import FakeCluster
from tests.fakes.control_plane import HandDrivenOperator, polling, running
from tests.fakes.waiting import until

SPEC = {"targetRefs": [{"kind": "Route", "name": "orders"}], "timeout": {"request": "10s"}}
LINEAGE = "11111111-2222-3333-4444-555555555555"


def listed(operator: HandDrivenOperator) -> Callable[[], bool]:
    return lambda: operator.state.policies.has_synced


async def test_an_edit_reaches_every_gateway_and_then_the_status():
    async with running() as operator:
        gateways = [operator.gateway(f"gw-{number}") for number in range(3)]
        async with polling(operator, *gateways):
            operator.cluster.apply("orders", SPEC)
            await until(lambda: operator.condition("orders") == ("True", "Programmed"), "Programmed")
        assert operator.cluster.status_of("orders")["gateways"]["summary"] == "3/3"
        assert {len(one.held.policies) for one in gateways if one.held} == {1}


async def test_an_edit_that_reaches_everybody_at_once_costs_one_status_write():
    async with running() as operator:
        gateway = operator.gateway("gw-0")
        async with polling(operator, gateway):
            await until(lambda: gateway.held is not None, "the first snapshot")
            operator.cluster.apply("orders", SPEC)
            await until(lambda: operator.condition("orders") == ("True", "Programmed"), "Programmed")
        assert operator.cluster.calls["status"] == 1


async def test_the_time_from_an_edit_to_the_last_acknowledgement_is_counted():
    async with running() as operator:
        gateway = operator.gateway("gw-0")
        async with polling(operator, gateway):
            await until(lambda: gateway.held is not None, "the first snapshot")
            operator.cluster.apply("orders", SPEC)
            await until(lambda: sum(operator.counts.lag_cells) == 1, "the lag")


async def test_an_api_server_that_is_unavailable_changes_nothing_and_the_edit_lands_afterwards():
    async with running() as operator:
        gateway = operator.gateway("gw-0")
        async with polling(operator, gateway):
            await until(lambda: gateway.held is not None, "the first snapshot")
            operator.cluster.unavailable = True
            operator.cluster.apply("orders", SPEC)
            await until(lambda: operator.counts.reconciles["failed"] > 0, "a failure")
            assert gateway.held is not None
            operator.cluster.unavailable = False
            await until(lambda: operator.condition("orders") == ("True", "Programmed"), "Programmed")


async def test_a_restarted_operator_serves_the_configmaps_snapshot_before_it_listed():
    cluster = FakeCluster()
    async with running(cluster) as operator:
        cluster.apply("orders", SPEC)
        await until(lambda: len(operator.state.policies) == 1, "the list")
    before = decode(cluster.configmaps["tidegate-snapshot"].data[SNAPSHOT_KEY])
    async with running(cluster) as again:
        await until(listed(again), "the list")
        assert again.snapshot == before


async def test_two_operators_agree_on_one_lineage():
    cluster = FakeCluster()
    async with running(cluster) as first, running(cluster) as second:

        def request(why: str) -> None:
            first.plane.trigger.request(why)
            second.plane.trigger.request(why)

        cluster.on_change = request
        for number in range(5):
            cluster.apply("orders", {**SPEC, "timeout": {"request": f"{number + 1}s"}})
            await asyncio.sleep(0)
        await until(lambda: first.snapshot == second.snapshot and len(first.state.policies) == 1, "one")


async def test_a_lost_configmap_is_written_again_in_a_lineage_that_replaces_the_lost_one():
    """Another operator may have served on in the old one: its next numbers are nobody's to give."""
    async with running() as operator:
        await until(listed(operator), "the list")
        before = operator.snapshot
        assert before is not None
        operator.cluster.lose_snapshot()
        operator.plane.trigger.request("look")
        await until(
            lambda: SNAPSHOT_KEY in operator.cluster.configmaps["tidegate-snapshot"].data, "the content"
        )
        after = decode(operator.cluster.configmaps["tidegate-snapshot"].data[SNAPSHOT_KEY])
        assert (after.sequence, after.policies) == (1, before.policies)
        assert after.lineage != before.lineage
        assert after.replaces == (before.lineage,)


async def test_a_lineage_that_gateways_alone_remember_is_replaced():
    async with running() as operator:
        gateway = operator.gateway("gw-0")
        gateway.take(pack(seal(LINEAGE, 900, [], complete=True)))
        async with polling(operator, gateway):
            await until(
                lambda: gateway.held is not None and gateway.held.lineage != LINEAGE, "the new lineage"
            )
        assert gateway.held is not None
        assert LINEAGE in gateway.held.replaces


async def test_a_garbled_configmap_starts_a_new_lineage():
    cluster = FakeCluster()
    stored = cluster.configmaps["tidegate-snapshot"]
    cluster.configmaps["tidegate-snapshot"] = replace(stored, data={SNAPSHOT_KEY: b"garbage"})
    async with running(cluster) as operator:
        await until(listed(operator), "the list")
        assert operator.snapshot is not None
        assert operator.snapshot.sequence == 1


async def test_a_status_that_somebody_else_wrote_is_evaluated_again():
    async with running() as operator:
        gateway = operator.gateway("gw-0")
        async with polling(operator, gateway):
            operator.cluster.apply("orders", SPEC)
            await until(lambda: operator.condition("orders") == ("True", "Programmed"), "Programmed")
        foreign = {"type": "x.io/Seen", "status": "True", "reason": "R", "message": ""}
        operator.cluster.edit_status("orders", {"conditions": [foreign]})
        gateway.routes = ()  # changes what the status must say
        await operator.sync(gateway, path=REPORT_PATH)
        await until(
            lambda: operator.condition("orders", "Accepted") == ("False", "TargetNotFound"), "the status"
        )
        assert foreign in operator.cluster.status_of("orders")["conditions"]
        assert operator.counts.status_writes["conflict"] == 1


async def test_a_snapshot_too_large_for_a_configmap_keeps_the_last_one(monkeypatch):
    monkeypatch.setattr("app.config.sync.snapshot.MAX_PACKED_BYTES", 400)
    async with running() as operator:
        await until(listed(operator), "the list")
        for number in range(40):
            operator.cluster.apply(
                f"p{number}", {**SPEC, "targetRefs": [{"kind": "Route", "name": f"r{number}"}]}
            )
        await until(lambda: operator.counts.reconciles["too_large"] > 0, "the fault")
        assert operator.snapshot is not None
        assert operator.snapshot.policies == ()


async def test_breakers_show_in_the_status_and_as_events():
    async with running() as operator:
        gateway = operator.gateway("gw-0")
        spec = {
            "targetRefs": [{"kind": "Upstream", "name": "shop"}],
            "circuitBreaker": {"consecutiveFailures": 3},
        }
        operator.cluster.apply("shop", spec)
        uid = operator.cluster.bodies["shop", "shop"]["metadata"]["uid"]
        async with polling(operator, gateway):
            await until(lambda: operator.condition("shop") == ("True", "Programmed"), "Programmed")
        gateway.breakers = (BreakerReport("shop", "open", 1.0, "consecutive_failures", (uid, "uid-gone")),)
        gateway.transitions = (
            TransitionReport(1, "shop", "closed", "open", "consecutive_failures", 1.0, (uid, "uid-gone")),
        )
        assert (await operator.sync(gateway, path=REPORT_PATH)).status == 204
        await until(
            lambda: operator.cluster.status_of("shop").get("breakerSummary") == "open 1/1", "open 1/1"
        )
        await until(lambda: ("BreakerOpened", "shop", 1) in operator.cluster.recorded(), "the event")


async def test_a_limit_store_that_becomes_unavailable_is_reported_on_the_policies_that_need_it():
    rules = [{"name": "r", "key": "Client", "requests": 5, "period": "1s"}]
    async with running() as operator:
        gateway = operator.gateway("gw-0")
        operator.cluster.apply(
            "limited", {"targetRefs": [{"kind": "Gateway"}], "rateLimit": {"rules": rules}}
        )
        operator.cluster.apply("orders", SPEC)
        await until(lambda: len(operator.state.policies) == 2, "the list")
        for up in (True, False, True):
            gateway.limit_store_up = up
            await operator.sync(gateway, path=REPORT_PATH)
        await until(lambda: len(operator.cluster.events) == 2, "the events")
        assert sorted(operator.cluster.recorded()) == [
            ("LimitStoreDown", "limited", 1),
            ("LimitStoreUp", "limited", 1),
        ]


async def test_a_rejecting_gateway_is_counted():
    async with running() as operator:
        gateway = operator.gateway("gw-0")
        gateway.lacks = ("timeout",)
        operator.cluster.apply("orders", SPEC)
        async with polling(operator, gateway):
            await until(lambda: operator.condition("orders") == ("False", "Rejected"), "Rejected")
        assert operator.counts.nacks == {"policy": 1}


async def test_events_that_cannot_be_written_are_counted_and_dropped():
    async with running() as operator:
        operator.cluster.apply("a", SPEC)
        operator.cluster.apply("b", SPEC)

        async def reject(_: Any) -> None:
            raise ClusterError("post an event in", "shop", 403, "forbidden")

        operator.cluster.post_event = reject  # type: ignore[method-assign, assignment]
        await until(lambda: operator.counts.events["failed"] == 1, "the failure")

"""The operator as a plain process against a real API server, with the rights of its Role and no others.

The gateways are this test's: they speak the real protocol, each with a token that is bound to its pod. Their
pods exist but are never scheduled; an EndpointSlice of the test says which take traffic.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio

from tests.e2e.operator_place import AUDIENCE, Place, binding, eventually
from tests.fakes.process import Child
from tests.fakes.synced_caller import Caller
from tests.fakes.synced_gateway import SyncedGateway

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

SPEC = {"targetRefs": [{"kind": "Route", "name": "orders"}], "timeout": {"request": "10s"}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory) -> AsyncIterator[Place]:
    assert "KUBECONFIG" in os.environ, "KUBECONFIG must name a cluster"
    made = Place(tmp_path_factory.mktemp("operator"))
    await made.make()
    try:
        yield made
    finally:
        made.drop()


@pytest_asyncio.fixture(loop_scope="module")
async def fleet(place) -> AsyncIterator[tuple[Place, list[Caller], Child]]:
    """The operator and three gateways that take traffic and poll; policies of earlier tests are gone."""
    await place.kubectl("delete", "rsp", "--all", "--wait=true")
    async with place.running() as child:
        pods = [await place.add_pod(f"gw-{number}") for number in range(3)]
        ca = await eventually(place.ca, "the CA")
        tokens = {pod.uid: await place.token(pod) for pod in pods}
        callers = [
            Caller(SyncedGateway(pod), place.url, partial(tokens.__getitem__, pod.uid), ca) for pod in pods
        ]
        await place.take_traffic(*pods)
        for caller in callers:
            caller.start()
        try:
            yield place, callers, child
        finally:
            for caller in callers:
                await caller.__aexit__()


async def test_an_edit_reaches_every_gateway_and_the_status_says_so(fleet):
    place, callers, _ = fleet
    await place.apply("orders", SPEC)
    await place.wait_ready("orders")
    status = await place.status("orders")
    assert status["gateways"]["summary"] == "3/3"
    assert {len(caller.gateway.held.policies) for caller in callers} == {1}


async def test_wait_after_an_edit_speaks_of_the_edit(fleet):
    place, callers, _ = fleet
    await place.apply("orders", SPEC)
    await place.wait_ready("orders")
    await place.apply("orders", {**SPEC, "timeout": {"request": "20s"}})
    await place.wait_ready("orders")
    held = {caller.gateway.held.policies[0].spec["timeout"]["request"] for caller in callers}
    assert held == {"20s"}


async def test_an_edit_does_not_wait_for_the_edits_of_other_policies(fleet):
    """Whatever the watch keeps for each object must not hold up what happens to the next one."""
    place, _, _ = fleet
    names = [f"p{number:02}" for number in range(12)]
    await place.apply_all({name: {**SPEC, "targetRefs": [{"kind": "Route", "name": name}]} for name in names})

    async def all_served():
        return {one.name for one in (await place.snapshot()).policies} >= set(names)

    await eventually(all_served, "all of them to be served; their watch may be busy still")
    target = {"targetRefs": [{"kind": "Route", "name": names[-1]}]}
    await place.apply(names[-1], {**SPEC, **target, "timeout": {"request": "20s"}})

    async def applied():
        snapshot = await place.snapshot()
        return any(one.spec["timeout"]["request"] == "20s" for one in snapshot.policies)

    await eventually(applied, "the edit to be served", 3.0)


async def test_nothing_is_written_at_rest(fleet):
    place, _, _ = fleet
    await place.apply("orders", SPEC)
    await place.wait_ready("orders")
    await asyncio.sleep(1.5)
    before = (await place.get("rsp", "orders"))["metadata"]["resourceVersion"]
    await asyncio.sleep(6.0)
    assert (await place.get("rsp", "orders"))["metadata"]["resourceVersion"] == before


async def test_a_policy_goes_at_once_and_without_finalizers(fleet):
    place, callers, _ = fleet
    await place.apply("orders", SPEC)
    await place.wait_ready("orders")
    assert "finalizers" not in (await place.get("rsp", "orders"))["metadata"]
    await place.kubectl("delete", "rsp", "orders", "--timeout=5s")

    async def gone():
        return all(caller.gateway.held.policies == () for caller in callers)

    await eventually(gone, "the gateways to fall back")


async def test_the_loser_of_a_conflict_learns_who_won(fleet):
    place, _, _ = fleet
    await place.apply("a-first", SPEC)
    await place.wait_ready("a-first")
    await place.apply("b-second", {**SPEC, "timeout": {"request": "1s"}})

    async def conflicted():
        return await place.condition("b-second", "Accepted") == ("False", "Conflicted")

    await eventually(conflicted, "the conflict")

    async def found():
        events = (await place.get("events"))["items"]
        return any(one["reason"] == "Conflicted" and "a-first" in one["message"] for one in events)

    await eventually(found, "the event")


async def test_one_pod_that_lags_is_named_and_heals(fleet):
    place, callers, _ = fleet
    await callers[2].pause()
    await place.apply("orders", SPEC)

    async def lagging():
        status = await place.status("orders")
        named = [one["pod"] for one in status.get("gateways", {}).get("failing", ())]
        return named == ["gw-2"]

    await eventually(lagging, "gw-2 to be named")
    assert await place.condition("orders", "Programmed") == ("False", "Reconciling")
    callers[2].start()
    await place.wait_ready("orders")
    assert "failing" not in (await place.status("orders"))["gateways"]


async def test_a_killed_operator_serves_the_same_snapshot_again(fleet):
    place, _, child = fleet
    await place.apply("orders", SPEC)
    await place.wait_ready("orders")
    before = await place.snapshot()
    await child.kill()
    async with place.operator() as again:
        await place.until_ready()
        await place.apply("orders", {**SPEC, "timeout": {"request": "30s"}})
        await place.wait_ready("orders")
        after = await place.snapshot()
        assert (after.lineage, after.sequence) == (before.lineage, before.sequence + 1)
        assert await again.stop() == 0


async def test_a_second_operator_at_once_makes_no_gap_and_no_second_lineage(fleet):
    place, callers, _ = fleet
    await place.apply("orders", SPEC)
    await place.wait_ready("orders")
    before = await place.snapshot()
    async with place.operator(0, 0) as second:
        await second.wait_line("gateways sync at port", 20)
        for number in range(5):
            await place.apply("orders", {**SPEC, "timeout": {"request": f"{number + 1}s"}})
            await asyncio.sleep(0.3)
        after = await place.snapshot()
        assert after.lineage == before.lineage
        assert after.sequence - before.sequence <= 5
        assert await second.stop() == 0

    async def applied():
        newest = (await place.snapshot()).sequence
        return {caller.gateway.held.sequence for caller in callers} == {newest}

    await eventually(applied, "every gateway to hold the newest")


async def test_a_lost_configmap_content_is_written_again_in_a_lineage_that_replaces_it(fleet):
    place, callers, _ = fleet
    await place.apply("orders", SPEC)
    await place.wait_ready("orders")
    before = await place.snapshot()
    await place.kubectl(
        "patch", "configmap", "tidegate-snapshot", "--type=merge", "-p", '{"binaryData": null}'
    )
    await place.apply("orders", {**SPEC, "timeout": {"request": "12s"}})
    await place.wait_ready("orders")
    after = await place.snapshot()
    assert after.replaces == (before.lineage,)
    assert {caller.gateway.held.lineage for caller in callers} == {after.lineage}


async def test_forged_and_replayed_calls_are_rejected_and_counted(fleet):
    place, callers, _ = fleet
    await place.apply("orders", SPEC)
    await place.wait_ready("orders")
    mine, other = callers[0], callers[1]
    await mine.pause()
    stranger = await place.token(mine.gateway.pod, account="stranger")
    foreign = await place.token(mine.gateway.pod, audience="somebody-else")
    unbound = (await place.kubectl("create", "token", "tidegate-gateway", "--audience", AUDIENCE)).strip()
    request = mine.gateway.request(0)
    assert await mine.say(request, token="no token") == 401
    assert await mine.say(request, token=foreign) == 401
    assert await mine.say(request, token=unbound) == 401  # not a pod's
    assert await mine.say(request, token=stranger) == 401
    assert await mine.say(other.gateway.request(0)) == 403  # somebody else's acknowledgement
    assert await mine.say(request) == 204
    assert await mine.say(request) == 409
    rejected = await place.metric('tidegate_operator_sync_requests_total{code="4')
    assert rejected >= 6


async def test_an_event_says_once_that_a_generation_is_applied(fleet):
    place, _, _ = fleet
    await place.apply("told", SPEC)
    await place.wait_ready("told")

    async def events():
        found = (await place.get("events"))["items"]
        return [
            one for one in found if one["reason"] == "Applied" and one["involvedObject"]["name"] == "told"
        ]

    (event,) = await eventually(events, "the event")
    assert (event["type"], event["count"]) == ("Normal", 1)


async def test_the_operator_of_these_tests_has_no_other_rights(place):
    asked = ("auth", "can-i", "list", "secrets", "--kubeconfig", place.kubeconfig)
    assert (await place.kubectl(*asked, check=False)).strip() == "no"


async def test_an_operator_without_its_role_says_what_it_lacks(place, tmp_path):
    await place.kubectl("delete", "rolebinding", "operator")
    try:
        async with place.operator(0, 0) as child:
            assert await child.wait(20) == 1
            assert "forbidden" in child.output
    finally:
        account = {"kind": "ServiceAccount", "name": "operator", "namespace": place.name}
        await place.create(binding("RoleBinding", "operator", "Role", "operator", account))

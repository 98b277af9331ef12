"""Statuses are written where they differ, with the version that was read, and never at rest."""

import asyncio
from contextlib import asynccontextmanager

from app.operator.clock import REAL, Clock
from app.operator.cluster.route_statuses import AGAIN_S, RIVAL_S, TURN, WRITE_S, RouteStatuses
from app.operator.kube.kinds import GATEWAY, GATEWAY_CLASS, HTTP_ROUTE, WATCHED_KINDS
from app.operator.kube.object_store import ObjectStore
from app.operator.metrics import OperatorCounts
from app.operator.routes.compiled import ObjectId, ObjectStatus, ParentStatus
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.references import ParentRef
from tests.app.operator.cluster_samples import (
    ACCEPTED,
    CONTROLLER,
    PROGRAMMED,
    WEB,
    gateway_body,
    object_body,
    status,
)
from tests.fakes.object_server import object_client
from tests.fakes.objects import FakeObjects
from tests.fakes.waiting import until

KEY = ("shop", "web")


class Writing:
    """`statuses` over a cluster with one Gateway, which the store knows. `time`: advanced by hand."""

    def __init__(self, client, objects):
        self.objects, self.time_s = objects, 100.0
        self.store, self.counts = ObjectStore(WATCHED_KINDS), OperatorCounts()
        clock = Clock(lambda: self.time_s, REAL.wall_s)
        self.statuses = RouteStatuses(client, self.store, CONTROLLER, self.counts, clock)
        self.store.report_to(self)
        self.uid = objects.apply(GATEWAY, gateway_body())["metadata"]["uid"]
        self.follow()

    def content(self, kind, key):
        self.statuses.look_again(kind, key)

    status = content

    def follow(self):
        """As the watch would do."""
        for kind in (GATEWAY, HTTP_ROUTE, GATEWAY_CLASS):
            self.store.replace(kind, self.objects.listed(kind))

    def want(self, *conditions, **parts):
        self.statuses.want({WEB: status(*conditions, uid=self.uid, **parts)})

    def want_with_routes(self, count):
        """The Gateway is accepted, and so many routes of it are."""
        parent = ParentStatus(ParentRef("gateway.networking.k8s.io", "Gateway", "web"), (ACCEPTED,))
        wanted = {}
        for number in range(count):
            made = self.objects.apply(HTTP_ROUTE, object_body(f"r{number}", spec={"a": 1}))
            id_ = ObjectId("HTTPRoute", ObjectKey("shop", f"r{number}"))
            wanted[id_] = ObjectStatus(id_, made["metadata"]["uid"], 1, parents=(parent,))
        self.follow()
        self.statuses.want({**wanted, WEB: status(ACCEPTED, uid=self.uid)})

    def written(self, kind):
        """How many objects of `kind` say something."""
        return sum("status" in body for body in self.objects.listed(kind))

    def stored(self):
        return self.objects.status(GATEWAY, KEY)


@asynccontextmanager
async def writing():
    objects = FakeObjects()
    async with object_client(objects) as client:
        yield Writing(client, objects)


async def test_a_status_is_written_once_and_then_never_again():
    async with writing() as it:
        it.want(ACCEPTED)
        assert await it.statuses.write_due() is None
        assert [one["type"] for one in it.stored()["conditions"]] == ["Accepted"]
        it.want(ACCEPTED)
        it.follow()
        it.time_s += 10
        await it.statuses.write_due()
        assert it.objects.calls["status", "Gateway"] == 1
        assert it.counts.object_writes == {("Gateway", "written"): 1}


async def test_two_changes_in_a_row_are_half_a_second_apart():
    async with writing() as it:
        it.want(ACCEPTED)
        await it.statuses.write_due()
        it.want(ACCEPTED, PROGRAMMED)
        assert await it.statuses.write_due() == WRITE_S
        it.time_s += WRITE_S
        assert await it.statuses.write_due() is None
        assert len(it.stored()["conditions"]) == 2


async def test_what_somebody_else_wrote_meanwhile_is_read_first_and_stays():
    async with writing() as it:
        it.objects.edit_status(GATEWAY, KEY, {"conditions": [{"type": "example.com/Seen", "status": "True"}]})
        it.want(ACCEPTED)
        await it.statuses.write_due()
        assert it.counts.object_writes == {("Gateway", "conflict"): 1}
        it.time_s += WRITE_S
        await it.statuses.write_due()
        assert [one["type"] for one in it.stored()["conditions"]] == ["Accepted", "example.com/Seen"]


async def test_somebody_who_takes_our_conditions_away_is_corrected():
    async with writing() as it:
        it.want(ACCEPTED)
        await it.statuses.write_due()
        it.objects.edit_status(GATEWAY, KEY, {})
        it.follow()
        it.time_s += WRITE_S
        await it.statuses.write_due()
        assert it.stored()["conditions"]


async def test_an_object_that_is_gone_or_another_one_gets_none():
    async with writing() as it:
        it.statuses.want({WEB: status(ACCEPTED, uid="another")})
        assert await it.statuses.write_due() is None
        it.want(ACCEPTED)
        it.objects.remove(GATEWAY, KEY)
        assert await it.statuses.write_due() is None
        assert it.counts.object_writes == {("Gateway", "gone"): 1}


async def test_a_failure_is_tried_again(caplog):
    async with writing() as it:
        it.objects.faults["status"] = [500]
        it.want(ACCEPTED)
        left_s = await it.statuses.write_due()
        assert left_s is not None
        assert "status not written" in caplog.text
        it.time_s += left_s
        assert await it.statuses.write_due() is None
        assert it.stored()["conditions"]


async def test_a_conflict_whose_object_cannot_be_read_is_tried_again():
    async with writing() as it:
        it.objects.edit_status(GATEWAY, KEY, {"addresses": []})
        it.objects.faults["get"] = [500]
        it.want(ACCEPTED)
        assert await it.statuses.write_due() is not None


async def test_a_class_of_the_whole_cluster_is_written_too():
    async with writing() as it:
        made = it.objects.apply(GATEWAY_CLASS, {"metadata": {"name": "tidegate"}, "spec": {}})
        it.follow()
        id_ = ObjectId("GatewayClass", ObjectKey("", "tidegate"))
        it.statuses.want({id_: status(ACCEPTED, id_=id_, uid=made["metadata"]["uid"])})
        await it.statuses.write_due()
        assert it.objects.status(GATEWAY_CLASS, ("", "tidegate"))["conditions"]


async def test_a_route_that_left_our_gateways_loses_what_we_said_of_it():
    async with writing() as it:
        made = it.objects.apply(HTTP_ROUTE, object_body("web", spec={"a": 1}))
        it.follow()
        id_ = ObjectId("HTTPRoute", ObjectKey("shop", "web"))
        parent = ParentStatus(ParentRef("gateway.networking.k8s.io", "Gateway", "web"), (ACCEPTED,))
        it.statuses.want({id_: ObjectStatus(id_, made["metadata"]["uid"], 1, parents=(parent,))})
        await it.statuses.write_due()
        assert len(it.objects.status(HTTP_ROUTE, KEY)["parents"]) == 1
        it.statuses.want({})
        it.time_s += WRITE_S
        await it.statuses.write_due()
        assert it.objects.status(HTTP_ROUTE, KEY)["parents"] == []
        it.statuses.want({})
        it.time_s += WRITE_S
        await it.statuses.write_due()
        assert it.objects.calls["status", "HTTPRoute"] == 2


async def test_what_is_amended_is_written_and_all_else_stays_wanted():
    async with writing() as it:
        made = it.objects.apply(GATEWAY_CLASS, {"metadata": {"name": "tidegate"}, "spec": {}})
        it.follow()
        id_ = ObjectId("GatewayClass", ObjectKey("", "tidegate"))
        it.statuses.want({id_: status(ACCEPTED, id_=id_, uid=made["metadata"]["uid"])})
        await it.statuses.write_due()
        it.statuses.amend({WEB: status(ACCEPTED, uid=it.uid)})
        await it.statuses.write_due()
        assert it.stored()["conditions"]
        it.objects.edit_status(GATEWAY_CLASS, ("", "tidegate"), {})
        it.follow()
        it.time_s += WRITE_S
        await it.statuses.write_due()
        assert it.objects.status(GATEWAY_CLASS, ("", "tidegate"))["conditions"]


async def test_what_a_gateway_must_say_does_not_wait_for_thousands_of_routes():
    async with writing() as it:
        it.want_with_routes(3 * TURN)
        assert await it.statuses.write_due() == 0.0
        assert it.written(HTTP_ROUTE) == TURN - 1
        assert [one["type"] for one in it.stored()["conditions"]] == ["Accepted"]
        it.time_s += WRITE_S
        it.statuses.amend({WEB: status(ACCEPTED, PROGRAMMED, uid=it.uid)})
        assert await it.statuses.write_due() == 0.0
        assert len(it.stored()["conditions"]) == 2
        assert it.written(HTTP_ROUTE) == 2 * (TURN - 1)
        while await it.statuses.write_due() is not None:
            it.time_s += WRITE_S
        assert it.written(HTTP_ROUTE) == 3 * TURN


async def test_after_a_failure_the_rest_waits_too(caplog):
    async with writing() as it:
        it.want_with_routes(2 * TURN)
        it.objects.faults["status"] = [503] * TURN
        assert await it.statuses.write_due() == AGAIN_S
        assert it.written(HTTP_ROUTE) == 0
    assert "status not written, tried again" in caplog.text


async def test_it_writes_by_itself():
    async with writing() as it:
        task = asyncio.ensure_future(it.statuses.run())
        it.want(ACCEPTED)
        await until(lambda: bool(it.stored()), "the status")
        it.want(ACCEPTED, PROGRAMMED)
        it.time_s += WRITE_S
        await until(lambda: len(it.stored()["conditions"]) == 2, "the other one")
        assert not task.done()
        task.cancel()
        await asyncio.wait({task})


async def write_against_a_rival(it):
    """Somebody takes back what is written, again and again."""
    it.want(ACCEPTED)
    await it.statuses.write_due()
    for _ in range(40):
        it.objects.edit_status(GATEWAY, KEY, {"conditions": []})
        it.follow()
        it.time_s += 1
        await it.statuses.write_due()


async def test_a_rival_is_named_once_and_no_longer_corrected_at_once(caplog):
    async with writing() as it:
        await write_against_a_rival(it)
        assert caplog.text.count("was written by somebody else") == 1
        assert it.counts.overwritten["Gateway"] >= 30
        it.objects.edit_status(GATEWAY, KEY, {"conditions": []})
        it.follow()
        left_s = await it.statuses.write_due()
        assert left_s is not None
        assert WRITE_S < left_s <= RIVAL_S
        it.time_s += left_s
        assert await it.statuses.write_due() is None
        assert it.stored()["conditions"]


async def test_what_we_want_otherwise_is_written_at_once_whoever_writes_too():
    async with writing() as it:
        await write_against_a_rival(it)
        it.time_s += WRITE_S
        it.want(ACCEPTED, PROGRAMMED)
        await it.statuses.write_due()
        assert len(it.stored()["conditions"]) == 2


async def test_a_field_that_an_older_api_does_not_have_is_not_written_again_and_again():
    async with writing() as it:
        it.objects.unknown_status = {"attachedListenerSets"}
        it.want(ACCEPTED, attached_listener_sets=0)
        await it.statuses.write_due()
        for _ in range(5):
            it.follow()
            it.time_s += WRITE_S
            assert await it.statuses.write_due() is None
        assert it.objects.calls["status", "Gateway"] == 1
        assert it.counts.overwritten == {}
        it.objects.edit_status(GATEWAY, KEY, {})
        it.follow()
        await it.statuses.write_due()
        assert it.stored()["conditions"]
        it.want(ACCEPTED, attached_listener_sets=1)
        it.time_s += WRITE_S
        await it.statuses.write_due()
        it.objects.unknown_status = set()
        it.want(ACCEPTED, attached_listener_sets=2)
        it.time_s += WRITE_S
        await it.statuses.write_due()
        assert it.stored()["attachedListenerSets"] == 2

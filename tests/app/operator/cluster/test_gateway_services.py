"""Services and EndpointSlices of Gateways: made, changed, taken away, and those of others left alone."""

import asyncio
from contextlib import asynccontextmanager

from app.operator.cluster.gateway_services import GatewayServices
from app.operator.kube.kinds import ENDPOINT_SLICE, SERVICE, WATCHED_KINDS
from app.operator.kube.object_store import ObjectStore
from app.operator.metrics import OperatorCounts
from app.operator.routes.compiled import OWNED_LABEL, TargetPort
from tests.app.operator.cluster_samples import object_body, pod_slice, service
from tests.fakes.object_server import object_client
from tests.fakes.objects import FakeObjects
from tests.fakes.waiting import until

KEY = ("shop", "tidegate-web")
SLICE = ("shop", "tidegate-web-ipv4")


class Keeping:
    def __init__(self, client, objects):
        self.objects, self.store, self.counts = objects, ObjectStore(WATCHED_KINDS), OperatorCounts()
        self.services = GatewayServices(client, self.store, "tidegate", "app=gateway", self.counts)
        self.store.report_to(self)
        objects.apply(ENDPOINT_SLICE, pod_slice("10.1.0.1"))
        self.follow()

    def content(self, kind, key):
        self.services.changed(kind, key)

    def status(self, kind, key):
        pass

    def follow(self):
        for kind in (SERVICE, ENDPOINT_SLICE):
            self.store.replace(kind, self.objects.listed(kind))

    async def keep(self, *services):
        self.services.want({one.key: one for one in services})
        return await self.services.write_due()

    def addresses(self):
        body = self.objects.get(ENDPOINT_SLICE, SLICE)
        return [one["addresses"][0] for one in body["endpoints"]]

    def applied(self):
        return self.objects.calls["apply", "Service"] + self.objects.calls["apply", "EndpointSlice"]


@asynccontextmanager
async def keeping():
    objects = FakeObjects()
    async with object_client(objects) as client:
        yield Keeping(client, objects)


async def test_nothing_is_touched_before_anything_was_compiled():
    async with keeping() as it:
        assert await it.services.write_due()
        assert it.applied() == 0


async def test_a_gateway_gets_a_service_and_slices_and_then_nothing_is_written():
    async with keeping() as it:
        assert await it.keep(service())
        assert it.objects.get(SERVICE, KEY)["spec"]["ports"][0]["targetPort"] == 20_000
        assert it.addresses() == ["10.1.0.1"]
        it.follow()
        assert await it.keep(service())
        assert it.applied() == 2
        assert it.counts.object_writes == {("Service", "written"): 1, ("EndpointSlice", "written"): 1}


async def test_a_listener_that_is_added_is_a_further_port():
    async with keeping() as it:
        await it.keep(service())
        await it.keep(service(ports=(TargetPort("p80", 80, 20_000), TargetPort("p81", 81, 20_001))))
        assert [one["port"] for one in it.objects.get(SERVICE, KEY)["spec"]["ports"]] == [80, 81]
        assert [one["port"] for one in it.objects.get(ENDPOINT_SLICE, SLICE)["ports"]] == [20_000, 20_001]


async def test_pods_that_come_and_go_are_followed():
    async with keeping() as it:
        await it.keep(service())
        it.objects.apply(ENDPOINT_SLICE, pod_slice("10.1.0.1", "10.1.0.2"))
        it.follow()
        await it.services.write_due()
        assert it.addresses() == ["10.1.0.1", "10.1.0.2"]


async def test_what_somebody_changed_is_set_right():
    async with keeping() as it:
        await it.keep(service())
        changed = dict(it.objects.get(SERVICE, KEY))
        changed["spec"] = {**changed["spec"], "ports": []}
        it.objects.apply(SERVICE, changed)
        it.follow()
        await it.services.write_due()
        assert it.objects.get(SERVICE, KEY)["spec"]["ports"]


async def test_a_gateway_that_is_gone_takes_its_service_along():
    async with keeping() as it:
        await it.keep(service())
        it.follow()
        await it.keep()
        assert it.objects.get(SERVICE, KEY) is None
        assert it.objects.get(ENDPOINT_SLICE, SLICE) is None
        assert it.counts.object_writes["Service", "deleted"] == 1
        assert it.objects.get(ENDPOINT_SLICE, ("tidegate", "tidegate-gateway-x")) is not None


async def test_a_service_of_somebody_else_stays_as_it_is(caplog):
    async with keeping() as it:
        it.objects.apply(SERVICE, object_body("tidegate-web", spec={"selector": {"app": "mine"}}))
        it.follow()
        for _ in range(2):
            assert await it.keep(service())
        assert it.applied() == 0
        assert caplog.text.count("was not made by this operator") == 1
        it.objects.remove(SERVICE, KEY)
        it.follow()
        assert await it.keep(service())
        assert it.objects.get(SERVICE, KEY)["metadata"]["labels"][OWNED_LABEL] == "tidegate"


async def test_those_of_another_operator_are_left_alone():
    async with keeping() as it:
        body = object_body("tidegate-theirs", spec={})
        body["metadata"]["labels"] = {OWNED_LABEL: "elsewhere"}
        it.objects.apply(SERVICE, body)
        it.follow()
        await it.keep()
        assert it.objects.get(SERVICE, ("shop", "tidegate-theirs")) is not None


async def test_a_failure_is_tried_again():
    async with keeping() as it:
        it.objects.faults["apply"] = [500]
        assert not await it.keep(service())
        assert (
            it.counts.object_writes["Service", "failed"] + it.counts.object_writes["EndpointSlice", "failed"]
            == 1
        )
        assert await it.services.write_due()


async def test_one_that_is_gone_already_is_deleted_well_enough():
    async with keeping() as it:
        await it.keep(service())
        it.follow()
        it.objects.bodies["Service"].pop(KEY)
        assert await it.keep()
        it.objects.faults["delete"] = [500]
        it.objects.apply(
            ENDPOINT_SLICE,
            {
                **pod_slice("10.1.0.9"),
                "metadata": {"namespace": "shop", "name": "left", "labels": {OWNED_LABEL: "tidegate"}},
            },
        )
        it.follow()
        assert not await it.keep()


async def test_it_keeps_them_by_itself():
    async with keeping() as it:
        task = asyncio.ensure_future(it.services.run())
        it.services.want({service().key: service()})
        await until(lambda: it.objects.get(ENDPOINT_SLICE, SLICE) is not None, "service and slice")
        it.objects.apply(ENDPOINT_SLICE, pod_slice("10.1.0.5"))
        it.follow()
        await until(lambda: it.addresses() == ["10.1.0.5"], "the other pod")
        task.cancel()
        await asyncio.wait({task})

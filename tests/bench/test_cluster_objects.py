import argparse
import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from app.operator.kube.kinds import ENDPOINT_SLICE, GATEWAY, HTTP_ROUTE, SERVICE, Kind
from tests.bench.cluster_objects import WRITERS, Site, SiteNames, first_change
from tests.fakes.objects import FakeObjects

OPTIONS = argparse.Namespace(routes=30, services=10)
NAMES = SiteNames("bench", "of-bench", "192.0.2.1")


class SlowObjects:
    """Each write takes a turn of the loop. `at_once`: how many waited together, at most."""

    def __init__(self) -> None:
        self.stored, self.at_once, self._waiting = FakeObjects(), 0, 0
        self.on_change: Callable[[Kind], None] = lambda _: None
        self.on_event: Callable[[str, int], None] = lambda _, __: None

    @property
    def version(self) -> int:
        return self.stored.version

    async def apply(self, kind: Kind, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self._waiting += 1
        self.at_once = max(self.at_once, self._waiting)
        await asyncio.sleep(0)
        self._waiting -= 1
        made = self.stored.apply(kind, body)
        self.on_change(kind)
        return made

    def get(self, kind: Kind, key: tuple[str, str]) -> Mapping[str, Any] | None:
        return self.stored.get(kind, key)


async def filled() -> tuple[SlowObjects, Site]:
    objects = SlowObjects()
    site = Site(objects, OPTIONS, NAMES, 7000)
    await site.fill()
    return objects, site


async def test_a_site_is_filled_by_several_writers():
    objects, site = await filled()
    counts = {
        kind.name: len(objects.stored.listed(kind)) for kind in (GATEWAY, SERVICE, ENDPOINT_SLICE, HTTP_ROUTE)
    }
    assert counts == {"Gateway": 4, "Service": 10, "EndpointSlice": 10, "HTTPRoute": 31}
    assert objects.at_once == WRITERS
    slice_ = site.stored(ENDPOINT_SLICE, "s3-0")
    assert slice_["endpoints"][0]["addresses"] == ["192.0.2.1"]
    assert slice_["ports"] == [{"port": 7000, "protocol": "TCP"}]


async def test_a_status_of_an_earlier_generation_is_not_that_of_an_edit():
    objects, site = await filled()
    wanted = site.generation(HTTP_ROUTE, "r7") + 1
    said = {"parents": [{"conditions": [{"type": "Accepted", "observedGeneration": wanted - 1}]}]}
    objects.stored.edit_status(HTTP_ROUTE, ("bench", "r7"), said)
    assert site.is_status_of(7)
    assert not site.is_status_of(7, wanted)
    await site.route(7, 1)
    assert site.generation(HTTP_ROUTE, "r7") == wanted
    assert not site.is_status_of(7, wanted)


async def test_the_first_change_is_that_after_which_the_condition_holds():
    objects, site = await filled()
    heard: list[Kind] = []
    objects.on_change = heard.append
    with first_change(objects, HTTP_ROUTE, lambda: site.generation(HTTP_ROUTE, "r7") == 3) as moment:
        await site.route(7, 1)
        await site.endpoints(7, 7001)
        assert not moment.done()
        await site.route(7, 2)
        assert moment.done()
    await site.route(7, 3)
    assert heard == [HTTP_ROUTE, ENDPOINT_SLICE, HTTP_ROUTE, HTTP_ROUTE]

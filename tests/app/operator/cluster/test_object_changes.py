"""Who hears of which change."""

from typing import Any

import pytest

from app.operator.cluster.object_changes import ObjectChanges
from app.operator.kube.kinds import ENDPOINT_SLICE, GATEWAY, HTTP_ROUTE, RESILIENCE_POLICY, SERVICE
from app.operator.routes.objects.metadata import ObjectKey

KEY = ("shop", "a")
SLICES_OF = ObjectKey("shop", "orders")


class Heard:
    """All that may hear of a change, as one."""

    def __init__(self):
        self.calls: set[str] = set()
        self.endpoints_of: list[ObjectKey] = []
        parts: list[Any] = [View(), Endpoints(self), Services(self), Statuses(self), self.routes, self.policy]
        self.changes = ObjectChanges(*parts)

    def routes(self):
        self.calls.add("routes")

    def policy(self):
        self.calls.add("policy")


class View:
    def changed(self, kind, key):
        return SLICES_OF if kind is ENDPOINT_SLICE and key[1] else None


class Endpoints:
    def __init__(self, heard):
        self.heard = heard

    def changed(self, service):
        self.heard.calls.add("endpoints")
        self.heard.endpoints_of.append(service)


class Services:
    def __init__(self, heard):
        self.heard = heard

    def changed(self, kind, key):
        self.heard.calls.add("services")


class Statuses:
    def __init__(self, heard):
        self.heard = heard

    def look_again(self, kind, key):
        self.heard.calls.add("statuses")


@pytest.mark.parametrize(
    ("kind", "key", "calls"),
    [
        (GATEWAY, KEY, {"statuses", "routes"}),
        (HTTP_ROUTE, ("", ""), {"statuses", "routes"}),
        (SERVICE, KEY, {"statuses", "routes", "services", "endpoints"}),
        (ENDPOINT_SLICE, KEY, {"statuses", "services", "endpoints"}),
        (ENDPOINT_SLICE, ("", ""), {"statuses", "services", "routes"}),
        (RESILIENCE_POLICY, KEY, {"policy"}),
    ],
)
def test_a_change_reaches_who_depends_on_it(kind, key, calls):
    heard = Heard()
    heard.changes.content(kind, key)
    assert heard.calls == calls


def test_endpoints_are_those_of_the_service():
    heard = Heard()
    heard.changes.content(SERVICE, KEY)
    heard.changes.content(ENDPOINT_SLICE, KEY)
    assert heard.endpoints_of == [ObjectKey("shop", "a"), SLICES_OF]


def test_a_status_alone_concerns_statuses_alone():
    heard = Heard()
    heard.changes.status(GATEWAY, KEY)
    assert heard.calls == {"statuses"}

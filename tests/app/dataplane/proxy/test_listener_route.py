"""Requests by the ports of listeners: their listener, and which of its routes takes them."""

import pytest

from app.dataplane.proxy.listener_route import listener_of
from app.foundation.reasons import Reason
from tests.fakes.door import UPSTREAMS, Door
from tests.fakes.requests import request_of

CONFIG = (
    UPSTREAMS
    + """
certificates: [{name: c, certFile: /c.pem, keyFile: /k.pem}]
listeners:
- {name: plain, port: 81}
- {name: wild, port: 81, hosts: ["*.example.com"]}
- {name: exact, port: 81, hosts: [a.example.com]}
- {name: one, port: 443, protocol: https, certificates: [c], hosts: [one.example]}
- {name: two, port: 443, protocol: https, certificates: [c], hosts: [two.example]}
routes:
- {name: own, upstream: one, auth: none}
- {name: plain, listeners: [plain], upstream: one, auth: none, match: {path: {prefix: /p}}}
- {name: wild, listeners: [wild], upstream: one, auth: none, match: {methods: [GET]}}
- {name: exact, listeners: [exact], upstream: one, auth: none, match: {headers: {x-stage: beta}}}
- {name: tls, listeners: [one, two], upstream: one, auth: none}
"""
)


@pytest.mark.parametrize(
    ("host", "target", "fields", "taken"),
    [
        ("a.example.com", "/p", ["x-stage: beta"], "exact"),
        ("A.EXAMPLE.com:81", "/", ["x-stage: beta"], "exact"),
        ("a.example.com", "/p", [], None),  # no other listener steps in
        ("b.example.com", "/p", [], "wild"),
        ("other.example", "/p", [], "plain"),
        ("other.example", "/q", [], None),
    ],
)
async def test_the_most_specific_listener_gets_a_request_and_only_its_routes_count(
    host, target, fields, taken
):
    admission = Door(CONFIG).ask(target, host=host, fields=fields, port=81)
    assert (admission.route.name if admission.route is not None else None) == taken


async def test_the_own_port_has_only_routes_without_listeners():
    door = Door(CONFIG)
    assert door.admit("/p", host="a.example.com").route.name == "own"


async def test_a_method_of_a_files_route_is_told_the_others():
    rejection = Door(CONFIG).reject("/", "PUT", host="b.example.com", port=81).rejection
    assert (rejection.reason, rejection.headers) == (Reason.METHOD_NOT_ALLOWED, ((b"allow", b"GET"),))


async def test_a_port_that_has_closed_or_a_host_that_no_listener_takes_has_no_route():
    door = Door(CONFIG)
    assert door.reason(port=82) is Reason.NO_ROUTE
    assert door.reason(host="three.example", port=443, scheme="https", server_name=None) is Reason.NO_ROUTE


@pytest.mark.parametrize(
    ("server_name", "host", "reason"),
    [
        (b"one.example", "one.example", None),
        (b"one.example", "two.example", Reason.MISDIRECTED_REQUEST),
        (None, "one.example", Reason.MISDIRECTED_REQUEST),
    ],
)
async def test_a_request_for_the_host_of_another_listener_is_misdirected(server_name, host, reason):
    door = Door(CONFIG)
    assert door.reason(host=host, port=443, scheme="https", server_name=server_name) is reason


async def test_a_listener_of_the_cluster_has_no_route_where_only_the_method_fails():
    door = Door(CONFIG)
    for listener in door.plans.ports[81].listeners:
        listener.hides_methods = True
    assert door.reason("/", "PUT", host="b.example.com", port=81) is Reason.NO_ROUTE


async def test_the_listener_of_a_request_is_found_again():
    plans = Door(CONFIG).plans

    def named(**request):
        found = listener_of(request_of(**request), plans)
        return None if found is None else found.name

    assert named(host="b.example.com", port=81) == "wild"
    assert named(host="b.example.com") is None
    assert named(host="x.example", port=443, scheme="https") is None

import asyncio

from app.config import model
from app.config.model import Endpoint, UpstreamName
from app.dataplane.upstream.outlier import EndpointState, record_check, record_failure, record_success
from app.dataplane.upstream.upstream import Upstream
from app.dataplane.upstream.view import EndpointView, Health, health_of, view_upstream


def endpoint() -> EndpointState:
    return EndpointState(Endpoint("10.0.0.1", 80))


def test_what_never_responded_is_unknown():
    assert health_of(endpoint(), 0.0) is Health.UNKNOWN


def test_a_good_response_or_check_makes_it_healthy():
    responded, checked = endpoint(), endpoint()
    record_success(responded, 0.0)
    record_check(checked, good=True, unhealthy=3, healthy=1)
    assert [health_of(each, 0.0) for each in (responded, checked)] == [Health.HEALTHY] * 2


def test_bad_checks_make_it_unhealthy():
    one = endpoint()
    record_check(one, good=False, unhealthy=1, healthy=1)
    assert health_of(one, 0.0) is Health.UNHEALTHY


def test_an_ejection_shows_until_it_is_over_and_then_that_it_last_failed():
    one, other = endpoint(), endpoint()
    for _ in range(5):
        record_failure(one, [one, other], 0.0)
    assert [health_of(one, now_s) for now_s in (29.9, 30.0)] == [Health.EJECTED, Health.UNHEALTHY]


def test_the_only_endpoint_is_never_ejected_and_yet_unhealthy():
    one = endpoint()
    record_success(one, 0.0)
    for _ in range(5):
        record_failure(one, [one], 0.0)
    assert health_of(one, 0.0) is Health.UNHEALTHY


async def test_an_upstream_shows_every_endpoint_and_names_without_an_address_too():
    endpoints = (Endpoint("::1", 8081), Endpoint("orders.internal", 80))
    upstream = Upstream(
        model.Upstream(UpstreamName("orders"), endpoints), asyncio.get_running_loop(), lambda *_: None
    )
    upstream.addresses[0].begin()
    view = view_upstream(upstream, 0.0)
    assert (view.name, view.endpoints) == (
        "orders",
        (
            EndpointView("[::1]:8081", Health.UNKNOWN, 1),
            EndpointView("orders.internal:80", Health.UNKNOWN, 0),
        ),
    )


async def test_a_discovered_upstream_shows_the_endpoints_that_were_found():
    upstream = Upstream(
        model.Upstream(UpstreamName("orders"), (), is_discovered=True),
        asyncio.get_running_loop(),
        lambda *_: None,
    )
    assert view_upstream(upstream, 0.0).endpoints == ()
    upstream.set_endpoints([("10.0.0.1", 80)])
    assert view_upstream(upstream, 0.0).endpoints == (EndpointView("10.0.0.1:80", Health.UNKNOWN, 0),)

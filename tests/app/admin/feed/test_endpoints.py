import pytest

from app.admin.feed.endpoints import MOST_ENDPOINTS, MOST_UPSTREAMS, endpoints_shape
from app.dataplane.upstream.view import EndpointView, Health, UpstreamView


def upstream(name, *healths, in_flight=0):
    endpoints = tuple(EndpointView(f"10.0.0.{i}:80", health, in_flight) for i, health in enumerate(healths))
    return UpstreamView(name, endpoints)


def test_each_endpoint_has_its_address_health_and_load_in_the_configured_order():
    [shown] = endpoints_shape([upstream("orders", Health.HEALTHY, Health.EJECTED)], {})
    assert shown == {
        "name": "orders",
        "endpoints": [
            {"address": "10.0.0.0:80", "health": "healthy", "inFlight": 0},
            {"address": "10.0.0.1:80", "health": "ejected", "inFlight": 0},
        ],
        "others": 0,
        "unreachable": None,
    }


@pytest.mark.parametrize(
    ("in_flight", "shown"), [(0, 0), (7, 0), (8, 8), (31, 8), (32, 32), (127, 32), (5000, 2048)]
)
def test_requests_in_flight_are_rounded_so_that_the_panel_is_seldom_sent(in_flight, shown):
    [one] = endpoints_shape([upstream("orders", Health.HEALTHY, in_flight=in_flight)], {})
    assert [each["inFlight"] for each in one["endpoints"]] == [shown]  # type: ignore[attr-defined]


def test_of_many_endpoints_those_out_of_rotation_are_shown_and_the_rest_is_counted():
    healths = [Health.HEALTHY] * 30 + [Health.UNKNOWN, Health.UNHEALTHY, Health.EJECTED]
    [shown] = endpoints_shape([upstream("orders", *healths)], {})
    endpoints = shown["endpoints"]
    assert isinstance(endpoints, list)
    assert [each["health"] for each in endpoints[:4]] == ["ejected", "unhealthy", "unknown", "healthy"]
    assert (len(endpoints), shown["others"]) == (MOST_ENDPOINTS, 33 - MOST_ENDPOINTS)


def test_why_the_start_reached_none_is_shown_until_one_has_responded():
    why = {"orders": "10.0.0.0:80: Connection refused"}
    for health, shown in ((Health.UNKNOWN, why["orders"]), (Health.HEALTHY, None)):
        [one] = endpoints_shape([upstream("orders", health)], why)
        assert one["unreachable"] == shown


def test_there_are_so_many_upstreams_at_most_by_name():
    names = [f"u{number:04}" for number in range(MOST_UPSTREAMS + 5)]
    shown = endpoints_shape([upstream(name) for name in reversed(names)], {})
    assert [each["name"] for each in shown] == names[:MOST_UPSTREAMS]

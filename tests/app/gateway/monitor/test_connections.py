from app.gateway.monitor.connections import ConnectionNumbers
from app.telemetry.counts import Counts


def numbers(*upstreams: tuple[str, str, int]) -> ConnectionNumbers:
    counts = Counts("test")
    counts.in_flight = 2
    return ConnectionNumbers(lambda: 3, lambda: 1, counts, lambda: upstreams)


def test_the_history_gets_one_number_of_each_kind():
    found = numbers(("one", "active", 2), ("one", "idle", 1), ("two", "active", 3))
    assert found.gauges() == {
        "clients": 3,
        "tunnels": 1,
        "inFlight": 2,
        "upstreamActive": 5,
        "upstreamIdle": 1,
    }


def test_the_state_gets_upstreams_by_name():
    assert numbers(("one", "active", 2), ("two", "idle", 3)).shape() == {
        "clients": 3,
        "tunnels": 1,
        "inFlight": 2,
        "upstreams": {"one": {"active": 2, "idle": 0}, "two": {"active": 0, "idle": 3}},
    }

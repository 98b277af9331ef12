from app.config.model import Endpoint
from app.dataplane.upstream.load_balancer import choose_endpoint
from app.dataplane.upstream.outlier import EndpointState


def upstream(count: int) -> list[EndpointState]:
    return [EndpointState(Endpoint("10.0.0.1", 8000 + at)) for at in range(count)]


def test_the_only_endpoint_is_always_taken():
    endpoints = upstream(1)
    endpoints[0].check_ok = False
    assert choose_endpoint(endpoints, 7, 0.0) == 0


def test_the_endpoint_with_the_fewest_requests_is_taken():
    endpoints = upstream(3)
    endpoints[0].in_flight, endpoints[1].in_flight, endpoints[2].in_flight = 2, 1, 2
    assert {choose_endpoint(endpoints, rotation, 0.0) for rotation in range(6)} == {1}


def test_ties_go_round():
    endpoints = upstream(3)
    assert [choose_endpoint(endpoints, rotation, 0.0) for rotation in range(6)] == [0, 1, 2, 0, 1, 2]


def test_ties_go_round_evenly_when_one_is_out():
    endpoints = upstream(3)
    endpoints[1].check_ok = False
    assert [choose_endpoint(endpoints, rotation, 0.0) for rotation in range(4)] == [0, 2, 0, 2]


def test_a_second_try_goes_elsewhere():
    endpoints = upstream(2)
    assert {choose_endpoint(endpoints, rotation, 0.0, avoid=1) for rotation in range(4)} == {0}


def test_a_second_try_stays_when_no_other_is_in_rotation():
    endpoints = upstream(2)
    endpoints[0].check_ok = False
    assert choose_endpoint(endpoints, 0, 0.0, avoid=1) == 1


def test_when_all_are_out_all_are_tried():
    endpoints = upstream(2)
    for endpoint in endpoints:
        endpoint.check_ok = False
    assert {choose_endpoint(endpoints, rotation, 0.0) for rotation in range(2)} == {0, 1}
    assert {choose_endpoint(endpoints, rotation, 0.0, avoid=0) for rotation in range(2)} == {1}

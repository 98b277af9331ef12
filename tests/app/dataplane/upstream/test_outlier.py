import pytest

from app.config.model import Endpoint
from app.dataplane.upstream.outlier import (
    EndpointState,
    FailureOwner,
    attribute_failure,
    in_rotation,
    record_check,
    record_failure,
    record_success,
)


def upstream(count: int) -> list[EndpointState]:
    return [EndpointState(Endpoint("10.0.0.1", 8000 + at)) for at in range(count)]


def fail(endpoints: list[EndpointState], at: int, times: int, now_s: float = 0.0) -> list[bool]:
    return [record_failure(endpoints[at], endpoints, now_s) for _ in range(times)]


def test_five_failures_in_a_row_eject_for_thirty_seconds():
    endpoints = upstream(2)
    assert fail(endpoints, 0, 5, now_s=100.0) == [False, False, False, False, True]
    assert [in_rotation(endpoints[0], now_s) for now_s in (129.9, 130.0)] == [False, True]


def test_a_good_answer_ends_the_row():
    endpoints = upstream(2)
    fail(endpoints, 0, 4)
    record_success(endpoints[0], 0.0)
    assert fail(endpoints, 0, 4) == [False] * 4


def test_failures_of_late_answers_do_not_eject_again():
    endpoints = upstream(2)
    fail(endpoints, 0, 5)
    assert fail(endpoints, 0, 3, now_s=1.0) == [False] * 3
    assert endpoints[0].ejected_until_s == 30.0


def test_an_endpoint_that_fails_on_its_return_is_out_for_longer_up_to_five_minutes():
    endpoints = upstream(2)
    fail(endpoints, 0, 5)
    lengths = []
    for _ in range(11):
        now_s = endpoints[0].ejected_until_s
        assert fail(endpoints, 0, 1, now_s) == [True]
        lengths.append(endpoints[0].ejected_until_s - now_s)
    assert lengths == [60.0, 90.0, 120.0, 150.0, 180.0, 210.0, 240.0, 270.0, 300.0, 300.0, 300.0]


def test_ejections_are_forgotten_after_good_service():
    endpoints = upstream(2)
    fail(endpoints, 0, 5)
    record_success(endpoints[0], 59.9)
    assert endpoints[0].times_ejected == 1
    record_success(endpoints[0], 60.0)
    assert endpoints[0].times_ejected == 0


@pytest.mark.parametrize(("count", "ejected"), [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_never_more_than_half_are_ejected(count, ejected):
    endpoints = upstream(count)
    for at in range(count):
        fail(endpoints, at, 9)
    assert sum(not in_rotation(endpoint, 0.0) for endpoint in endpoints) == ejected


def test_endpoints_out_by_checks_count_towards_the_half():
    endpoints = upstream(4)
    endpoints[2].check_ok = endpoints[3].check_ok = False
    assert not any(fail(endpoints, 0, 9))


def test_checks_take_an_endpoint_out_and_back_in():
    endpoint = upstream(1)[0]
    assert [record_check(endpoint, False, 3, 2) for _ in range(3)] == [False, False, True]
    assert not in_rotation(endpoint, 0.0)
    assert [record_check(endpoint, True, 3, 2) for _ in range(2)] == [False, True]
    assert in_rotation(endpoint, 0.0)


def test_a_check_of_the_other_kind_ends_the_row():
    endpoint = upstream(1)[0]
    verdicts = [record_check(endpoint, good, 2, 1) for good in (False, True, False, True, False)]
    assert verdicts == [False] * 5
    assert endpoint.check_ok


def test_the_first_failure_is_the_upstreams():
    endpoints = upstream(2)
    record_success(endpoints[1], 0.0)
    fail(endpoints, 0, 1)
    assert attribute_failure(endpoints[0], endpoints, 0.0) == FailureOwner.UPSTREAM


def test_the_second_failure_is_the_endpoints_own_while_another_answers():
    endpoints = upstream(2)
    record_success(endpoints[1], 0.0)
    fail(endpoints, 0, 2)
    assert attribute_failure(endpoints[0], endpoints, 0.0) == FailureOwner.ENDPOINT


def test_a_peer_that_never_answered_proves_nothing():
    endpoints = upstream(2)
    fail(endpoints, 0, 2)
    assert attribute_failure(endpoints[0], endpoints, 0.0) == FailureOwner.UPSTREAM


def test_a_peer_that_fails_too_proves_nothing():
    endpoints = upstream(2)
    record_success(endpoints[1], 0.0)
    fail(endpoints, 0, 2)
    fail(endpoints, 1, 1)
    assert attribute_failure(endpoints[0], endpoints, 0.0) == FailureOwner.UPSTREAM


def test_a_peer_out_of_rotation_proves_nothing():
    endpoints = upstream(2)
    record_success(endpoints[1], 0.0)
    endpoints[1].check_ok = False
    fail(endpoints, 0, 2)
    assert attribute_failure(endpoints[0], endpoints, 0.0) == FailureOwner.UPSTREAM


def test_the_failure_of_the_only_endpoint_is_the_upstreams():
    endpoints = upstream(1)
    record_success(endpoints[0], 0.0)
    fail(endpoints, 0, 9)
    assert attribute_failure(endpoints[0], endpoints, 0.0) == FailureOwner.UPSTREAM

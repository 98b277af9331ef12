from hypothesis import given
from hypothesis import strategies as st

from app.config.model import Endpoint
from app.dataplane.upstream.load_balancer import choose_endpoint
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


steps = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["fail", "fail", "fail", "answer"]), st.floats(0, 40)),
    max_size=80,
)


@given(st.integers(1, 6), steps)
def test_failures_never_eject_more_than_half(count, taken):
    endpoints, now_s = upstream(count), 0.0
    for at, what, pause_s in taken:
        now_s += pause_s
        if what == "fail":
            record_failure(endpoints[at % count], endpoints, now_s)
        else:
            record_success(endpoints[at % count], now_s)
        assert sum(not in_rotation(each, now_s) for each in endpoints) * 2 <= count
        assert all(each.ejected_until_s <= now_s + 300.0 for each in endpoints)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=6),
    st.integers(0, 20),
    st.integers(-1, 6),
)
def test_the_choice_is_the_least_busy_of_those_in_rotation(states, rotation, avoid):
    endpoints = upstream(len(states))
    for endpoint, (in_flight, check_ok) in zip(endpoints, states, strict=True):
        endpoint.in_flight, endpoint.check_ok = in_flight, check_ok
    chosen = endpoints[choose_endpoint(endpoints, rotation, 0.0, avoid)]
    others = [each for at, each in enumerate(endpoints) if at != avoid] or endpoints
    pool = [each for each in others if in_rotation(each, 0.0)]
    pool = pool or [each for each in endpoints if in_rotation(each, 0.0)] or others
    assert chosen in pool
    assert chosen.in_flight == min(each.in_flight for each in pool)


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 4), st.integers(1, 4))
def test_checks_flip_only_after_enough_of_one_kind_in_a_row(verdicts, unhealthy, healthy):
    endpoint = upstream(1)[0]
    row: list[bool] = []
    for good in verdicts:
        row = [*row, good] if not row or row[-1] == good else [good]
        was = endpoint.check_ok
        flipped = record_check(endpoint, good, unhealthy, healthy)
        assert flipped == (endpoint.check_ok != was)
        assert flipped == (good != was and len(row) >= (healthy if good else unhealthy))


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=4))
def test_an_upstream_that_fails_as_a_whole_is_always_to_attribute_failure(states):
    endpoints = upstream(len(states))
    for endpoint, (failures, answered) in zip(endpoints, states, strict=True):
        endpoint.responded_well = answered
        endpoint.consecutive_failures = failures + 1
    assert all(attribute_failure(each, endpoints, 0.0) == FailureOwner.UPSTREAM for each in endpoints)

from app.operator.policy.fleet_breakers import fold_breakers, summary_of
from tests.app.operator.samples import breaker


def test_the_worst_state_comes_first():
    folded = fold_breakers([breaker("a"), breaker("c", "open"), breaker("b", "half_open")])
    assert [(one.name, one.state) for one in folded] == [("c", "open"), ("b", "half_open"), ("a", "closed")]


def test_replicas_are_counted_by_state():
    (folded,) = fold_breakers([breaker("a", "open"), breaker("a", "open"), breaker("a")])
    assert folded.replicas == {"closed": 1, "half_open": 0, "open": 2}


def test_trouble_is_as_old_as_its_first_sign():
    first, second = breaker("a", "open", since=5.0, reason="x"), breaker("a", "open", since=3.0, reason="y")
    (folded,) = fold_breakers([first, second])
    assert (folded.since_wall_s, folded.reason) == (3.0, "y")


def test_peace_is_as_old_as_its_last_sign_and_needs_no_reason():
    first, second = breaker("a", since=5.0, reason="x"), breaker("a", since=3.0, reason="y")
    (folded,) = fold_breakers([first, second])
    assert (folded.since_wall_s, folded.reason) == (5.0, None)


def test_no_breakers_have_no_summary():
    assert summary_of(fold_breakers([])) is None


def test_all_closed_is_said_without_a_name():
    assert summary_of(fold_breakers([breaker("a"), breaker("b")])) == "closed 1/1"


def test_one_breaker_needs_no_name():
    assert summary_of(fold_breakers([breaker("a", "open"), breaker("a")])) == "open 1/2"


def test_the_worst_of_several_is_named():
    assert summary_of(fold_breakers([breaker("a", "open"), breaker("b")])) == "a open 1/1"


def test_an_outage_is_as_old_as_the_first_gateway_that_left_closed():
    first = breaker("a", "half_open", reason="x", down=(3.0, 1))
    second = breaker("a", "open", since=9.0, reason="y", down=(5.0, 4))
    (folded,) = fold_breakers([first, second, breaker("a")])
    assert (folded.since_wall_s, folded.not_closed_since_wall_s, folded.failed_probes) == (9.0, 3.0, 4)

from app.breaker.registry import Breakers
from app.foundation.clock import now_s
from app.gateway.breaker_cells import breaker_cells, breaker_settings
from app.policy.model import CircuitBreaker, FailureRate, SlowCalls


def test_a_breakers_numbers_are_those_of_now():
    breakers = Breakers()
    breaker = breakers.get("orders", CircuitBreaker(consecutive_failures=1))
    call = breaker.admit(now_s())
    breaker.fail(call, now_s(), "status_503")  # type: ignore[arg-type]
    breaker.admit(now_s())
    (cells,) = breaker_cells(breakers)
    assert (cells.name, cells.state) == ("orders", "open")
    assert cells.transitions == {("closed", "open"): 1}
    assert cells.rejections["open"] == 1


def test_only_settings_that_are_judged_are_numbers():
    breakers = Breakers()
    breakers.get("plain", CircuitBreaker(consecutive_failures=3, open_duration_s=10.0))
    rates = CircuitBreaker(None, failure_rate=FailureRate(50), slow_calls=SlowCalls(80, 0.25))
    breakers.get("rates", rates)
    found = {(name, setting): value for name, setting, value in breaker_settings(breakers)}
    assert found["plain", "consecutive_failures"] == 3
    assert found["plain", "open_duration_seconds"] == 10.0
    assert ("plain", "failure_rate_percent") not in found
    assert ("rates", "consecutive_failures") not in found
    assert found["rates", "slow_calls_threshold_seconds"] == 0.25

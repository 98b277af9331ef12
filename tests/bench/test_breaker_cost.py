from timeit import repeat

import pytest

from app.breaker.registry import Breaker, Breakers
from app.breaker.values import Permit
from app.policy.model import CircuitBreaker, FailureRate

ROW = CircuitBreaker(consecutive_failures=3)
RATE = CircuitBreaker(consecutive_failures=3, failure_rate=FailureRate(percent=50))
CALLS = 50_000


def best_ns(statement: str, breaker: Breaker) -> float:
    """Nanoseconds a call, the quietest of five rounds."""
    return min(repeat(statement, globals={"b": breaker}, number=CALLS, repeat=5)) / CALLS * 1e9


@pytest.mark.bench
@pytest.mark.parametrize(("name", "settings"), [("row", ROW), ("row and rate", RATE)])
def test_cost_of_an_admission_and_its_result(name, settings, capsys):
    breaker = Breakers().get("orders", settings)
    pair_ns = best_ns("b.succeed(b.admit(5.0), 5.0)", breaker)
    for _ in range(3):
        call = breaker.admit(5.0)
        assert isinstance(call, Permit)
        breaker.fail(call, 5.0)
    refusal_ns = best_ns("b.admit(6.0)", breaker)
    with capsys.disabled():
        print(f"\nbreaker ({name}): admit + succeed {pair_ns:.0f} ns, refusal {refusal_ns:.0f} ns")
    assert breaker.machine.rejected_open == 5 * CALLS

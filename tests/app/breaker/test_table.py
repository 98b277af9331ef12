import pytest

from app.breaker.machine import Machine
from app.breaker.table import ADMISSIONS, RESULTS, state_table_markdown
from app.breaker.values import BreakerState, Outcome
from app.policy.model import CircuitBreaker


def test_every_state_says_what_a_request_meets():
    assert set(ADMISSIONS) == set(BreakerState)


@pytest.mark.parametrize("state", [BreakerState.CLOSED, BreakerState.HALF_OPEN])
def test_every_outcome_has_a_rule_where_requests_are_admitted(state):
    assert set(RESULTS[state]) == set(Outcome)


def test_a_closed_breakers_rule_admits_as_the_short_way_does():
    machine = Machine("orders", CircuitBreaker(consecutive_failures=3))
    assert ADMISSIONS[BreakerState.CLOSED].effect(machine, 0.0) is machine.admit(0.0)


def test_a_rule_that_names_a_cause_names_its_next_state():
    rules = [rule for row in RESULTS.values() for rule in row.values()]
    assert all((rule.to is None) == (rule.causes == ()) for rule in rules)


def test_it_prints_a_row_for_each_rule():
    rows = state_table_markdown().splitlines()
    assert "| `half_open` | failure | opens again | `open`, `probe_failed` |" in rows
    assert len(rows) == 2 + len(ADMISSIONS) + sum(map(len, RESULTS.values())) + 4

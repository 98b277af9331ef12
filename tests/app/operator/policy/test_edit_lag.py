import pytest

from app.operator.metrics import OperatorCounts
from app.operator.policy.edit_lag import EditLag
from tests.app.operator.samples import policy

PROGRAMMED = {"conditions": [{"type": "Programmed", "status": "True"}]}
RECONCILING = {"conditions": [{"type": "Programmed", "status": "False"}]}


@pytest.fixture
def counts():
    return OperatorCounts()


def test_the_lag_ends_when_every_gateway_applied_the_edit(counts):
    lag, edited = EditLag(counts), policy(generation=2)
    lag.note_edits([edited], 10.0)
    lag.observe(edited, RECONCILING, 11.0)
    lag.observe(edited, PROGRAMMED, 13.0)
    lag.observe(edited, PROGRAMMED, 99.0)
    assert (sum(counts.lag_cells), counts.lag_sum_s) == (1, 3.0)


@pytest.mark.parametrize("status", [{}, {"conditions": [{"type": "Accepted", "status": "False"}]}])
def test_a_policy_that_is_not_in_force_has_none(counts, status):
    lag, edited = EditLag(counts), policy()
    lag.note_edits([edited], 10.0)
    lag.observe(edited, status, 11.0)
    assert sum(counts.lag_cells) == 0


def test_a_status_of_another_generation_ends_none(counts):
    lag = EditLag(counts)
    lag.note_edits([policy(generation=3)], 10.0)
    lag.observe(policy(generation=2), PROGRAMMED, 11.0)
    assert sum(counts.lag_cells) == 0


def test_policies_that_are_gone_are_forgotten(counts):
    lag, edited = EditLag(counts), policy()
    lag.note_edits([edited], 10.0)
    lag.keep_only([])
    lag.observe(edited, PROGRAMMED, 11.0)
    assert sum(counts.lag_cells) == 0

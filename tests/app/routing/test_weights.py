import random

import pytest

from app.routing.weights import choose


@pytest.mark.parametrize(
    ("weights", "random_unit", "expected"),
    [
        ((1,), 0.0, 0),
        ((1,), 0.999, 0),
        ((9, 1), 0.0, 0),
        ((9, 1), 0.899, 0),
        ((9, 1), 0.9, 1),
        ((9, 1), 0.999, 1),
        ((0, 1, 0), 0.0, 1),
        ((0, 1, 0), 0.999, 1),
        ((1, 0, 1), 0.5, 2),
    ],
)
def test_weight_picks_the_share_that_the_random_number_falls_on(weights, random_unit, expected):
    assert choose(weights, random_unit) == expected


@pytest.mark.parametrize("weights", [(), (0,), (0, 0)])
def test_weight_of_nothing_picks_nothing(weights):
    assert choose(weights, 0.5) == -1


def test_weight_never_picks_nothing_because_of_rounding():
    assert choose((3, 2, 0), 1.0) == 1


def test_weight_shares_hold_within_five_percent_over_500_requests():
    units = random.Random(7)
    picks = [choose((70, 30, 0), units.random()) for _ in range(500)]
    assert abs(picks.count(0) / 500 - 0.7) <= 0.05
    assert picks.count(2) == 0

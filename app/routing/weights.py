"""Stateless weighted random choice among a route's upstreams (HTTPRoute: `weight`)."""

from collections.abc import Sequence

__all__ = ["choose"]


def choose(weights: Sequence[int], random_unit: float) -> int:
    """Position of the weight that `random_unit` (0 ≤ … < 1) falls on; -1 when no weight is above 0."""
    left = random_unit * sum(weights)
    last = -1
    for position, weight in enumerate(weights):
        if weight > 0:
            last = position
            left -= weight
            if left < 0:
                return position
    return last  # rounding of the product can leave exactly 0 over: the last one that counts takes it

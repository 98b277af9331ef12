"""Which endpoint of an upstream takes a request: least requests in flight, ties in rotation.

Of those in rotation (`outlier`); when all are out, all are tried again ("panic", as Envoy). All times are
monotonic seconds.
"""

from collections.abc import Sequence

from app.dataplane.upstream.outlier import EndpointState, in_rotation

__all__ = ["choose_endpoint"]


def choose_endpoint(endpoints: Sequence[EndpointState], rotation: int, now_s: float, avoid: int = -1) -> int:
    """Position of the endpoint to take; `endpoints`: ≥ 1.

    `rotation`: a number ≥ 0 that the caller raises with each call; ties go round by it. `avoid`: position
    that a try has just failed on; taken only when no other is in rotation. O(number of endpoints).
    """
    count = len(endpoints)
    if count == 1:
        return 0
    chosen = _least(
        endpoints, rotation, [at for at in range(count) if at != avoid and in_rotation(endpoints[at], now_s)]
    )
    if chosen >= 0:
        return chosen
    if 0 <= avoid < count and in_rotation(endpoints[avoid], now_s):
        return avoid
    # panic: all are out, and rejecting would turn bad checks into an outage
    return _least(endpoints, rotation, [at for at in range(count) if at != avoid])


def _least(endpoints: Sequence[EndpointState], rotation: int, positions: list[int]) -> int:
    """The position with the fewest requests in flight; -1 when there is none to choose from."""
    chosen = -1
    for step in range(len(positions)):
        at = positions[(rotation + step) % len(positions)]
        if chosen < 0 or endpoints[at].in_flight < endpoints[chosen].in_flight:
            chosen = at
    return chosen

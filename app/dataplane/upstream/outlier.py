"""Which endpoints are out of rotation, and whose failure one was.

An endpoint leaves the rotation by active checks, or for a time after consecutive failures (passive ejection, as
Envoy's outlier detection). Endpoint states belong to one event loop; all times are monotonic seconds.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from app.config.model import Endpoint

__all__ = [
    "FailureOwner",
    "EndpointState",
    "attribute_failure",
    "in_rotation",
    "record_check",
    "record_failure",
    "record_success",
]

EJECT_AFTER_FAILURES: Final = 5
EJECTION_S: Final = 30.0  # × times ejected
MAX_EJECTION_S: Final = 300.0


class FailureOwner(StrEnum):
    """Whose failure it was: an endpoint's own does not count for the upstream's breaker."""

    ENDPOINT = "endpoint"
    UPSTREAM = "upstream"


class EndpointState:
    """What is known of one endpoint. The pool raises and lowers `in_flight`."""

    __slots__ = (
        "check_ok",
        "checked",
        "checks_in_row",
        "consecutive_failures",
        "ejected_until_s",
        "endpoint",
        "in_flight",
        "responded_well",
        "times_ejected",
    )

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.in_flight = 0
        self.consecutive_failures = 0
        self.responded_well = False
        self.ejected_until_s = float("-inf")
        self.times_ejected = 0
        self.check_ok = True
        self.checked = False
        """Whether an active check ever gave a verdict."""
        self.checks_in_row = 0
        """Active checks in a row whose verdict is not `check_ok`."""


def in_rotation(endpoint: EndpointState, now_s: float) -> bool:
    """Neither ejected nor found unhealthy by active checks."""
    return endpoint.check_ok and now_s >= endpoint.ejected_until_s


def record_success(endpoint: EndpointState, now_s: float) -> None:
    """A good response ends the row of failures.

    Past ejections are forgotten once the endpoint has responded for as long as the last one took.
    """
    endpoint.consecutive_failures = 0
    endpoint.responded_well = True
    if endpoint.times_ejected and now_s >= endpoint.ejected_until_s + _ejection_s(endpoint):
        endpoint.times_ejected = 0


def record_failure(endpoint: EndpointState, endpoints: Sequence[EndpointState], now_s: float) -> bool:
    """Count a failure; whether it ejected the endpoint. `endpoints`: all of the upstream.

    An ejection does not end the row: an endpoint that comes back and fails at once is ejected again, for
    longer. Ejection never takes more than half of the endpoints out, so never the only one.
    """
    endpoint.consecutive_failures += 1
    if endpoint.consecutive_failures < EJECT_AFTER_FAILURES or not in_rotation(endpoint, now_s):
        return False
    out = sum(not in_rotation(each, now_s) for each in endpoints)
    if (out + 1) * 2 > len(endpoints):
        return False
    endpoint.times_ejected += 1
    endpoint.ejected_until_s = now_s + _ejection_s(endpoint)
    return True


def _ejection_s(endpoint: EndpointState) -> float:
    return min(EJECTION_S * endpoint.times_ejected, MAX_EJECTION_S)


def record_check(endpoint: EndpointState, good: bool, unhealthy: int, healthy: int) -> bool:
    """Count an active check; whether it took the endpoint out or brought it back.

    `unhealthy` bad checks in a row take it out, `healthy` good ones bring it back (both ≥ 1).
    """
    endpoint.checked = True
    if good == endpoint.check_ok:
        endpoint.checks_in_row = 0
        return False
    endpoint.checks_in_row += 1
    if endpoint.checks_in_row < (healthy if good else unhealthy):
        return False
    endpoint.check_ok = good
    endpoint.checks_in_row = 0
    return True


def attribute_failure(
    endpoint: EndpointState, endpoints: Sequence[EndpointState], now_s: float
) -> FailureOwner:
    """Whose failure the one just noted was.

    The endpoint's own from its second in a row, while another in rotation is known to respond: so one bad
    endpoint does not open the upstream's breaker, and an upstream that fails as a whole still does.
    """
    if endpoint.consecutive_failures >= 2:
        for peer in endpoints:
            if (
                peer is not endpoint
                and peer.responded_well
                and peer.consecutive_failures == 0
                and in_rotation(peer, now_s)
            ):
                return FailureOwner.ENDPOINT
    return FailureOwner.UPSTREAM

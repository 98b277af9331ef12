"""How long an upstream has been down: from the moment its breaker left closed until it is closed again.

A failed probe leads from half-open back to open, which makes the state new, yet the outage is the same one.
Pure: a fold over the transitions that requests notice, overrides among them.
"""

from typing import NamedTuple

from app.breaker.values import BreakerState, Cause

__all__ = ["NO_OUTAGE", "Outage", "after"]


class Outage(NamedTuple):
    """`not_closed_since_wall_s`: None while closed. `failed_probes`: those that opened it again since then.

    `cause`: of the transition that began it.
    """

    not_closed_since_wall_s: float | None = None
    failed_probes: int = 0
    cause: Cause | None = None


NO_OUTAGE = Outage()


def after(outage: Outage, to_state: BreakerState, cause: Cause, at_wall_s: float) -> Outage:
    """The outage after a transition into `to_state`; its start never moves before the breaker is closed."""
    if to_state is BreakerState.CLOSED:
        return NO_OUTAGE
    failed_probe = cause is Cause.PROBE_FAILED
    if outage.not_closed_since_wall_s is None:
        return Outage(at_wall_s, int(failed_probe), cause)
    return Outage(outage.not_closed_since_wall_s, outage.failed_probes + failed_probe, outage.cause)

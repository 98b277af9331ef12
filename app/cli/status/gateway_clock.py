"""The clock of the gateway that is asked, as its responses tell it. Pure."""

from email.utils import parsedate_to_datetime

__all__ = ["gateway_wall_s"]

NEAR_S = 2.0
"""`Date` is in whole seconds, so clocks that differ by less are taken as equal."""


def gateway_wall_s(date: str | None, wall_s: float) -> float:
    """Its time now; `date`: the field `Date` of a response that came at `wall_s` by this machine's clock.

    `wall_s` where they are near, or `date` is none.
    """
    if date is None:
        return wall_s
    try:
        there_s = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return wall_s
    return wall_s if abs(there_s - wall_s) <= NEAR_S else there_s

"""Host names of listeners and routes: what both take, and whether two overlap (Gateway API v1.7.0: Listener.hostname,
HTTPRouteSpec.hostnames). Pure.

A wildcard `*.` stands for one label or more; it does not take the name behind it. An empty name takes all.
"""

from collections.abc import Iterable

__all__ = ["intersection", "overlap"]


def intersection(listener: str, route: Iterable[str]) -> tuple[str, ...] | None:
    """The hosts that a listener and a route both take, sorted, the narrower of each pair; None: there is none.

    An empty tuple: all hosts.
    """
    own = listener.lower()
    names = {name.lower() for name in route}
    if not names:
        return (own,) if own else ()
    if not own:
        return tuple(sorted(names))
    common = {narrower for name in names if (narrower := _narrower(own, name)) is not None}
    return tuple(sorted(common)) or None


def overlap(one: str, other: str) -> bool:
    """Whether there is a host that both names take."""
    return not one or not other or _narrower(one.lower(), other.lower()) is not None


def _narrower(one: str, other: str) -> str | None:
    """Of two names, none empty: the one that the other takes whole; None where nothing is common."""
    if _takes(one, other):
        return other
    return one if _takes(other, one) else None


def _takes(wide: str, narrow: str) -> bool:
    if wide == narrow:
        return True
    return wide.startswith("*.") and narrow.removeprefix("*").endswith(wide[1:]) and narrow != wide[2:]

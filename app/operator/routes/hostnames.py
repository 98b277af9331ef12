"""Host names of listeners and routes: which of a route's a listener reaches, and whether two overlap (Gateway API
v1.7.0: Listener.hostname, HTTPRouteSpec.hostnames). Pure.

A wildcard `*.` stands for one label or more; it does not take the name behind it. An empty name takes all.
"""

from collections.abc import Iterable

__all__ = ["overlap", "reached"]


def reached(listener: str, route: Iterable[str]) -> tuple[str, ...] | None:
    """The route's names that have a host in common with the listener, sorted; None: it has names, and none of them has.

    Not the narrower of each pair: only requests for hosts that the listener takes come to its routes anyway, and a
    route's own names rank it, exact before the longest wildcard, also where a narrow listener leaves the same hosts to
    several (GatewayRouteHostnameIntersectionPrecedence). An empty tuple: all hosts of the listener.
    """
    names = sorted({name.lower() for name in route})
    if not names:
        return ()
    return tuple(name for name in names if overlap(listener, name)) or None


def overlap(one: str, other: str) -> bool:
    """Whether there is a host that both names take."""
    one, other = one.lower(), other.lower()
    return not one or not other or _takes(one, other) or _takes(other, one)


def _takes(wide: str, narrow: str) -> bool:
    if wide == narrow:
        return True
    return wide.startswith("*.") and narrow.removeprefix("*").endswith(wide[1:]) and narrow != wide[2:]

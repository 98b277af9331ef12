"""How a breaker's state and the API's words are written for people: pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from app.cli.tables import Section, cell

__all__ = [
    "STATES",
    "breakers_verdict",
    "down_text",
    "downtime_lines",
    "identity_words",
    "per_s",
    "share",
    "state_word",
    "time_of_day",
    "words",
    "worst_first",
]

STATES = ("open", "half_open", "closed")
"""A breaker's states as the API names them, the worst first."""
_MOST_DOWN = 5
"""So many breakers that are not closed get a line of their own."""


def words(code: object) -> str:
    """A word of the API, such as `consecutive_failures`, as people write it."""
    return str(code).replace("_", " ")


def state_word(state: str) -> str:
    """`closed`, `open` or `half-open`. Raises ValueError for no state of a breaker."""
    return STATES[STATES.index(state)].replace("_", "-")


def identity_words(identity: Mapping[str, str | None]) -> str:
    """`pod shop/gateway-1 of gateway shop`, or `host box` outside a cluster; `identity` as in `GET /v1/config`."""
    pod, namespace, gateway = cell(identity["pod"]), identity["namespace"], identity["gateway"]
    place = f"pod {cell(namespace)}/{pod}" if namespace else f"host {pod}"
    return f"{place} of gateway {cell(gateway)}" if gateway else place


def per_s(rate: float) -> str:
    return f"{rate:.1f}"


def share(of_one: float | None) -> str:
    """A share of 0 to 1 in percent; `-` where it is of nothing."""
    return "-" if of_one is None else f"{of_one * 100:.1f}%"


def worst_first(name: object, state: str, rates: tuple[float, float, float | None]) -> tuple[object, ...]:
    """A breaker's key for sorting: most requests lost, then the worst state, then by name.

    `rates`: requests a second sent to the upstream, and rejected; the share that failed of those sent. Raises
    ValueError for no state of a breaker.
    """
    sent_per_s, rejected_per_s, error_share = rates
    lost_per_s = rejected_per_s + sent_per_s * (error_share or 0.0)
    return -round(lost_per_s, 1), STATES.index(state), str(name)


def breakers_verdict(states: Sequence[tuple[str, str]], *, is_all_well: bool = True) -> Section:
    """One sentence on the breakers; `states`: name and state of each. Green only where all is well besides."""
    counts = [(state_word(state), [name for name, its in states if its == state]) for state in STATES[:2]]
    broken = [(word, names) for word, names in counts if names]
    if not broken:
        how = "all" if len(states) != 1 else "the"
        count = f"{len(states)} breakers are" if len(states) != 1 else "breaker is"
        return Section(
            f"{how} {count} closed" if states else "no breakers", tone="closed" if is_all_well else ""
        )
    (worst, first), *rest = broken
    if len(first) == 1 and not rest:
        return Section(f"{cell(first[0])} is {worst}", tone=worst)
    more = "".join(f", {len(names)} {word}" for word, names in rest)
    return Section(f"{len(first)} of {len(states)} breakers {worst}{more}", tone=worst)


def downtime_lines(down: Sequence[tuple[str, float, int]], now_wall_s: float) -> list[Section]:
    """Since when breakers are not closed, the longest first; `down`: name, moment it left closed, failed probes."""
    longest = sorted(down, key=lambda one: (one[1], one[0]))
    lines = [
        Section(f"{cell(name)} {down_text(since, failed, now_wall_s)}", tone="open", wraps=True)
        for name, since, failed in longest[:_MOST_DOWN]
    ]
    more = len(longest) - _MOST_DOWN
    return [*lines, Section(f"and {more} more down for less", tone="open")] if more > 0 else lines


def time_of_day(wall_s: float, now_wall_s: float) -> str:
    """UTC, with the date where that is not today's."""
    at, now = datetime.fromtimestamp(wall_s, UTC), datetime.fromtimestamp(now_wall_s, UTC)
    return at.strftime("%H:%M:%S" if at.date() == now.date() else "%Y-%m-%d %H:%M:%S")


def down_text(since_wall_s: float, failed: int, now_wall_s: float, how: str = "down") -> str:
    """Such as `down for 23 s (since 03:34:12), 2 probes failed`; the time of day is UTC."""
    at = time_of_day(since_wall_s, now_wall_s)
    probes = f", {failed} probe{'s' if failed != 1 else ''} failed" if failed else ""
    return f"{how} for {_spelled(max(0, round(now_wall_s - since_wall_s)))} (since {at}){probes}"


def _spelled(seconds: int) -> str:
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"

"""How a breaker's state and the API's words are written for people: pure."""

from collections.abc import Sequence

from app.cli.tables import Section, cell

__all__ = ["STATES", "breakers_verdict", "state_word", "words"]

STATES = ("open", "half_open", "closed")
"""A breaker's states as the API names them, the worst first."""


def words(code: object) -> str:
    """A word of the API, such as `consecutive_failures`, as people write it."""
    return str(code).replace("_", " ")


def state_word(state: str) -> str:
    """`closed`, `open` or `half-open`. Raises ValueError for no state of a breaker."""
    return STATES[STATES.index(state)].replace("_", "-")


def breakers_verdict(states: Sequence[tuple[str, str]]) -> Section:
    """One sentence on what is broken; `states`: name and state of every breaker."""
    counts = [(state_word(state), [name for name, its in states if its == state]) for state in STATES[:2]]
    broken = [(word, names) for word, names in counts if names]
    if not broken:
        how = "all" if len(states) != 1 else "the"
        count = f"{len(states)} breakers are" if len(states) != 1 else "breaker is"
        return Section(f"{how} {count} closed" if states else "no breakers", tone="closed")
    (worst, first), *rest = broken
    if len(first) == 1 and not rest:
        return Section(f"{cell(first[0])} is {worst}", tone=worst)
    more = "".join(f", {len(names)} {word}" for word, names in rest)
    return Section(f"{len(first)} of {len(states)} breakers {worst}{more}", tone=worst)

"""What a change of the configuration changed, in words and as an edit: loaded with the first change.

That is 0.3 MiB, which a gateway whose configuration stays as it is never needs.
"""

from collections.abc import Sequence
from typing import NamedTuple

from app.config.edits import MOST_CHANGES, Change, Edit, change_text, differences
from app.config.inverse import Inverse, inverse
from app.config.table import Table

__all__ = ["Difference", "difference"]

MOST_NAMED = 5
"""Changes of an edit that its event and its log line name; `GET /v1/config/history` has the others."""


class Difference(NamedTuple):
    """`changes`: all of them; `back`: what puts them back."""

    changes: tuple[Change, ...]
    back: tuple[Inverse, ...]

    def edit(self, at_wall_s: float, sequence: int, source: str) -> Edit:
        """As it is remembered, put in force at that time as that configuration."""
        omitted = len(self.changes[MOST_CHANGES:])
        return Edit(at_wall_s, sequence, source, self.changes[:MOST_CHANGES], omitted, self.back)

    @property
    def summary(self) -> str:
        """One line for people."""
        return _summary(self.changes)


def difference(old: Table, new: Table, source: str) -> Difference:
    """Of two tables; `source`: where the new one is from. O(routes)."""
    return Difference(differences(old, new), inverse(old, new, source))


def _summary(changes: Sequence[Change]) -> str:
    if not changes:
        return "no setting in force changed"
    more = len(changes) - MOST_NAMED
    named = "; ".join(change_text(change) for change in changes[:MOST_NAMED])
    return f"{named}; and {more} more" if more > 0 else named

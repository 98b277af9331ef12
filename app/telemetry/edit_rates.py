"""Traffic before and after an edit: requests a second by outcome, out of the history of seconds. Pure.

Kept once they are complete, since the history forgets its seconds after ten minutes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.telemetry.history import Span

if TYPE_CHECKING:
    from app.config.edits import Edit

__all__ = ["LEAST_S", "WINDOW_S", "EditRates", "Rates", "rates"]

WINDOW_S = 60
LEAST_S = 10
"""Of fewer seconds nothing is said."""

_OUTCOME = "outcome."
_MS = 1000


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests a second by outcome word, over `seconds`."""

    seconds: int
    per_s: tuple[tuple[str, float], ...]


def rates(span: Span, from_ms: int, to_ms: int) -> Rates | None:
    """Of the steps of `span` that lie between the two instants; None for fewer than LEAST_S seconds."""
    step_ms = span.step_s * _MS
    within = [place for place, at in enumerate(span.times_ms) if at - step_ms >= from_ms and at <= to_ms]
    if not within:
        return None
    first, end = within[0], within[-1] + 1
    seconds = (span.times_ms[end - 1] - span.times_ms[first]) / _MS + span.step_s  # steps may be missing
    if seconds < LEAST_S:
        return None
    sums = {
        name.removeprefix(_OUTCOME): sum(value or 0 for value in values[first:end])
        for name, values in span.columns.items()
        if name.startswith(_OUTCOME)
    }
    return Rates(round(seconds), tuple((word, total / seconds) for word, total in sums.items() if total))


class EditRates:
    """`of`: by the edit's sequence its rates before and after, None where too little was seen (yet).

    A window is of 60 s, and ends early at the next or the last edit: so each edit has its own traffic only.
    """

    def __init__(self) -> None:
        self.of: dict[int, tuple[Rates | None, Rates | None]] = {}
        self._complete: set[int] = set()

    def look(self, edits: "Sequence[Edit]", since: Callable[[int], Sequence[Span]], now_ms: int) -> None:
        """To be called every second. `edits`: newest first; `since`: the history's spans, the finest first."""
        if all(edit.sequence in self._complete for edit in edits):
            return
        found = dict[int, tuple[Rates | None, Rates | None]]()
        later_ms = None
        for place, edit in enumerate(edits):
            at_ms, ends_ms = round(edit.at_wall_s * _MS), later_ms
            later_ms = at_ms
            if edit.sequence in self._complete:
                found[edit.sequence] = self.of[edit.sequence]
                continue
            before = self.of[edit.sequence][0] if edit.sequence in self.of else None
            if edit.sequence not in self.of:
                earlier = edits[place + 1].at_wall_s * _MS if place + 1 < len(edits) else 0
                begins_ms = max(at_ms - WINDOW_S * _MS, round(earlier))
                before = rates(since(begins_ms)[0], begins_ms, at_ms)
            until_ms = min(at_ms + WINDOW_S * _MS, ends_ms or at_ms + WINDOW_S * _MS)
            after = None
            if now_ms > until_ms:
                self._complete.add(edit.sequence)
                after = rates(since(at_ms)[0], at_ms, until_ms)
            found[edit.sequence] = (before, after)
        self.of = found
        self._complete &= found.keys()

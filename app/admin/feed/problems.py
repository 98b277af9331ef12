"""The verdict: what is wrong now, the worst first, each with since when and which edit began it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.admin.feed.instants import ms
from app.admin.feed.onsets import Onset, carried_on
from app.admin.feed.signals import Facts, Signal, SignalKey, signals
from app.admin.shape import Shape
from app.telemetry.history_sample import WINDOW_S

if TYPE_CHECKING:
    from app.config.edits import Change, Edit

__all__ = ["MOST_SHOWN", "Problem", "Verdict", "diagnose", "last_edit", "problems_shape"]

MOST_SHOWN = 20

EDIT_LEADS_S = 60.0
"""What begins so soon after an edit that tightened the limit was begun by it: a bucket that is full empties first."""

LEAD = 1.25
"""So many times as much as the headline must be lost to another problem before it is the headline."""

_ORDER = (
    "breaker",
    "limit",
    "errors",
    "internal",
    "overload",
    "store",
    "not_ready",
    "draining",
    "config_rejected",
    "slow",
)
"""Among those that lose equally many requests."""


@dataclass(frozen=True, slots=True)
class Problem:
    """`share`: of all requests, those lost to it; None without requests. `edit`: the one that began it."""

    kind: str
    subject: str
    lost_per_s: float
    share: float | None
    since_wall_s: float
    numbers: Mapping[str, object]
    edit: "Edit | None" = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`problems`: the worst first. `onsets`: what the next look starts from."""

    problems: tuple[Problem, ...] = ()
    onsets: Mapping[SignalKey, Onset] | None = None


def diagnose(facts: Facts, before: Verdict, now_s: float, wall_s: float) -> Verdict:
    """The verdict of a look at `now_s`; `before`: that of the look before. O(breakers + rules)."""
    onsets = before.onsets or {}
    found = list(signals(facts, onsets, now_s, wall_s))
    onsets = carried_on(onsets, (signal.key for signal in found), now_s, wall_s)
    began = {key: onset.since_wall_s for key, onset in onsets.items()}
    problems = [_problem(signal, began.get(signal.key, wall_s), facts.total) for signal in found]
    return Verdict(tuple(_ranked(problems, next(iter(before.problems), None))), onsets)


def _problem(signal: Signal, noticed_wall_s: float, total: int) -> Problem:
    kind, subject, _ = signal.key
    since = noticed_wall_s if signal.since_wall_s is None else signal.since_wall_s
    edit = signal.cut
    if edit is not None and since - edit.at_wall_s <= EDIT_LEADS_S:
        since = edit.at_wall_s
    else:
        edit = None
    share = min(signal.lost / total, 1.0) if total else None
    return Problem(kind, subject, signal.lost / WINDOW_S, share, since, signal.numbers, edit)


def _ranked(problems: Iterable[Problem], headline: Problem | None) -> list[Problem]:
    """By requests lost per second, and a rejected configuration never below the second place.

    That one loses no request by itself, so it does not hide what does. But whoever mends the worst problem does it by
    an edit, and must see next to it that edits do not arrive. `headline`: the first of the look before; of two that
    lose about as much it stays, for they must not take turns.
    """
    held = headline and (headline.kind, headline.subject)

    def place_of(each: Problem) -> tuple[float, int, str]:
        lead = LEAD if (each.kind, each.subject) == held else 1.0
        return -each.lost_per_s * lead, _ORDER.index(each.kind), each.subject

    ranked = sorted(problems, key=place_of)
    rejected = [each for each in ranked if each.kind == "config_rejected"]
    others = [each for each in ranked if each.kind != "config_rejected"]
    place = 1 if others and others[0].lost_per_s else 0
    return [*others[:place], *rejected, *others[place:]]


def last_edit(edits: "Sequence[Edit]", policy: str, rule: str) -> "tuple[Edit | None, bool]":
    """The newest of `edits` (newest first) that changed the limit `rule` of `policy`, and whether it tightened it."""
    stem = f"rules.{rule}."
    for edit in edits:
        changes = [
            change
            for change in edit.changes
            if change.stanza == "rateLimit" and change.policy == policy and change.field.startswith(stem)
        ]
        if changes:
            return edit, any(_tightens(change, change.field[len(stem) :]) for change in changes)
    return None, False


def _tightens(change: "Change", name: str) -> bool:
    """Fewer requests, or the same over a longer time; who shares a bucket counts either way."""
    old, new = change.old, change.new
    if old is None or new is None:
        return new is not None
    if name in ("requests", "burst"):
        return float(str(new)) < float(str(old))
    if name == "period":
        from app.schema.durations import parse_duration_s  # who has no edits has no use for it

        return parse_duration_s(str(new)) > parse_duration_s(str(old))
    return True


def problems_shape(problems: Sequence[Problem]) -> Shape:
    """The panel: how many there are, and the worst of them; instants in ms, so that nothing ticks by itself."""
    return {"total": len(problems), "rows": [_shape(each) for each in problems[:MOST_SHOWN]]}


def _shape(problem: Problem) -> Shape:
    edit = problem.edit
    return {
        "kind": problem.kind,
        "subject": problem.subject,
        "lostPerS": round(problem.lost_per_s, 1),
        "share": None if problem.share is None else round(problem.share, 3),
        "since": ms(problem.since_wall_s),
        "edit": edit and {"sequence": edit.sequence, "at": ms(edit.at_wall_s)},
        **problem.numbers,
    }

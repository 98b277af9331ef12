"""The last edits as the monitor shows them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.admin.feed.instants import ms
from app.admin.json_views import edit_shape, inverse_shape
from app.admin.shape import Shape
from app.config.edits import Edit
from app.config.inverse import Inverse
from app.telemetry.edit_rates import Rates

__all__ = ["MOST_CHANGES", "edits_shape"]

MOST_CHANGES = 30
"""Of one edit on the page; the API has more."""

LONGEST_TEXT = 4_000
"""Characters of what puts one policy, route or upstream back, on the page; the API has the whole."""

_DECIMALS = 2


def edits_shape(edits: Sequence[Edit], rates: Mapping[int, tuple[Rates | None, Rates | None]]) -> list[Shape]:
    """As `GET /v1/config/history`, but for at most MOST_CHANGES of each, and `at` as the monitor writes instants.

    Newest first. A text of an inverse with more than LONGEST_TEXT characters is cut, and marked as `cut`.
    `rates`: by an edit's sequence, those before and after it; None while too little was seen.
    """
    return [_edit(edit, *rates.get(edit.sequence, (None, None))) for edit in edits]


def _edit(edit: Edit, before: Rates | None, after: Rates | None) -> Shape:
    shown = replace(
        edit,
        changes=edit.changes[:MOST_CHANGES],
        omitted=edit.omitted + len(edit.changes[MOST_CHANGES:]),
    )
    return {
        **edit_shape(shown),
        "at": ms(edit.at_wall_s),
        "inverse": [_bounded(each) for each in edit.inverse],
        "before": before and _rates(before),
        "after": after and _rates(after),
    }


def _bounded(inverse: Inverse) -> Shape:
    cut = len(inverse.text) > LONGEST_TEXT
    return {**inverse_shape(replace(inverse, text=inverse.text[:LONGEST_TEXT])), "cut": cut}


def _rates(rates: Rates) -> Shape:
    per_s = {word: round(rate, _DECIMALS) for word, rate in rates.per_s}
    return {"seconds": rates.seconds, "outcomes": per_s}

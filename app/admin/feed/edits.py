"""The last edits as the monitor shows them. Pure."""

from collections.abc import Mapping, Sequence

from app.admin.feed.instants import ms
from app.admin.json_views import Shape, edit_shape
from app.config.edits import Edit
from app.telemetry.edit_rates import Rates

__all__ = ["edits_shape"]

_DECIMALS = 2


def edits_shape(edits: Sequence[Edit], rates: Mapping[int, tuple[Rates | None, Rates | None]]) -> list[Shape]:
    """As `GET /v1/config/history`, with `at` as the monitor writes instants; newest first.

    `rates`: by an edit's sequence, those before and after it; None while too little was seen.
    """
    return [_edit(edit, *rates.get(edit.sequence, (None, None))) for edit in edits]


def _edit(edit: Edit, before: Rates | None, after: Rates | None) -> Shape:
    return {
        **edit_shape(edit),
        "at": ms(edit.at_wall_s),
        "before": before and _rates(before),
        "after": after and _rates(after),
    }


def _rates(rates: Rates) -> Shape:
    per_s = {word: round(rate, _DECIMALS) for word, rate in rates.per_s}
    return {"seconds": rates.seconds, "outcomes": per_s}

"""The last edits as the monitor shows them. Pure."""

from collections.abc import Sequence

from app.admin.feed.instants import ms
from app.admin.json_views import Shape, edit_shape
from app.config.edits import Edit

__all__ = ["edits_shape"]


def edits_shape(edits: Sequence[Edit]) -> list[Shape]:
    """As `GET /v1/config/history`, with `at` as the monitor writes instants; newest first."""
    return [{**edit_shape(edit), "at": ms(edit.at_wall_s)} for edit in edits]

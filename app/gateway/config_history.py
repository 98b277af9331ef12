"""What became of configurations: the last edits, and what is rejected now."""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.config.edits import Edit
    from app.config.rejection import Rejection

__all__ = ["MOST_EDITS", "ConfigHistory"]

MOST_EDITS = 20


class ConfigHistory:
    """`rejected`: the newest rejection whose source has not become valid again, else None."""

    def __init__(self) -> None:
        self._edits: deque[Edit] = deque(maxlen=MOST_EDITS)
        self._rejections: dict[str, Rejection] = {}

    @property
    def rejected(self) -> "Rejection | None":
        return next(reversed(self._rejections.values()), None)

    @property
    def edits(self) -> "Sequence[Edit]":
        """At most the last 20, newest first."""
        return tuple(reversed(self._edits))

    def add(self, edit: "Edit") -> None:
        self._edits.append(edit)

    def reject(self, rejection: "Rejection") -> None:
        """It replaces an earlier one of the same source."""
        self._rejections.pop(rejection.source, None)
        self._rejections[rejection.source] = rejection

    def accept(self, source: str) -> bool:
        """The source is valid; whether it was rejected until now."""
        return self._rejections.pop(source, None) is not None

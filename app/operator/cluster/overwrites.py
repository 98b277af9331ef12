"""Whether somebody else keeps writing what is ours: a second operator with our `controllerName`, by mistake.

Two operators that want different things of one status would write it in turns for ever. Nobody can see that at the
object, whose status flaps, so it is counted, logged once, and no longer corrected at once.
"""

import logging
from collections import Counter
from dataclasses import dataclass
from itertools import takewhile

from app.operator.routes.compiled import ObjectId, ObjectStatus

__all__ = ["FORGET_S", "RIVAL_AFTER", "RIVAL_FOR_S", "Overwrites"]

LOG = logging.getLogger("tidegate.operator")

RIVAL_AFTER = 10
"""So many overwrites in a row …"""
RIVAL_FOR_S = 30.0
"""… for so long are no update of the operator, during which the old one and the new one write for a while."""
FORGET_S = 60.0
"""A write that was not overwritten for so long stays."""


@dataclass(slots=True)
class _Row:
    """Overwrites of one status that never changed since `first_s`. `is_written`: ours is stored, as far as we know."""

    wanted: ObjectStatus
    first_s: float
    last_s: float
    is_written: bool = True
    overwrites: int = 0
    has_rival: bool = False


class Overwrites:
    """`counted`: overwrites by kind."""

    def __init__(self, controller: str, counted: Counter[str]) -> None:
        self._controller, self._counted = controller, counted
        self._rows: dict[ObjectId, _Row] = {}
        """Those that were touched last at the end."""

    def has_rival(self, id_: ObjectId, wanted: ObjectStatus) -> bool:
        """Whether somebody else writes it again and again while we want the same."""
        row = self._rows.get(id_)
        return row is not None and row.has_rival and row.wanted == wanted

    def writes(self, wanted: ObjectStatus, now_s: float) -> None:
        """It is not said as it must be, and is about to be written."""
        row = self._rows.get(wanted.id)
        if row is None or not row.is_written or row.wanted != wanted:
            return
        row.is_written = False
        self._touch(row, now_s)
        row.overwrites += 1
        self._counted[wanted.id.kind] += 1
        if row.has_rival or row.overwrites < RIVAL_AFTER or now_s - row.first_s < RIVAL_FOR_S:
            return
        row.has_rival = True
        LOG.error(
            "the status of %s %s was written by somebody else %d times in %.0f s: is there another operator with the "
            "controllerName %s? Remove it, or give it a controllerName and classes of its own",
            wanted.id.kind,
            wanted.id.key,
            row.overwrites,
            now_s - row.first_s,
            self._controller,
        )

    def wrote(self, wanted: ObjectStatus, now_s: float) -> None:
        """It is stored now."""
        row = self._rows.get(wanted.id)
        if row is None or row.wanted != wanted:
            row = _Row(wanted, now_s, now_s)
        row.is_written = True
        self._touch(row, now_s)

    def forget(self, now_s: float) -> None:
        """What nobody overwrote for long; O(1) for each that is forgotten."""
        for id_ in list(takewhile(lambda id_: now_s - self._rows[id_].last_s >= FORGET_S, self._rows)):
            del self._rows[id_]

    def _touch(self, row: _Row, now_s: float) -> None:
        row.last_s = now_s
        self._rows.pop(row.wanted.id, None)
        self._rows[row.wanted.id] = row

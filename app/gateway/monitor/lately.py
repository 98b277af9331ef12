"""What the panels show of the last minutes: kept second by second, also while nobody watches."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from app.admin.feed.problems import problems_shape
from app.admin.shape import Shape
from app.config.table import Table
from app.gateway.monitor.diagnosis import Diagnosis
from app.gateway.monitor.watched import Watched
from app.telemetry.history import Span
from app.telemetry.history_sample import Sampler

if TYPE_CHECKING:
    from app.gateway.monitor.shadows_lately import ShadowsLately
    from app.telemetry.edit_rates import EditRates, Rates

__all__ = ["Lately"]


class Lately:
    """Reads counters and the history, changes none. `since`: the history's points after an instant.

    What follows edits and policies in Shadow mode is made with the first of them.
    """

    def __init__(self, watched: Watched, since: Callable[[int], Sequence[Span]], sampler: Sampler) -> None:
        self._watched = watched
        self._since = since
        self._table: Table | None = None
        self._edit_rates: EditRates | None = None
        self._shadows: ShadowsLately | None = None
        self.diagnosis = Diagnosis(watched, sampler)

    def look(self, at_ms: int) -> None:
        """To be called every second, with its end."""
        self.diagnosis.look()
        if edits := self._watched.history.edits:
            if self._edit_rates is None:
                from app.telemetry.edit_rates import EditRates

                self._edit_rates = EditRates()
            self._edit_rates.look(edits, self._since, at_ms)
        table = self._watched.in_force.plans.table
        if table is not self._table:
            self._table = table
            self._follow_shadows(table, at_ms)
        if self._shadows is not None:
            self._shadows.look(at_ms)

    def _follow_shadows(self, table: Table, at_ms: int) -> None:
        if self._shadows is None:
            if not table.has_shadows:
                return
            from app.gateway.monitor.shadows_lately import ShadowsLately

            self._shadows = ShadowsLately(self._watched)
        self._shadows.use(table, at_ms)

    @property
    def edit_rates(self) -> "Mapping[int, tuple[Rates | None, Rates | None]]":
        """By the edit's sequence, requests before and after it."""
        return self._edit_rates.of if self._edit_rates is not None else {}

    def problems_panel(self) -> Shape:
        """Looks again: what moved a breaker a moment ago is in it."""
        self.diagnosis.look()
        return problems_shape(self.diagnosis.problems)

    def shadows_panel(self) -> Shape:
        return self._shadows.panel() if self._shadows is not None else {"rows": [], "more": 0}

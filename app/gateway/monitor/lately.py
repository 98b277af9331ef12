"""What the panels show of the last minutes: kept second by second, also while nobody watches."""

from collections.abc import Callable, Mapping, Sequence

from app.admin.feed.problems import problems_shape
from app.admin.feed.shadows import ShadowPolicy, labels_of, shadow_policies, shadows_shape
from app.admin.json_views import Shape
from app.config.table import Table
from app.gateway.monitor.diagnosis import Diagnosis
from app.gateway.monitor.watched import Watched
from app.telemetry.edit_rates import EditRates
from app.telemetry.history import Span
from app.telemetry.history_sample import Sampler
from app.telemetry.shadow_counts import Label, ShadowCounts, ShadowLately

__all__ = ["Lately"]


class Lately:
    """Reads counters and the history, changes none. `since`: the history's points after an instant."""

    def __init__(self, watched: Watched, since: Callable[[int], Sequence[Span]], sampler: Sampler) -> None:
        self._watched = watched
        self._since = since
        self._table: Table | None = None
        self._counts = ShadowCounts()
        self._at_ms = 0
        self.edit_rates = EditRates()
        self.diagnosis = Diagnosis(watched, sampler)
        self.shadow_policies: tuple[ShadowPolicy, ...] = ()

    def look(self, at_ms: int) -> None:
        """To be called every second, with its end."""
        self._at_ms = at_ms
        self.diagnosis.look()
        self.edit_rates.look(self._watched.history.edits, self._since, at_ms)
        table = self._watched.in_force.plans.table
        if table is not self._table:
            self._table = table
            self.shadow_policies = shadow_policies(table)
            self._counts.use(labels_of(self.shadow_policies), self._totals(), at_ms)
        if self.shadow_policies:
            self._counts.look(self._totals, at_ms)

    def shadows(self) -> Mapping[Label, ShadowLately]:
        """By policy and target, what each would have rejected in the last ten minutes."""
        return self._counts.lately(self._totals(), self._at_ms) if self.shadow_policies else {}

    def problems_panel(self) -> Shape:
        """Looks again: what moved a breaker a moment ago is in it."""
        self.diagnosis.look()
        return problems_shape(self.diagnosis.problems)

    def shadows_panel(self) -> Shape:
        file = self._watched.in_force.settings.config_file or ""
        return shadows_shape(self.shadow_policies, self.shadows(), file)

    def _totals(self) -> Mapping[tuple[str, str, str], int]:
        counts = self._watched.counts
        return {**counts.shadow_rejections, **counts.shadow_transitions}

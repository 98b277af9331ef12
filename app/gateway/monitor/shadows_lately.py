"""What policies in Shadow mode would have rejected in the last minutes: loaded with the first of them."""

from collections.abc import Mapping

from app.admin.feed.shadows import ShadowPolicy, labels_of, shadow_policies, shadows_shape
from app.admin.shape import Shape
from app.config.table import Table
from app.gateway.monitor.watched import Watched
from app.telemetry.shadow_counts import Label, ShadowCounts, ShadowLately

__all__ = ["ShadowsLately"]


class ShadowsLately:
    """Reads counters, changes none. `policies`: those of the table in force."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._counts = ShadowCounts()
        self._at_ms = 0
        self.policies: tuple[ShadowPolicy, ...] = ()

    def use(self, table: Table, at_ms: int) -> None:
        """Another table is in force."""
        self._at_ms = at_ms
        self.policies = shadow_policies(table)
        self._counts.use(labels_of(self.policies), self._totals(), at_ms)

    def look(self, at_ms: int) -> None:
        """To be called every second, with its end."""
        self._at_ms = at_ms
        if self.policies:
            self._counts.look(self._totals, at_ms)

    def rejected(self) -> Mapping[Label, ShadowLately]:
        """By policy and target, what each would have rejected in the last ten minutes."""
        return self._counts.lately(self._totals(), self._at_ms) if self.policies else {}

    def panel(self) -> Shape:
        file = self._watched.in_force.settings.config_file or ""
        return shadows_shape(self.policies, self.rejected(), file)

    def _totals(self) -> Mapping[tuple[str, str, str], int]:
        counts = self._watched.counts
        return {**counts.shadow_rejections, **counts.shadow_transitions}

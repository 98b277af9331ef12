"""Once a second, from the start on, what the data path counted goes into the history. Reads only."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from app.admin.feed.instants import MOST_ROUTES, ms
from app.breaker.registry import Breaker, Breakers
from app.config.table import Table
from app.gateway.monitor.connections import ConnectionNumbers
from app.telemetry.counts import Counts
from app.telemetry.history import History, Point, Span, Tally
from app.telemetry.history_sample import OUTCOMES, Sampler

__all__ = ["Sampling"]

MOST_RULES_CHARTED = 32
KEPT_STATUSES = 256  # sets of a configuration; nearly all routes have the same one


class Sampling:
    """One second is `begin`, `take` until it returns True, and `end`. `at_ms`: when the newest second ended."""

    def __init__(
        self,
        counts: Counts,
        breakers: Breakers,
        connections: ConnectionNumbers,
        table_in_force: Callable[[], Table],
    ) -> None:
        self._breakers = breakers
        self._connections = connections
        self._table_in_force = table_in_force
        self._table: Table | None = None
        self._charted: list[str] = []
        self._history = History()
        self.sampler = Sampler(counts)
        self.at_ms = 0

    def begin(self) -> None:
        table = self._table_in_force()
        if table is not self._table:
            self._table = table
            self._use_table(table)
        self.sampler.begin()

    def take(self, most: int) -> bool:
        """Read up to `most` routes; True when all are read."""
        return self.sampler.take(most)

    def end(self, at_wall_s: float) -> list[Point]:
        """The second is over; the points of the series that it completed."""
        sampler = self.sampler
        sampler.end({each.name: _losses(each) for each in self._breakers.all()})
        traffic = sampler.traffic
        counts = {
            f"outcome.{word}": rise for word, rise in zip(OUTCOMES, traffic.outcomes, strict=True) if rise
        }
        counts.update(self._rule_counts())
        self.at_ms = ms(at_wall_s)
        return self._history.add(
            self.at_ms, Tally(counts, self._connections.gauges(), traffic.cells, traffic.recent_cells)
        )

    def since(self, after_ms: int) -> Sequence[Span]:
        """The series' points that ended after that instant; 0: all."""
        return self._history.since(after_ms)

    def _use_table(self, table: Table) -> None:
        by_route: dict[str, Mapping[str, str]] = {}
        for settings in table.routes:
            limit = settings.rate_limit
            if limit.value is not None:
                by_route[str(settings.route.name)] = {
                    rule.name: f"{limit.origin.policy}/{rule.name}" for rule in limit.value.rules
                }
        identities = dict.fromkeys(identity for rules in by_route.values() for identity in rules.values())
        self._charted = [identity for identity in self._charted if identity in identities]
        shown = frozenset(str(settings.route.name) for settings in table.routes[:MOST_ROUTES])
        self.sampler.use_table(tuple(identities), by_route, shown, _failing_below_500(table))

    def _rule_counts(self) -> dict[str, int]:
        """Counts of the first MOST_RULES_CHARTED rules that were used."""
        found = {}
        for identity, rule in self.sampler.rules.items():
            if not (rule.allowed or rule.limited):
                continue
            if identity not in self._charted:
                if len(self._charted) >= MOST_RULES_CHARTED:
                    continue
                self._charted.append(identity)
            found[f"limit.{identity}.allowed"] = rule.allowed
            found[f"limit.{identity}.limited"] = rule.limited
        return found


@lru_cache(KEPT_STATUSES)
def _below_500(statuses: frozenset[int]) -> frozenset[int]:
    return frozenset(status for status in statuses if status < 500)


def _losses(breaker: Breaker) -> tuple[int, int]:
    """What failed and what was rejected, since the start. Late failures too: clients saw them, as outcomes count."""
    failed = breaker.failures_total + breaker.late_failures
    return failed, breaker.machine.rejected_open + breaker.machine.rejected_half_open


def _failing_below_500(table: Table) -> Mapping[str, frozenset[int]]:
    """By route, the statuses that a breaker of it counts as failures (`failureOn`) though they are no 5xx."""
    of_breaker = {
        name: statuses
        for name, effective in table.breakers.items()
        if (statuses := _below_500(effective.value.failure_on))
    }
    failing: dict[str, frozenset[int]] = {}
    for settings in table.routes if of_breaker else ():  # hardly any policy names such a status
        named = of_breaker.keys() & set(settings.breakers)
        if named:
            failing[str(settings.route.name)] = frozenset().union(*(of_breaker[name] for name in named))
    return failing

"""Once a second: what the data path's cells rose by, for all traffic, each route, breaker and limit rule.

Reads cells, changes none; a route without traffic costs 0.1 µs a sample.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.foundation.reasons import Reason
from app.telemetry.counts import BOUNDS_S, Counts, Histogram, RouteCounts, UpstreamCounts
from app.telemetry.outcome_groups import TRIED_AND_FAILED
from app.telemetry.series_rolling import Rise, Rolling, quantile_ms

__all__ = [
    "NO_TRAFFIC",
    "OUTCOMES",
    "WINDOW_S",
    "BreakerMeter",
    "BreakerTraffic",
    "RouteMeter",
    "RuleMeter",
    "Sampler",
    "TrafficMeter",
]

WINDOW_S = 10
"""Rates, shares and percentiles are taken over the last so many samples."""

SPARK_S = 60
OUTCOMES = ("ok", "upstream_error", "client_gone", *(reason.value for reason in Reason))
_OK, _UPSTREAM_ERROR, _CLIENT_GONE = range(3)
_PLACES = {word: place for place, word in enumerate(OUTCOMES)}
_CELLS = len(BOUNDS_S) + 1
_NOTHING = (0, 0, 0)
_CLIENT_GONE_CODE = 499  # what the data path counts where the client left before any response began


_FAILURES = frozenset(_PLACES[word] for word in TRIED_AND_FAILED)


def _outcome(code: int, reason: str, failing: Container[int]) -> int:
    """A place in OUTCOMES; an unknown reason word counts as an internal error.

    `failing`: statuses below 500 that count as failures of the upstream.
    """
    if reason:
        return _PLACES.get(reason, _PLACES[Reason.INTERNAL_ERROR.value])
    if code == _CLIENT_GONE_CODE:
        return _CLIENT_GONE
    return _UPSTREAM_ERROR if code >= 500 or code in failing else _OK


class _CellsMeter:
    """What a histogram rose by since the last look, as rises of the counters from `first` on."""

    __slots__ = ("_first", "_last", "histogram", "sum_s")

    def __init__(self, histogram: Histogram, first: int) -> None:
        self.histogram = histogram
        self.sum_s = 0.0  # moves with every observation
        self._first = first
        self._last = [0] * _CELLS

    def rises(self) -> list[Rise]:
        self.sum_s = self.histogram.sum_s
        cells, last = self.histogram.cells[:], self._last
        self._last = cells
        return [
            (place, now - before)
            for place, (now, before) in enumerate(zip(cells, last, strict=True), self._first)
            if now != before
        ]


class TrafficMeter:
    """All requests: `outcomes` and `cells` of the last second, the window's sums, and totals since start."""

    __slots__ = ("cells", "outcomes", "rolling", "totals")

    def __init__(self) -> None:
        self.rolling = Rolling(len(OUTCOMES) + _CELLS, WINDOW_S)
        self.totals = [0] * len(OUTCOMES)
        self.outcomes = [0] * len(OUTCOMES)
        self.cells = [0] * _CELLS

    def begin(self) -> None:
        self.outcomes = [0] * len(OUTCOMES)
        self.cells = [0] * _CELLS

    def end(self) -> None:
        self.totals = [total + rise for total, rise in zip(self.totals, self.outcomes, strict=True)]
        both = enumerate((*self.outcomes, *self.cells))
        self.rolling.advance([(place, rise) for place, rise in both if rise])

    @property
    def recent_cells(self) -> Sequence[int]:
        """The durations in the window."""
        return self.rolling.sums[len(OUTCOMES) :]

    def quantile_ms(self, share: float) -> float | None:
        return quantile_ms(self.recent_cells, share)


class RouteMeter:
    """One route: requests in the window, those that failed, and those that the gateway rejected: none is both.

    `failing`: statuses below 500 that count as failures here, as its breakers have it. Where the route is not `shown`
    it is only added to the traffic, for half the cost.
    """

    __slots__ = ("_seen", "_seen_decisions", "cells", "counts", "failing", "is_shown", "rolling", "total")

    def __init__(self, counts: RouteCounts, failing: Container[int], *, is_shown: bool) -> None:
        self.counts = counts
        self.failing = failing
        self.is_shown = is_shown
        self.total = 0
        self.rolling = Rolling(3 + _CELLS, WINDOW_S)
        self.cells = _CellsMeter(counts.duration, 3)
        self._seen: dict[tuple[bytes, int, str], int] = {}
        self._seen_decisions: dict[tuple[str, str], int] = {}

    @property
    def requests(self) -> int:
        return self.rolling.sums[0]

    @property
    def failed(self) -> int:
        return self.rolling.sums[1]

    @property
    def rejected(self) -> int:
        return self.rolling.sums[2]

    def quantile_ms(self, share: float) -> float | None:
        return quantile_ms(self.rolling.sums[3:], share)

    def advance(self, traffic: TrafficMeter) -> None:
        """One second on, where the route had traffic; adds it to `traffic`."""
        requests = failed = rejected = 0
        seen = self._seen
        for key, count in self.counts.requests.items():
            rise = count - seen.get(key, 0)
            if rise:
                seen[key] = count
                _, code, reason = key
                requests += rise
                outcome = _outcome(code, reason, self.failing)
                traffic.outcomes[outcome] += rise
                if outcome in _FAILURES:
                    failed += rise
                elif reason:
                    rejected += rise
        self.total += requests
        rises = self.cells.rises()
        cells = traffic.cells
        for place, rise in rises:
            cells[place - 3] += rise
        if not self.is_shown:
            return
        rises.append((0, requests))
        if failed:
            rises.append((1, failed))
        if rejected:
            rises.append((2, rejected))
        self.rolling.advance(rises)

    def decisions(self) -> Iterator[tuple[str, str, int]]:
        """(rule, decision, how often since the last call)."""
        seen = self._seen_decisions
        for key, count in self.counts.decisions.items():
            rise = count - seen.get(key, 0)
            if rise:
                seen[key] = count
                yield *key, rise


@dataclass(frozen=True, slots=True)
class BreakerTraffic:
    """What met a breaker in the last ten seconds: sent to the upstream, and rejected by the breaker, per second.

    `error_share`: of those sent, 0 to 1; None where none was.
    """

    requests_per_s: float = 0.0
    rejected_per_s: float = 0.0
    error_share: float | None = None


NO_TRAFFIC = BreakerTraffic()


class BreakerMeter:
    """One breaker: `last` is (sent, failed, rejected) of the last second, `spark` those of the last minute.

    Made in the first second in which something happened, with which `spark` begins. A second in which nothing happened
    is one object for all breakers: of a thousand, a minute of their own would take 4 MiB.
    """

    __slots__ = ("_cells", "_failures", "_rejected", "last", "rolling", "spark")

    def __init__(self, cells: UpstreamCounts) -> None:
        self._cells = _CellsMeter(cells.duration, 3)
        self._failures = self._rejected = 0
        self.last = _NOTHING
        self.spark: list[tuple[int, int, int]] = []
        self.rolling = Rolling(3 + _CELLS, WINDOW_S)

    @property
    def histogram(self) -> Histogram:
        return self._cells.histogram

    def advance(self, failures: int, rejected: int) -> None:
        """One second on; both numbers are totals since start."""
        cells = self._cells
        rises = cells.rises() if cells.histogram.sum_s != cells.sum_s else ()
        sent = sum(rise for _, rise in rises)
        last = (sent, failures - self._failures, rejected - self._rejected)
        self.last = last if any(last) else _NOTHING
        self._failures, self._rejected = failures, rejected
        self.spark.append(self.last)
        del self.spark[:-SPARK_S]
        self.rolling.advance((*rises, *((place, rise) for place, rise in enumerate(last) if rise)))

    @property
    def traffic(self) -> BreakerTraffic:
        sent, failed, rejected = self.rolling.sums[:3]
        errors = round(min(failed / sent, 1.0), 4) if sent else None
        return BreakerTraffic(sent / WINDOW_S, rejected / WINDOW_S, errors)

    def quantile_ms(self, share: float) -> float | None:
        return quantile_ms(self.rolling.sums[3:], share)


class RuleMeter:
    """One limit rule: allowed and limited (or without a store to ask), in the window and since start."""

    __slots__ = ("allowed", "allowed_total", "limited", "limited_total", "rolling")

    def __init__(self) -> None:
        self.rolling = Rolling(2, WINDOW_S)
        self.allowed = self.limited = 0  # in the last second
        self.allowed_total = self.limited_total = 0

    def end(self) -> None:
        self.allowed_total += self.allowed
        self.limited_total += self.limited
        both = enumerate((self.allowed, self.limited))
        self.rolling.advance([(place, rise) for place, rise in both if rise])


class Sampler:
    """Call `begin`, then `take` until it says that all is read, then `end`; about once a second."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self.traffic = TrafficMeter()
        self.routes: dict[str, RouteMeter] = {}
        self.breakers: dict[str, BreakerMeter] = {}
        self.rules: dict[str, RuleMeter] = {}
        self._rule_ids: Mapping[str, Mapping[str, str]] = {}
        self._shown: Container[str] = ()
        self._failing: Mapping[str, Container[int]] = {}
        self._left: list[tuple[str, RouteCounts]] = []

    def use_table(
        self,
        identities: Sequence[str],
        by_route: Mapping[str, Mapping[str, str]],
        shown: Container[str],
        failing: Mapping[str, Container[int]],
    ) -> None:
        """After a reload: the identity of each rule in force; by route those of its rules' names; the names

        of the routes whose own numbers are wanted; by route the statuses below 500 that count as failures.
        """
        self._shown = shown
        self._failing = failing
        for name, meter in self.routes.items():
            meter.is_shown = name in shown
            meter.failing = failing.get(name, ())
        self.rules = {identity: self.rules.get(identity) or RuleMeter() for identity in identities}
        self._rule_ids = by_route

    def begin(self) -> None:
        self.traffic.begin()
        for rule in self.rules.values():
            rule.allowed = rule.limited = 0
        routes = self._counts.routes
        if any(name not in routes for name in self.routes):
            self.routes = {name: meter for name, meter in self.routes.items() if name in routes}
        self._left = list(routes.items())

    def take(self, most: int) -> bool:
        """Read up to `most` routes; True when none is left."""
        now, self._left = self._left[:most], self._left[most:]
        for name, counts in now:
            meter = self.routes.get(name)
            if meter is None or meter.counts is not counts:
                if not counts.requests:
                    continue
                meter = self.routes[name] = RouteMeter(
                    counts, self._failing.get(name, ()), is_shown=name in self._shown
                )
            if counts.duration.sum_s != meter.cells.sum_s:
                meter.advance(self.traffic)
                self._decided(meter, self._rule_ids.get(name, {}))
            elif not meter.rolling.is_empty:
                meter.rolling.advance()
        return not self._left

    def end(self, breakers: Mapping[str, tuple[int, int]]) -> None:
        """`breakers`: by name its failures and rejections since it was made."""
        self.traffic.end()
        for rule in self.rules.values():
            rule.end()
        if self.breakers.keys() - breakers.keys():
            self.breakers = {name: meter for name, meter in self.breakers.items() if name in breakers}
        for name, (failures, rejected) in breakers.items():
            cells = self._counts.upstreams.get(name)
            if cells is None:
                continue
            breaker = self.breakers.get(name)
            if breaker is None or breaker.histogram is not cells.duration:
                if not (failures or rejected or cells.duration.sum_s):
                    self.breakers.pop(name, None)  # so a thousand that nothing has met take nothing
                    continue
                breaker = self.breakers[name] = BreakerMeter(cells)
            breaker.advance(failures, rejected)

    def _decided(self, route: RouteMeter, identities: Mapping[str, str]) -> None:
        for rule, decision, rise in route.decisions():
            meter = self.rules.get(identities.get(rule, ""))
            if meter is None:
                continue
            if decision == "allowed":
                meter.allowed += rise
            elif decision in ("limited", "store_down"):
                meter.limited += rise

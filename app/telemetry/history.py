"""What happened, second by second and in tens of seconds: the process's memory of its traffic, bounded."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.telemetry.series import NOTHING, Series
from app.telemetry.series_rolling import quantile_ms

__all__ = ["QUANTILES", "History", "Point", "Span", "Tally"]

QUANTILES = {"p50Ms": 0.5, "p90Ms": 0.9, "p99Ms": 0.99}
_PER_MS = 100  # a series holds integers: hundredths of a millisecond
_FINE_STEPS, _COARSE_STEPS = 600, 1080  # 1 s for 10 min, 10 s for 3 h
_COARSE_S = 10


class Tally(NamedTuple):
    """One second: `counts` of what happened in it, `gauges` at its end, `cells` of the durations in it.

    `recent`: the cells of the last ten seconds, out of which the second's quantiles are taken: those of one second
    with few requests are its slowest ones.
    """

    counts: Mapping[str, int]
    gauges: Mapping[str, int]
    cells: Sequence[int]
    recent: Sequence[int]


class Point(NamedTuple):
    """The step of `step_s` seconds that ended at `at_ms`; None where nothing was there to be measured."""

    step_s: int
    at_ms: int
    values: Mapping[str, float | None]


class Span(NamedTuple):
    """Points in a row, oldest first: every column is as long as `times_ms`."""

    step_s: int
    times_ms: Sequence[int]
    columns: Mapping[str, Sequence[float | None]]


class History:
    """1 s steps for 10 min and 10 s steps for 3 h. Units: requests a step, milliseconds, connections."""

    __slots__ = ("_cells", "_coarse", "_counts", "_fine", "_gauges", "_step")

    def __init__(self) -> None:
        self._fine = Series(1, _FINE_STEPS)
        self._coarse = Series(_COARSE_S, _COARSE_STEPS)
        self._step: int | None = None  # the coarse step that is being filled, counted from 1970
        self._counts: dict[str, int] = {}
        self._gauges: Mapping[str, int] = {}
        self._cells: list[int] = []

    def add(self, at_ms: int, tally: Tally) -> list[Point]:
        """Take the second that ended at `at_ms`; what points it completed, the coarse one first."""
        points = []
        step = (at_ms - 1) // (_COARSE_S * 1000)
        if self._step is not None and step > self._step:
            end_ms = (self._step + 1) * _COARSE_S * 1000
            points.append(
                _put(self._coarse, end_ms, Tally(self._counts, self._gauges, self._cells, self._cells))
            )
            self._counts, self._cells = {}, []
        self._step = step
        for name, count in tally.counts.items():
            self._counts[name] = self._counts.get(name, 0) + count
        self._gauges = tally.gauges
        self._cells = [a + b for a, b in zip(self._cells or [0] * len(tally.cells), tally.cells, strict=True)]
        points.append(_put(self._fine, at_ms, tally))
        return points

    def since(self, after_ms: int) -> tuple[Span, Span]:
        """The points that ended after `after_ms` (0: all): fine, coarse."""
        return _span(self._fine, after_ms), _span(self._coarse, after_ms)


def _put(series: Series, at_ms: int, tally: Tally) -> Point:
    quantiles = {name: quantile_ms(tally.recent, share) for name, share in QUANTILES.items()}
    stored = {name: NOTHING if ms is None else round(ms * _PER_MS) for name, ms in quantiles.items()}
    series.append(at_ms, {**tally.counts, **tally.gauges, **stored})
    return Point(series.step_s, at_ms, {**tally.counts, **tally.gauges, **quantiles})


def _span(series: Series, after_ms: int) -> Span:
    times_ms, stored = series.since(after_ms)
    columns: dict[str, Sequence[float | None]] = {}
    for name, values in stored.items():
        if name in QUANTILES:
            columns[name] = [None if value == NOTHING else value / _PER_MS for value in values]
        else:
            columns[name] = values
    return Span(series.step_s, times_ms, columns)

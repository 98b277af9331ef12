"""What a worker counted since it last said so, as JSON, and its sum in the parent. Pure.

The cells that the data path counts in stay as they are: what was reported of them is remembered beside them.
"""

from collections.abc import Mapping
from typing import TypeVar

from app.gateway.link.message import Json
from app.telemetry.counts import BOUNDS_S, NO_ROUTE, Counts, Histogram, RouteCounts, UpstreamCounts

__all__ = ["CountRises", "add_rises"]

_CELLS = len(BOUNDS_S) + 1
K = TypeVar("K")


class _Seen:
    """What was reported of a histogram and of the numbers beside it."""

    __slots__ = ("cells", "counts", "decisions", "mirrored", "requests", "retries", "sum_s")

    def __init__(self, counts: RouteCounts | UpstreamCounts) -> None:
        self.counts = counts
        self.cells = [0] * _CELLS
        self.sum_s = 0.0
        self.requests: dict[tuple[bytes, int, str], int] = {}
        self.retries: dict[str, int] = {}
        self.mirrored: dict[str, int] = {}
        self.decisions: dict[tuple[str, str], int] = {}

    def rise_of(self, histogram: Histogram) -> Json:
        """Its rise as [cells by place, seconds, exemplars by place]."""
        cells = [
            (place, now - before)
            for place, (now, before) in enumerate(zip(histogram.cells, self.cells, strict=True))
            if now != before
        ]
        rise_s = histogram.sum_s - self.sum_s
        self.cells, self.sum_s = histogram.cells[:], histogram.sum_s
        exemplars = [
            (place, trace_id.decode("ascii"), duration_s, at_wall_s)
            for place, (trace_id, duration_s, at_wall_s) in (
                (place, each) for place, each in enumerate(histogram.exemplars or ()) if each is not None
            )
        ]
        return [cells, rise_s, exemplars]

    def add(self, other: "_Seen") -> None:
        """The cells of `other` were added to these."""
        self.cells = [a + b for a, b in zip(self.cells, other.cells, strict=True)]
        self.sum_s += other.sum_s
        for outcome, number in other.retries.items():
            self.retries[outcome] = self.retries.get(outcome, 0) + number
        for outcome, number in other.mirrored.items():
            self.mirrored[outcome] = self.mirrored.get(outcome, 0) + number


class CountRises:
    """`take` gives what rose since the last time; a route without traffic costs next to nothing."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._routes: dict[str, _Seen] = {}
        self._upstreams: dict[str, _Seen] = {}
        self._shadows: dict[tuple[str, str, str], int] = {}
        self._errors = 0

    def take(self) -> Json:
        counts = self._counts
        errors = counts.internal_errors - self._errors
        self._errors = counts.internal_errors
        return {
            "routes": [rise for name in tuple(counts.routes) if (rise := self._route(name)) is not None],
            "upstreams": self._all_upstreams(),
            "shadows": [[*key, rise] for key, rise in _rises(counts.shadow_rejections, self._shadows)],
            "rejected": counts.rejected.take(),
            "errors": errors,
        }

    def _route(self, name: str) -> Json | None:
        route = self._counts.routes[name]
        seen = self._routes.get(name)
        if seen is None or seen.counts is not route:
            seen = self._routes[name] = _Seen(route)
        if seen.sum_s == route.duration.sum_s:
            return None  # every request that ended is in there
        requests = [
            [method.decode("ascii"), code, str(reason), rise]
            for (method, code, reason), rise in _rises(route.requests, seen.requests)
        ]
        decisions = [[*key, rise] for key, rise in _rises(route.decisions, seen.decisions)]
        return [name, requests, decisions, *seen.rise_of(route.duration)]

    def _all_upstreams(self) -> Json:
        upstreams = self._counts.upstreams
        for key in [key for key in self._upstreams if key not in upstreams]:
            gone = self._upstreams.pop(key)
            heir = self._upstreams.get(gone.counts.name)
            if heir is not None:
                heir.add(gone)  # as `Counts.keep_only` did with the cells
        rises = []
        for key, upstream in upstreams.items():
            seen = self._upstreams.get(key)
            if seen is None or seen.counts is not upstream:
                seen = self._upstreams[key] = _Seen(upstream)
            retries = _rises(upstream.retries, seen.retries)
            mirrored = _rises(upstream.mirrored, seen.mirrored)
            if retries or mirrored or seen.sum_s != upstream.duration.sum_s:
                numbers = [[*map(list, retries)], [*map(list, mirrored)]]
                rises.append([key, upstream.name, *numbers, *seen.rise_of(upstream.duration)])
        return rises


def add_rises(counts: Counts, rises: Json) -> None:
    """Add what a worker counted to the gateway's counts. What has left the configuration is dropped."""
    for name, requests, decisions, *duration in rises["routes"]:
        route = counts.routes.get(name) if name != NO_ROUTE else counts.route(NO_ROUTE)
        if route is None:
            continue
        for method, code, reason, number in requests:
            route.add(method.encode("ascii"), code, reason, number)
        for rule, decision, number in decisions:
            route.decision_cell(rule, decision).number += number
        route.duration.add(_histogram(*duration))
    for key, name, retries, mirrored, *duration in rises["upstreams"]:
        upstream = counts.upstreams.get(key) or counts.upstreams.get(name)
        if upstream is None:
            continue
        upstream.duration.add(_histogram(*duration))
        for outcome, number in retries:
            upstream.retries[outcome] = upstream.retries.get(outcome, 0) + number
        for outcome, number in mirrored:
            upstream.mirrored[outcome] = upstream.mirrored.get(outcome, 0) + number
    for policy, target, reason, number in rises["shadows"]:
        cell = (policy, target, reason)
        counts.shadow_rejections[cell] = counts.shadow_rejections.get(cell, 0) + number
    for route_name, client, rule, number in rises["rejected"]:
        counts.rejected.count(route_name, client, rule, number)
    counts.internal_errors += rises["errors"]


def _rises(now: Mapping[K, int], seen: dict[K, int]) -> list[tuple[K, int]]:
    """What each number rose by; `seen` is brought up to date. One that is lower began again."""
    rises = []
    for key, number in now.items():
        before = seen.get(key, 0)
        if number != before:
            seen[key] = number
            rises.append((key, number - before if number > before else number))
    return rises


def _histogram(cells: Json, sum_s: float, exemplars: Json) -> Histogram:
    histogram = Histogram()
    for place, number in cells:
        histogram.cells[place] = number
    histogram.sum_s = sum_s
    if exemplars:
        kept: list[tuple[bytes, float, float] | None] = [None] * _CELLS
        for place, trace_id, duration_s, at_wall_s in exemplars:
            kept[place] = (trace_id.encode("ascii"), duration_s, at_wall_s)
        histogram.exemplars = kept
    return histogram

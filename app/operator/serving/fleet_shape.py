"""The fleet as `GET /v1/fleet` shows it: breakers × pods, summed rates, settings that differ. Pure.

Instants are milliseconds by the operator's clock, whatever the gateways' clocks say; what a pod said comes with its
age, and counts in sums only while it is fresh. Bounded: MOST_PODS columns, MOST_ROWS rows, MOST_DIFFERENCES.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any

from app.config.sync.messages import BreakerReport
from app.config.sync.summary import MOST_SUMMARIZED, BreakerSummary, TrafficSummary
from app.operator.sync.fleet import InstanceView
from app.policy.model import BreakerState

__all__ = ["MOST_DIFFERENCES", "MOST_PODS", "MOST_ROWS", "Moment", "fleet_shape"]

MOST_PODS = 100
MOST_ROWS = 100
MOST_DIFFERENCES = 50

_FRESH_PACES = 2.5
"""A summary may be late by one that was lost, and then some."""

_SURE_OF_CLOCK_S = 2.0
"""Less is the way of the summary, not the clock."""

_RANK = {BreakerState.OPEN.value: 0, BreakerState.HALF_OPEN.value: 1}

Shape = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """When it is shown: by the wall, and how far apart summaries are."""

    wall_s: float
    pace_s: float


@dataclass(frozen=True, slots=True)
class _Cell:
    """A breaker of one pod. `traffic`: None where only its state is known."""

    state: str
    down_since_ms: int | None
    failed_probes: int
    is_forced: bool
    traffic: TrafficSummary | None


def fleet_shape(views: Sequence[InstanceView], moment: Moment) -> Shape:
    """`views`: by namespace and name. Beyond MOST_PODS those are left out that take no traffic, then the last ones."""
    shown = sorted(sorted(views, key=_need_of_pod)[:MOST_PODS], key=lambda one: (one.namespace, one.pod))
    fresh = [_is_fresh(view, moment) for view in shown]
    rows, rows_total = _rows(shown, fresh, moment)
    differences = _differences(shown)
    sums = [_traffic_of(view) for view, counts in zip(shown, fresh, strict=True) if counts]
    return {
        "version": 1,
        "now": _ms(moment.wall_s),
        "paceS": moment.pace_s,
        "pods": [_pod(view, counts, moment) for view, counts in zip(shown, fresh, strict=True)],
        "podsTotal": len(views),
        "sums": {**_rates(_sum(sums)), "pods": len(sums)},
        "rows": rows,
        "rowsTotal": rows_total,
        "differences": _fair(differences),
        "differencesTotal": len(differences),
    }


def _need_of_pod(view: InstanceView) -> tuple[bool, str, str]:
    return not view.is_required, view.namespace, view.pod


def _is_fresh(view: InstanceView, moment: Moment) -> bool:
    return view.heard_ago_s is not None and view.heard_ago_s <= moment.pace_s * _FRESH_PACES


def _pod(view: InstanceView, is_fresh: bool, moment: Moment) -> Shape:
    heard = view.heard
    ahead_s = 0.0 if heard is None else heard.clock_ahead_s
    return {
        "namespace": view.namespace,
        "pod": view.pod,
        "gateway": view.gateway,
        "version": view.version,
        "takesTraffic": view.is_required,
        "snapshot": view.sequence,
        "snapshotState": view.state,
        "error": view.error,
        "reports": _reports(view, is_fresh),
        "heardAt": None if view.heard_ago_s is None else _ms(moment.wall_s - view.heard_ago_s),
        "calledAt": None if view.silent_s is None else _ms(moment.wall_s - view.silent_s),
        "clockAheadS": round(ahead_s, 1) if abs(ahead_s) > _SURE_OF_CLOCK_S else 0,
        "configSequence": None if heard is None else heard.summary.sequence,
        "ready": None if heard is None else heard.summary.is_ready,
        "draining": None if heard is None else heard.summary.is_draining,
        "traffic": None if heard is None else _rates(heard.summary.traffic),
        "breakersOmitted": 0 if heard is None else heard.summary.omitted,
    }


def _reports(view: InstanceView, is_fresh: bool) -> str:
    """`live`, `silent`, `awaited` (none came yet), `unable` (an older version) or `unheard` (it never called)."""
    if view.heard is not None:
        return "live" if is_fresh else "silent"
    if view.silent_s is None:
        return "unheard"
    return "unable" if view.sends_summaries is None else "awaited"


def _traffic_of(view: InstanceView) -> TrafficSummary:
    return TrafficSummary() if view.heard is None else view.heard.summary.traffic


def _rows(views: Sequence[InstanceView], fresh: Sequence[bool], moment: Moment) -> tuple[list[Shape], int]:
    """Most requests lost first, then what is down, then the busiest; and how many rows there are in all.

    Each pod names its own worst breakers in turn, so that one which reports nonsense pushes out no other's.
    """
    competing = [_competing(view, moment) for view in views]
    places: dict[tuple[str, str], int] = {}
    for view, cells in zip(views, competing, strict=True):
        for rank, name in enumerate(sorted(cells, key=lambda name: _need_of_cell(cells[name], name))):
            key = (view.namespace, name)
            places[key] = min(rank, places.get(key, rank))
    kept = nsmallest(MOST_ROWS, places, key=lambda key: (places[key], key))
    table = _table(kept, views, competing)
    rows = sorted((_order(name, table[name], fresh), name) for name in kept)
    return [_row(name, table[name], fresh) for _, name in rows], _names_total(views)


def _table(
    kept: Sequence[tuple[str, str]], views: Sequence[InstanceView], competing: Sequence[Mapping[str, _Cell]]
) -> dict[tuple[str, str], list[_Cell | None]]:
    """The rows `kept`: of what a pod did not let compete, the state that it called with."""
    table: dict[tuple[str, str], list[_Cell | None]] = {key: [None] * len(views) for key in kept}
    for place, (view, cells) in enumerate(zip(views, competing, strict=True)):
        for name in cells:
            if (row := table.get((view.namespace, name))) is not None:
                row[place] = cells[name]
        for report in view.breakers:
            row = table.get((view.namespace, report.name))
            if row is not None and row[place] is None:
                row[place] = _of_report(report)
    return table


def _names_total(views: Sequence[InstanceView]) -> int:
    names: dict[str, set[str]] = {}
    for view in views:
        own = names.setdefault(view.namespace, set())
        own.update(one.name for one in view.breakers)
        if view.heard is not None:
            own.update(one.name for one in view.heard.summary.breakers)
    return sum(len(own) for own in names.values())


def _need_of_cell(cell: _Cell, name: str) -> tuple[float, int, float, str]:
    traffic = cell.traffic or TrafficSummary()
    return -traffic.lost_per_s, _RANK.get(cell.state, 2), -traffic.rps, name


def _order(
    name: tuple[str, str], cells: Sequence[_Cell | None], fresh: Sequence[bool]
) -> tuple[float, int, float, str, str]:
    total, worst = _sum(_fresh_traffic(cells, fresh)), min(_RANK.get(each.state, 2) for each in cells if each)
    return -total.lost_per_s, worst, -total.rps, *name


def _row(name: tuple[str, str], cells: Sequence[_Cell | None], fresh: Sequence[bool]) -> Shape:
    namespace, breaker = name
    return {
        "namespace": namespace,
        "breaker": breaker,
        "sums": _rates(_sum(_fresh_traffic(cells, fresh))),
        "cells": [None if each is None else _cell(each) for each in cells],
    }


def _fresh_traffic(cells: Sequence[_Cell | None], fresh: Sequence[bool]) -> list[TrafficSummary]:
    return [
        each.traffic
        for each, counts in zip(cells, fresh, strict=True)
        if counts and each is not None and each.traffic is not None
    ]


def _cell(one: _Cell) -> Shape:
    """What is as usual is left out."""
    shape: Shape = {"state": one.state}
    if one.state != BreakerState.CLOSED:
        shape |= {"downSince": one.down_since_ms, "failedProbes": one.failed_probes}
    if one.is_forced:
        shape["forced"] = True
    if one.traffic is not None:
        shape |= _rates(one.traffic)
    return shape


def _competing(view: InstanceView, moment: Moment) -> dict[str, _Cell]:
    """By breaker what may become a row for this pod: at most 2 × MOST_SUMMARIZED of up to 20,000 that it reports.

    All that its summary says, and what it called with and is not closed; without a summary also what is closed.
    """
    heard, reports = view.heard, view.breakers
    cells: dict[str, _Cell] = {}
    if heard is not None and view.heard_ago_s is not None:
        at_wall_s = moment.wall_s - view.heard_ago_s
        cells = {one.name: _of_summary(one, at_wall_s) for one in heard.summary.breakers}
        reports = tuple(one for one in reports if one.state != BreakerState.CLOSED and one.name not in cells)
    worst = nsmallest(MOST_SUMMARIZED, reports, key=lambda one: (_RANK.get(one.state, 2), one.name))
    return cells | {one.name: _of_report(one) for one in worst}


def _of_summary(one: BreakerSummary, at_wall_s: float) -> _Cell:
    down_s = one.not_closed_for_s
    since_ms = None if down_s is None else _ms(max(0.0, at_wall_s - down_s))
    return _Cell(one.state, since_ms, one.failed_probes, one.is_forced, one.traffic)


def _of_report(one: BreakerReport) -> _Cell:
    """By the gateway's own clock: nothing better is known."""
    since_s = one.not_closed_since_wall_s
    since_ms = (
        None if one.state == BreakerState.CLOSED else _ms(one.since_wall_s if since_s is None else since_s)
    )
    return _Cell(one.state, since_ms, one.failed_probes, False, None)


def _differences(views: Sequence[InstanceView]) -> list[Shape]:
    """Settings of one gateway's pods with more than one value; which pods have which, the most frequent first."""
    found: dict[tuple[str, str, str, str], dict[str, list[str]]] = {}
    for view in views:
        if view.heard is None:
            continue
        for setting in view.heard.settings:
            key = (view.namespace, view.gateway or "", setting.target, setting.stanza)
            found.setdefault(key, {}).setdefault(setting.value, []).append(view.pod)
    return [
        _difference(key, found[key])
        for key in sorted(key for key, values in found.items() if len(values) > 1)
    ]


def _fair(differences: Sequence[Shape]) -> list[Shape]:
    """The first ones of each gateway, so that one with many pushes out no other's."""
    ranks: Counter[tuple[str, str]] = Counter()
    ranked: list[tuple[int, int]] = []
    for place, one in enumerate(differences):
        ranked.append((ranks[one["namespace"], one["gateway"]], place))
        ranks[one["namespace"], one["gateway"]] += 1
    return [differences[place] for place in sorted(place for _, place in sorted(ranked)[:MOST_DIFFERENCES])]


def _difference(key: tuple[str, str, str, str], values: Mapping[str, list[str]]) -> Shape:
    namespace, gateway, target, stanza = key
    ordered = sorted(values.items(), key=lambda one: (-len(one[1]), one[0]))
    return {
        "namespace": namespace,
        "gateway": gateway,
        "target": target,
        "stanza": stanza,
        "values": [{"value": value, "pods": pods} for value, pods in ordered],
    }


def _sum(traffic: Iterable[TrafficSummary]) -> TrafficSummary:
    """Rates add up; of the latencies the worst."""
    each = list(traffic)
    latencies = [one.p99_ms for one in each if one.p99_ms is not None]
    return TrafficSummary(
        sum(one.rps for one in each),
        sum(one.failed_per_s for one in each),
        sum(one.rejected_per_s for one in each),
        max(latencies, default=None),
    )


def _rates(traffic: TrafficSummary) -> Shape:
    return {
        "rps": round(traffic.rps, 2),
        "failedPerS": round(traffic.failed_per_s, 2),
        "rejectedPerS": round(traffic.rejected_per_s, 2),
        "p99Ms": None if traffic.p99_ms is None else round(traffic.p99_ms, 1),
    }


def _ms(wall_s: float) -> int:
    return round(wall_s * 1000)

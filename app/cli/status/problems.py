"""The verdict in words: what is wrong now, the worst first, as the page says it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.cli.status.wording import down_text, time_of_day, words
from app.cli.tables import Section, cell
from app.schema.durations import format_duration

__all__ = ["breakers_named", "problem_sections", "rejected_sections"]

_MOST_LINES = 5
_PERIODS = {1: "a second", 60: "a minute", 3600: "an hour", 86400: "a day"}
_STATES = {
    "overload": "overloaded",
    "internal": "internal errors",
    "store": "limit store unavailable",
    "draining": "draining",
    "not_ready": "waiting for the first configuration",
}


def breakers_named(rows: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """The breakers among `rows`, with a line of their own or counted."""
    return frozenset(row["subject"] for row in rows if row["kind"] == "breaker")


def problem_sections(rows: Sequence[Mapping[str, Any]], total: int, now_wall_s: float) -> list[Section]:
    """A line for each, a rejected configuration aside; `rows`, `total`: of the feed's panel `problems`.

    A foreign shape raises Key-, Type- or ValueError.
    """
    listed = _listed(rows)
    lines = [
        Section(f"{_sentence(row, now_wall_s)}{_lost(row)}", tone=_tone(row), wraps=True)
        for row in listed[:_MOST_LINES]
    ]
    more = total - (len(rows) - len(listed)) - len(lines)
    return [*lines, Section(f"and {more} more")] if more > 0 else lines


def rejected_sections(rows: Sequence[Mapping[str, Any]], now_wall_s: float) -> list[Section]:
    """What of `rows` is a configuration that is not in force, with its first fault; nothing without one."""
    return [line for row in rows if row["kind"] == "config_rejected" for line in _rejected(row, now_wall_s)]


def _rejected(row: Mapping[str, Any], now_wall_s: float) -> list[Section]:
    at = time_of_day(row["since"] / 1000, now_wall_s)
    more = int(row["faults"]) - 1
    source, fault = cell(row["subject"]), cell(row["fault"])
    title = f"REJECTED configuration from {source} at {at}; the last good one stays in force"
    others = f" (and {more} more)" if more > 0 else ""
    return [
        Section(title, tone="open", wraps=True),
        Section(f"  {fault}{others}", tone="open", wraps=True),
    ]


def _listed(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["kind"] != "config_rejected"]


def _tone(row: Mapping[str, Any]) -> str:
    if row["kind"] == "breaker" and row["forced"]:
        return "half-open"  # somebody wants it so
    is_open = row["kind"] == "breaker" and row["state"] == "open"
    return "open" if is_open or row["lostPerS"] > 0 else "half-open"


def _lost(row: Mapping[str, Any]) -> str:
    return f"; {row['lostPerS']:.1f} requests/s lost" if row["lostPerS"] > 0 else ""


def _sentence(row: Mapping[str, Any], now_wall_s: float) -> str:
    kind, subject, since_s = row["kind"], cell(row["subject"]), row["since"] / 1000
    if kind == "breaker":
        forced, failed = row["forced"], int(row["failedProbes"])
        if forced:
            return f"{subject} {down_text(since_s, failed, now_wall_s, 'held open')}, by {cell(forced['by'])}"
        return f"{subject} {down_text(since_s, failed, now_wall_s)}"
    edit = "the edit at " if row["edit"] else ""
    since = f", since {edit}{time_of_day(since_s, now_wall_s)}"
    if kind == "limit":
        return _limit(row) + since
    if kind == "errors":
        to = f" to {subject}" if row["subject"] else ""
        return f"{_percent(row['ownShare'])} of requests{to} fail{since}"
    if kind == "slow":
        return f"{subject} is slow: {_slow(row)}{since}"
    return f"{_STATES.get(kind) or cell(words(kind), row['subject'])}{since}"


def _limit(row: Mapping[str, Any]) -> str:
    """Of all requests; where the rule sees only a part of them, of that part."""
    share, own = row["share"], row["ownShare"]
    period_s = row["periodS"]
    period = _PERIODS.get(period_s) or f"in {format_duration(period_s)}"
    name = f"limit {cell(row['rule'])} ({row['requests']:,} {period})"
    if share is not None and share >= own / 2:
        return f"{_percent(share)} of requests rejected by {name}"
    return f"{_percent(own)} of its requests rejected by {name}"


def _slow(row: Mapping[str, Any]) -> str:
    if row["p99Ms"] is None:
        own, opens_at = _percent(row["ownShare"]), _percent(row["opensAt"])
        return f"{own} slow calls, the breaker opens at {opens_at}"
    return f"p99 {row['p99Ms'] / 1000:.2f} s, requests time out after {format_duration(row['timeoutS'])}"


def _percent(share: float) -> str:
    """`0.4 %`, `67 %`, as the page writes a share of 0 to 1."""
    value = share * 100
    if 0 < value < 0.1:
        return "<0.1 %"
    return f"{value:.1f}".removesuffix(".0") + " %" if value < 9.95 else f"{value:.0f} %"

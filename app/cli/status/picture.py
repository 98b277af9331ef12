"""The monitor's messages (docs: monitor) put together, and drawn as tables of text. Pure."""

from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from app.cli.status.problems import problem_sections, rejected_sections
from app.cli.status.rejected_clients import live_client_sections
from app.cli.status.shadows import shadow_sections
from app.cli.status.wording import (
    breakers_verdict,
    identity_words,
    per_s,
    share,
    state_word,
    words,
    worst_first,
)
from app.cli.tables import Section, cell
from app.schema.durations import format_duration

__all__ = ["Picture"]

_MOST_EVENTS = 10
_BREAKER_COLUMNS = (
    "NAME",
    "STATE",
    "FOR",
    "FAILURES",
    "NEXT PROBE",
    "RPS",
    "REJECTED/S",
    "ERRORS",
    "P50",
    "P99",
    "WHY",
    "SETTINGS FROM",
)
_RESULT_SHOWN_MS = 60_000
"""How long the result of a breaker test stands there."""


class Picture:
    """What a viewer knows. A foreign message raises Key-, Type- or ValueError.

    `only`: the rules and routes whose clients are drawn; None: all.
    """

    def __init__(self, only: Container[str] | None = None) -> None:
        self._only = only
        self._gateway: dict[str, Any] = {}
        self._breakers: dict[str, dict[str, Any]] = {}
        self._routes: dict[str, dict[str, Any]] = {}
        self._routes_total = 0
        self._limits: dict[str, dict[str, Any]] = {}
        self._events: list[dict[str, Any]] = []
        self._traffic: dict[str, Any] = {}
        self._connections: dict[str, Any] = {}
        self._test: dict[str, Any] = {}
        self._panels: dict[str, Any] = {}
        self._now_ms = 0

    def take(self, text: str | bytes) -> bool:
        """Whether the message changed what is drawn."""
        message = orjson.loads(text)
        kind = message["type"]
        if kind not in ("snapshot", "delta"):
            return False
        self._now_ms = message["now"]
        if kind == "snapshot":
            self._breakers, self._routes, self._limits, self._events = {}, {}, {}, []
        self._gateway.update(message.get("gateway", {}))
        _merge(self._breakers, message.get("breakers", ()), message.get("breakersGone", ()), "name")
        routes = message.get("routes", {})
        _merge(self._routes, routes.get("rows", ()), routes.get("gone", ()), "name")
        self._routes_total = routes.get("total", self._routes_total)
        _merge(self._limits, message.get("limits", ()), message.get("limitsGone", ()), "id")
        self._events = [*self._events, *message.get("events", ())][-_MOST_EVENTS:]
        self._traffic = message.get("traffic", self._traffic)
        self._connections = message.get("connections", self._connections)
        self._test = message.get("test", self._test)
        self._panels.update(message.get("panels", {}))
        return True

    def sections(self, after_s: float = 0.0) -> list[Section]:
        """Everything, broken first; `after_s`: how long ago the newest message came."""
        now_ms = self._now_ms + round(after_s * 1000)
        breakers = sorted(self._breakers.values(), key=_order)
        problems = self._panels.get("problems", {"total": 0, "rows": ()})
        more = self._routes_total - len(self._routes)
        return [
            *rejected_sections(problems["rows"], now_ms / 1000),
            Section(self._title(now_ms)),
            *problem_sections(problems["rows"], problems["total"], now_ms / 1000),
            breakers_verdict(
                [(row["name"], row["state"]) for row in breakers], is_all_well=not problems["total"]
            ),
            Section(self._traffic_title()),
            *self._test_lines(now_ms),
            Section(
                "breakers",
                _BREAKER_COLUMNS,
                tuple(_breaker(row, now_ms) for row in breakers),
                spare=("SETTINGS FROM", "REJECTED/S", "P50", "FOR", "P99", "ERRORS"),
                elastic=("NAME", "WHY", "SETTINGS FROM"),
                least=6,
                rank=0,
            ),
            Section(
                "events, newest first",
                ("UTC", "WHAT", "OF", "DETAIL"),
                tuple(_event(row) for row in reversed(self._events)),
                elastic=("OF", "DETAIL"),
                least=4,
                rank=1,
            ),
            Section(
                f"routes ({more} more are not shown)" if more > 0 else "routes",
                ("NAME", "MATCH", "RPS", "ERRORS", "REJECTED", "P50", "P99", "TOTAL"),
                tuple(_route(row) for row in sorted(self._routes.values(), key=_lost_on_route)),
                spare=("TOTAL", "P50", "MATCH"),
                elastic=("NAME", "MATCH"),
                least=2,
                rank=3,
            ),
            Section(
                "limits",
                ("RULE", "PER", "REQUESTS", "ROUTES", "ALLOWED/S", "LIMITED/S", "LIMITED"),
                tuple(_limit(row) for row in sorted(self._limits.values(), key=_lost_by_rule)),
                spare=("ROUTES", "LIMITED", "PER"),
                elastic=("RULE", "PER"),
                least=1,
                rank=2,
            ),
            *live_client_sections(self._panels.get("clients", {"rules": (), "routes": ()}), self._only),
            *_shadows(self._panels.get("shadows", {"rows": (), "more": 0})),
        ]

    def _title(self, now_ms: int) -> str:
        gateway = self._gateway
        state = "draining" if gateway["draining"] else "ready" if gateway["ready"] else "not ready"
        store = {True: ", limit store up", False: ", limit store DOWN", None: ""}[gateway["storeUp"]]
        up = _length((now_ms - gateway["startedAt"]) / 1000)
        sequence = gateway["configSequence"]
        who = identity_words(gateway["identity"])
        return f"tidegate {gateway['version']}, {who}, {state}, up {up}, config sequence {sequence}{store}"

    def _traffic_title(self) -> str:
        traffic, connections = self._traffic, self._connections
        outcomes = sorted(traffic["outcomes"].items(), key=lambda item: -item[1])
        rates = ", ".join(f"{words(word)} {per_s(rate)}/s" for word, rate in outcomes) or "none"
        times = " ".join(f"{name[:3]} {_ms(traffic[name])}" for name in ("p50Ms", "p90Ms", "p99Ms"))
        return (
            f"traffic: {rates}; {times}; {connections['clients']} client connections, "
            f"{connections['inFlight']} requests in flight"
        )

    def _test_lines(self, now_ms: int) -> list[Section]:
        """The breaker test while it runs, and its result for a while."""
        run = self._test.get("run")
        if run is None or (run["endedAt"] is not None and now_ms - run["endedAt"] > _RESULT_SHOWN_MS):
            return []
        if run["endedAt"] is not None:
            tone = "closed" if run["state"] == "passed" else "open"
            return [Section(f"breaker test: {cell(run['result'])}", tone=tone)]
        steps = run["steps"]
        at = next((at for at, step in enumerate(steps) if step["state"] == "running"), 0)
        due = steps[at]["expectedAt"]
        wait = f", due in {_length((due - now_ms) / 1000)}" if due is not None and due > now_ms else ""
        return [Section(f"breaker test, step {at + 1} of {len(steps)}: {cell(steps[at]['title'])}{wait}")]


def _merge(
    held: dict[str, dict[str, Any]], rows: Sequence[Mapping[str, Any]], gone: Sequence[str], identity: str
) -> None:
    for row in rows:
        held.setdefault(row[identity], {}).update(row)
    for name in gone:
        held.pop(name, None)


def _order(row: Mapping[str, Any]) -> tuple[object, ...]:
    return worst_first(row["name"], row["state"], (row["rps"], row["refusedPerS"], row["errorShare"]))


def _lost_on_route(row: Mapping[str, Any]) -> float:
    """Below 0, most lost first; no request is in both shares."""
    lost_share = (row["errorShare"] or 0.0) + (row["refusedShare"] or 0.0)
    return -round(float(row["rps"] * lost_share), 1)


def _lost_by_rule(row: Mapping[str, Any]) -> float:
    return -round(float(row["limitedPerS"]), 1)


def _breaker(row: Mapping[str, Any], now_ms: int) -> tuple[str, ...]:
    override, error = row["override"], row["lastError"]
    why = row["reason"] and words(row["reason"])
    if override:
        left = _length((override["until"] - now_ms) / 1000)
        why = f"{override['state']} for {left} more by {override['by']}: {override['why']}"
    elif row["state"] != "closed" and error:
        why = f"{why}: {words(error['reason'])}"
    origin = (row["settings"] or {}).get("origin", {})
    return (
        cell(row["name"]),
        state_word(row["state"]),
        _length((now_ms - row["since"]) / 1000),
        _failures(row),
        _next_probe(row, now_ms),
        per_s(row["rps"]),
        per_s(row["refusedPerS"]),
        share(row["errorShare"]),
        _ms(row["p50Ms"]),
        _ms(row["p99Ms"]),
        cell(why),
        cell(
            origin.get("source"),
            origin.get("policy") if origin.get("policy") != origin.get("source") else None,
        ),
    )


def _failures(row: Mapping[str, Any]) -> str:
    """So far of how many in a row; a breaker that judges rates only: those in its own window."""
    if row["threshold"] is not None:
        return f"{min(row['failuresInRow'], row['threshold'])} of {row['threshold']}"
    window = row["window"]
    judged = (row["settings"] or {}).get("value", {})
    if "slowCalls" in judged and "failureRate" not in judged:
        return f"{window['slow']} slow of {window['requests']}"
    return f"{window['failures']} of {window['requests']}"


def _next_probe(row: Mapping[str, Any], now_ms: int) -> str:
    if row["state"] == "half_open":
        return f"{row['probesInFlight']} of {row['probesAllowed']} now"
    until = row["openUntil"]
    if row["state"] != "open" or until is None:
        return "-"
    return f"in {_length((until - now_ms) / 1000)}" if until > now_ms else "next request"


def _shadows(panel: Mapping[str, Any]) -> list[Section]:
    rows = panel["rows"]
    return shadow_sections(
        rows, panel["more"], ["" if row["since"] is None else _utc(row["since"]) for row in rows]
    )


def _limit(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        cell(row["id"]),
        cell(row["key"], ",".join(row["tiers"])),
        f"{row['requests']} per {format_duration(row['periodS'])}",
        str(row["routes"]),
        per_s(row["allowedPerS"]),
        per_s(row["limitedPerS"]),
        str(row["limitedTotal"]),
    )


def _route(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        cell(row["name"]),
        cell(row["match"]),
        per_s(row["rps"]),
        share(row["errorShare"]),
        share(row["refusedShare"]),
        _ms(row["p50Ms"]),
        _ms(row["p99Ms"]),
        str(row["total"]),
    )


def _event(row: Mapping[str, Any]) -> tuple[str, ...]:
    return _utc(row["at"]), cell(words(row["kind"])), cell(row["subject"]), cell(row["detail"])


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M:%S")


def _length(seconds: float) -> str:
    return format_duration(max(0, round(seconds)))


def _ms(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "-"
    return f"{milliseconds:.1f} ms" if milliseconds < 999.95 else f"{milliseconds / 1000:.2f} s"

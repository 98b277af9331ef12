"""Markdown tables out of raw rounds: medians, spread, and the project against each contestant."""

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.comparison.processes import NOISY
from tests.bench.comparison.scenarios import Scenario

__all__ = ["believed", "case_table", "features_table", "growth_table", "machine"]

Row = Mapping[str, Any]

COLUMNS = {  # heading: (field of a round, format)
    "req/s": ("rps", "{:,.0f}"),
    "refusals/s": ("rps", "{:,.0f}"),
    "MB/s": ("mbps", "{:,.0f}"),
    "CPU µs/req": ("cpu_us", "{:,.1f}"),
    "core busy": ("busy", "{:.0%}"),
    "p50 ms": ("p50_ms", "{:,.2f}"),
    "p99 ms": ("p99_ms", "{:,.2f}"),
    "p99.9 ms": ("p999_ms", "{:,.2f}"),
    "start-up ms": ("startup_ms", "{:,.0f}"),
    "RSS MiB": ("rss_mib", "{:,.1f}"),
    "KiB/idle connection": ("kib_per_connection", "{:,.2f}"),
    "upstream contacts": ("contacts", "{:,.0f}"),
}
OWN = {"tidegate": "Tidegate", "compiled": "compiled"}  # our contestants, and what the ratios call them
WEIGHED = ["start-up ms", "RSS MiB", "KiB/idle connection"]
REFUSED = ["refusals/s", "CPU µs/req", "core busy", "p99 ms"]
SHOWN = {  # scenario: headings; the spread is the first one's; ratios are taken for the second list
    "large": (["MB/s", "CPU µs/req", "core busy", "p50 ms", "p99 ms"], ["MB/s", "CPU µs/req"]),
    "rate": (["p50 ms", "p99 ms", "p99.9 ms", "CPU µs/req", "core busy"], ["p50 ms", "p99 ms", "CPU µs/req"]),
    "reject": (REFUSED, ["refusals/s", "CPU µs/req"]),
    "open": ([*REFUSED, "upstream contacts"], ["refusals/s", "CPU µs/req"]),
    "idle": (WEIGHED, WEIGHED),
}
USUAL = (["req/s", "CPU µs/req", "core busy", "p50 ms", "p99 ms"], ["req/s", "CPU µs/req"])


def case_table(scenario: Scenario, label: str, rows: Sequence[Row]) -> str:
    shown, compared = SHOWN.get(scenario.name, USUAL)
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(row["contestant"], []).append(row)
    builds = [name for name in OWN if name in by_name]
    ratios = [f"{heading}: {OWN[build]} ÷ it" for build in builds for heading in compared]
    head = ["contestant", shown[0], "spread", *shown[1:], *ratios, "note"]
    lines = []
    for name, mine in by_name.items():
        first, *others = (_cell(heading, mine) for heading in shown)
        lines.append(
            [
                name,
                first,
                _spread(shown[0], mine),
                *others,
                *(
                    "–" if name == build else _ratio(heading, by_name[build], mine)
                    for build in builds
                    for heading in compared
                ),
                _note(scenario.name, mine),
            ]
        )
    return (f"**{label}**\n\n" if len(scenario.cases) > 1 else "") + _table(head, lines)


def growth_table(rows: Sequence[Row]) -> str:
    """Scenario routes: what 1,000 routes cost over one."""
    lines = []
    for name in dict.fromkeys(row["contestant"] for row in rows):
        mine = [row for row in rows if row["contestant"] == name]
        one, many = (
            _middle([row for row in mine if row["case"] == f"routes: {count:,}"], "cpu_us")
            for count in (1, 1000)
        )
        if one and many:
            lines.append([name, f"{one:,.1f}", f"{many:,.1f}", f"{many / one - 1:+.0%}"])
    return _table(["contestant", "CPU µs/req, 1 route", "1,000 routes", "growth"], lines)


def features_table(features: Mapping[str, Mapping[str, bool]]) -> str:
    asked = list(dict.fromkeys(feature for found in features.values() for feature in found))
    lines = [
        [name, *("yes" if found.get(feature) else "**no**" for feature in asked)]
        for name, found in features.items()
    ]
    return _table(["contestant", *asked], lines)


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    load = Path("/proc/loadavg").read_text().split()[0]
    model = next(named, platform.machine())
    return f"{model}, Linux {platform.release()}, load average before the run {load}"


def believed(rows: Sequence[Row]) -> Sequence[Row]:
    """The valid rounds; of these the quiet ones, where strangers left the cores alone, if there are any."""
    valid = [row for row in rows if row["valid"]]
    return [row for row in valid if row.get("strangers", 0) <= NOISY] or valid


def _middle(rows: Sequence[Row], field: str) -> float | None:
    values = [row[field] for row in believed(rows) if row.get(field) is not None]
    return median(values) if values else None


def _cell(heading: str, rows: Sequence[Row]) -> str:
    field, form = COLUMNS[heading]
    value = _middle(rows, field)
    return "–" if value is None else form.format(value)


def _spread(heading: str, rows: Sequence[Row]) -> str:
    """Half of (max − min) over the median."""
    values = [row[COLUMNS[heading][0]] for row in believed(rows)]
    return f"±{(max(values) - min(values)) / 2 / max(median(values), 1e-9):.0%}" if values else "–"


def _ratio(heading: str, own: Sequence[Row], rows: Sequence[Row]) -> str:
    field = COLUMNS[heading][0]
    project, value = _middle(own, field), _middle(rows, field)
    return f"{project / value:.2f}" if project and value else "–"


def _note(scenario: str, rows: Sequence[Row]) -> str:
    notes = []
    bad = [row for row in rows if not row["valid"]]
    if bad:
        problem = " ".join(bad[0]["problems"][0].replace("|", "/").split())
        notes.append(f"INVALID {len(bad)}/{len(rows)}: {problem[:120]}")
    good = believed(rows)
    if any(row.get("kept_up") is False for row in good):
        notes.append(f"did not keep up: {min(row['rps'] for row in good):,.0f}/s")
    noisy = [row["strangers"] for row in rows if row["valid"] and row.get("strangers", 0) > NOISY]
    if noisy and len(noisy) < len(rows) - len(bad):
        notes.append(f"{len(noisy)} noisy rounds left out")
    elif noisy:
        notes.append(f"NOISY: strangers took {median(noisy):.1f} of two cores")
    elif scenario not in ("rate", "idle") and good and (idle := median(row["idle"] for row in good)) > 0.07:
        notes.append(f"bound by generator and upstream: its core idled {idle:.0%}")
    return "; ".join(notes)


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *lines)) + "\n"

"""The terminal's screen, drawn with rich: colours, states by shape too, and numbers to the right."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from rich.console import Console, Group, JustifyMethod
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from app.cli.status.layout import GAP, INDENT, fit, widths
from app.cli.tables import Section

__all__ = ["NOT_LIVE", "Screen"]

NOT_LIVE, _STATE = "NOT LIVE", "STATE"
_LOST = "bold white on red"
_STYLES = {"closed": "green", "open": "bold red", "half-open": "bold yellow"}
_MARKS = {"closed": "●", "open": "✖", "half-open": "◆"}
_NUMBERS = {
    "RPS",
    "REJECTED/S",
    "ERRORS",
    "REJECTED",
    "P50",
    "P99",
    "TOTAL",
    "ALLOWED/S",
    "LIMITED/S",
    "LIMITED",
    "LEFT",
    "OPENED",
    "ROUTES",
}


class Screen:
    """The whole screen while inside; what was on the terminal is there again afterwards."""

    def __init__(self) -> None:
        self._live = Live(Text(""), auto_refresh=False, screen=True, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._live.__exit__(*raised)

    def draw(self, shown: Sequence[Section]) -> None:
        """In place of what is there: what of `shown` fits. A title that starts with `NOT_LIVE` cannot be missed."""
        self._live.update(_drawn(shown, self._live.console), refresh=True)


def _drawn(shown: Sequence[Section], console: Console) -> Group:
    wide, high = console.size
    marks = _MARKS if console.encoding.startswith("utf") else {}
    parts: list[Text | Padding] = []
    for section in fit([_marked(each, marks) for each in shown], wide, high):
        if section.columns:
            parts += [Text(""), Text(section.title, style="bold", no_wrap=True), _table(section, wide)]
        else:
            style = _LOST if section.title.startswith(NOT_LIVE) else _STYLES.get(section.tone, "")
            parts.append(Text(section.title, style=style, no_wrap=True, overflow="ellipsis"))
    return Group(*parts)


def _marked(section: Section, marks: Mapping[str, str]) -> Section:
    """The state by shape too, before it is measured."""

    def mark(state: str, text: str) -> str:
        return f"{marks[state]} {text}" if state in marks else text

    at = section.columns.index(_STATE) if _STATE in section.columns else None
    rows = [(*row[:at], mark(row[at], row[at]), *row[at + 1 :]) for row in section.rows if at is not None]
    # what is indented belongs to the line above, which has the mark
    title = section.title if section.title.startswith(" ") else mark(section.tone, section.title)
    return replace(section, title=title, rows=tuple(rows) or section.rows)


def _table(section: Section, wide: int) -> Padding:
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    for column, width in zip(section.columns, widths(section, wide), strict=True):
        justify: JustifyMethod = "right" if column in _NUMBERS else "left"
        table.add_column(column, width=width, no_wrap=True, overflow="ellipsis", justify=justify)
    for row in section.rows:
        styles = (
            _STYLES.get(each.split()[-1], "") if column == _STATE else ""
            for column, each in zip(section.columns, row, strict=True)
        )
        table.add_row(*(Text(each, style=style) for each, style in zip(row, styles, strict=True)))
    return Padding(table, (0, 0, 0, INDENT))

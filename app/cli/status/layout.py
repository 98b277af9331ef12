"""What of a picture fits on a terminal: which columns, how wide, and which rows. Pure."""

import textwrap
from collections.abc import Sequence
from dataclasses import replace

from app.cli.tables import Section

__all__ = ["GAP", "INDENT", "fit", "narrowed", "widths"]

INDENT, GAP = 2, 2
"""Cells before a table, and between its columns."""
NARROW, NARROWEST = 18, 8
"""A column that may be cut keeps that many cells; the second where nothing else is left to give."""
FRAME_ROWS = 3
"""An empty line, the title and the columns' names."""


def fit(shown: Sequence[Section], columns: int, rows: int) -> list[Section]:
    """`shown` for a screen of that size: without empty tables, and without what `Section` says may go."""
    kept = [section for section in _wrapped(shown, columns) if section.rows or not section.columns]
    while len(kept) > 1 and sum(_height(section, _least(section)) for section in kept) > rows:
        kept.remove(max(kept, key=lambda section: (bool(section.columns), section.rank)))
    left = rows - sum(_height(section, _least(section)) for section in kept)
    given: dict[int, int] = {}
    for place in sorted(range(len(kept)), key=lambda place: kept[place].rank):
        more = min(left, len(kept[place].rows) - _least(kept[place]))
        given[place] = _least(kept[place]) + more
        left -= more
    return [_columns_fit(_rows_cut(section, given[place]), columns) for place, section in enumerate(kept)]


def narrowed(shown: Sequence[Section], columns: int) -> list[Section]:
    """`shown` for text that wide, all rows: without spare columns that do not fit, long cells cut with …"""
    return [_cells_cut(_columns_fit(section, columns), columns) for section in _wrapped(shown, columns)]


def _wrapped(shown: Sequence[Section], columns: int) -> list[Section]:
    """`shown` with a line of its own for each that a title takes which may not be cut."""
    return [line for section in shown for line in (_lines(section, columns) if section.wraps else (section,))]


def _lines(section: Section, columns: int) -> list[Section]:
    title = section.title
    indent = " " * (len(title) - len(title.lstrip()))
    lines = textwrap.wrap(
        title.lstrip(),
        max(columns, NARROW),
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_on_hyphens=False,
    )
    return [replace(section, title=line, wraps=False) for line in lines]


def _cells_cut(section: Section, columns: int) -> Section:
    if not section.columns:
        return replace(section, title=_cut(section.title, columns))
    wide = widths(section, columns)
    rows = tuple(
        tuple(_cut(text, width) for text, width in zip(row, wide, strict=True)) for row in section.rows
    )
    return replace(section, title=_cut(section.title, columns), rows=rows)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def widths(section: Section, columns: int) -> tuple[int, ...]:
    """The width of each column on a screen that wide; the elastic ones give way, the widest first."""
    return tuple(_shrunk(section, columns, NARROWEST))


def _columns_fit(section: Section, columns: int) -> Section:
    for name in section.spare:
        if _total(_shrunk(section, columns, NARROW)) <= columns:
            break
        at = section.columns.index(name)
        section = replace(
            section,
            columns=_without(section.columns, at),
            rows=tuple(_without(row, at) for row in section.rows),
            spare=section.spare[1:],
        )
    return section


def _shrunk(section: Section, columns: int, narrow: int) -> list[int]:
    wide = [max(map(len, cells)) for cells in zip(section.columns, *section.rows, strict=True)]
    elastic = [at for at, name in enumerate(section.columns) if name in section.elastic]
    while (over := _total(wide) - columns) > 0 and elastic:
        widest = max(elastic, key=lambda at: wide[at])
        if wide[widest] <= narrow:
            break
        second = max((wide[at] for at in elastic if at != widest), default=narrow)
        wide[widest] = max(narrow, wide[widest] - over, min(second, wide[widest] - 1))
    return wide


def _total(wide: Sequence[int]) -> int:
    return INDENT + sum(wide) + GAP * (len(wide) - 1)


def _without(cells: tuple[str, ...], at: int) -> tuple[str, ...]:
    return cells[:at] + cells[at + 1 :]


def _least(section: Section) -> int:
    return min(section.least, len(section.rows))


def _height(section: Section, rows: int) -> int:
    return FRAME_ROWS + rows if section.columns else 1


def _rows_cut(section: Section, rows: int) -> Section:
    more = len(section.rows) - rows
    if more <= 0:
        return section
    return replace(
        section,
        title=f"{section.title}, {more} more {'does' if more == 1 else 'do'} not fit",
        rows=section.rows[:rows],
    )

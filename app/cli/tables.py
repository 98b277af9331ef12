"""Titles, and tables of text in aligned columns: pure."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Section", "cell", "columns_text", "plain_text", "printable"]


@dataclass(frozen=True, slots=True)
class Section:
    """A title line and, where `columns` is not empty, a table; every row has a cell for each column.

    For a screen: `tone` is the state word of the breaker that the title speaks of; `spare` columns are left
    out where it is narrow, in that order; cells of `elastic` columns may be cut; `least` rows are shown where it is
    low, the lowest `rank` gets the rest, and the highest is left out first. A title that `wraps` is never cut.
    """

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    tone: str = ""
    spare: tuple[str, ...] = ()
    elastic: tuple[str, ...] = ()
    least: int = 0
    rank: int = 0
    wraps: bool = False


def plain_text(shown: Sequence[Section]) -> str:
    """Titles, and tables of aligned columns after an empty line; nothing a terminal would obey."""
    return "".join(_plain(section, is_first=place == 0) for place, section in enumerate(shown))


def _plain(section: Section, *, is_first: bool) -> str:
    title = printable(section.title) + "\n"
    if not section.columns:
        return title
    return ("" if is_first else "\n") + title + columns_text(section.columns, section.rows, "  ")


def columns_text(columns: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Aligned columns under their names, a line each; nothing a terminal would obey."""
    lines = [[printable(text) for text in line] for line in (columns, *rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    return "".join(
        indent
        + "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in lines
    )


def printable(text: str) -> str:
    """`text` on one line, without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)


def cell(*parts: object) -> str:
    """One cell: what says something, without what a terminal would obey; `-` where nothing does."""
    text = " ".join(str(part) for part in parts if part not in (None, "", []))
    return printable(text) or "-"

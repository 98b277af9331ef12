"""`tidegate status --watch` on a terminal: a viewer of the monitor's feed, drawn with rich."""

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console, Group, JustifyMethod
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from app.cli.keyboard import quit_on_q
from app.cli.status.layout import GAP, INDENT, fit, widths
from app.cli.status.picture import Picture
from app.cli.tables import Section
from app.foundation.clock import now_s

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

__all__ = ["NotLive", "watch_live"]

OPEN_S = 5.0
REDRAW_S = 0.5
"""Countdowns move on also without a message."""
SILENT_S = 3.0
"""The feed sends something each second; after this it is not live."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 5.0
NOT_LIVE, STATE = "NOT LIVE", "STATE"
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


class NotLive(Exception):
    """The feed cannot be had; the text says why."""


def watch_live(
    base: str, pause: Callable[[float], None], select: Callable[[Sequence[Section]], list[Section]] = list
) -> NoReturn:
    """Draws until q or Ctrl-C. `base`: the admin port's URL; `select`: what of the picture is drawn.

    Raises NotLive when the first connection fails.
    """
    url = base.rstrip("/").replace("http", "ws", 1) + "/monitor/ws"
    picture, wait_s = Picture(), FIRST_WAIT_S
    first: ClientConnection | None = _connected(url)
    with quit_on_q(), Live(Text(""), auto_refresh=False, screen=True, vertical_overflow="crop") as live:
        while True:
            try:
                with first or _connected(url) as socket:
                    first, wait_s = None, FIRST_WAIT_S
                    _follow(socket, picture, live, select)
            except NotLive as fault:
                sign = Section(f"{NOT_LIVE}: {fault}; trying again")
                live.update(_drawn([sign, *select(_known(picture))], live.console), refresh=True)
            pause(wait_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)


def _connected(url: str) -> "ClientConnection":
    try:
        # no proxy: a variable must not send a question about this machine elsewhere
        return connect(url, proxy=None, compression=None, max_size=None, open_timeout=OPEN_S, close_timeout=1)
    except (OSError, WebSocketException, ssl.SSLError) as fault:
        raise NotLive(f"no monitor responds at {url}: {fault or type(fault).__name__}") from None


def _follow(
    socket: "ClientConnection",
    picture: Picture,
    live: Live,
    select: Callable[[Sequence[Section]], list[Section]],
) -> NoReturn:
    """Draws what comes until nothing does."""
    heard_at_s = now_s()
    while True:
        try:
            picture.take(socket.recv(REDRAW_S))
            heard_at_s = now_s()
        except TimeoutError:
            if now_s() - heard_at_s > SILENT_S:
                raise NotLive(f"nothing was heard for {SILENT_S:g} s") from None
        except (OSError, WebSocketException) as fault:
            raise NotLive(f"the connection ended: {fault}") from None
        except (KeyError, TypeError, ValueError):
            raise NotLive("what came is no message of a monitor") from None
        shown = select(_known(picture, now_s() - heard_at_s))
        live.update(_drawn(shown, live.console), refresh=True)


def _known(picture: Picture, after_s: float = 0.0) -> list[Section]:
    """What is known; nothing before the first snapshot."""
    try:
        return picture.sections(after_s)
    except KeyError:
        return []


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

    at = section.columns.index(STATE) if STATE in section.columns else None
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
            _STYLES.get(each.split()[-1], "") if column == STATE else ""
            for column, each in zip(section.columns, row, strict=True)
        )
        table.add_row(*(Text(each, style=style) for each, style in zip(row, styles, strict=True)))
    return Padding(table, (0, 0, 0, INDENT))

"""Decisions of gateways as they come: up to where each was read, and what is printed of its replies. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from app.cli.status.layout import GAP, INDENT, narrowed, widths
from app.cli.tables import Section, cell, columns_text, printable

__all__ = ["Batch", "DecisionStream", "Silent", "TapOutput", "TapQuery"]

_BEFORE: Final = 10
"""Decisions from before the start that are shown first, so that there is something to look at."""
_MOST_LINES: Final = 100
_MOST_OBJECTS: Final = 1_000
_COLUMNS: Final = (
    "TIME",
    "STATUS",
    "REASON",
    "ROUTE",
    "CLIENT",
    "METHOD",
    "TOOK",
    "BREAKER",
    "ENDPOINT",
    "REQUEST ID",  # last, and whole where that is possible: `why` takes it
)
_USUAL_WIDTHS: Final = (12, 6, 12, 8, 8, 6, 7, 10, 14, 32)
"""So that columns rarely move while lines come."""
_SPARE: Final = ("METHOD", "BREAKER", "ENDPOINT", "TOOK", "CLIENT", "ROUTE", "TIME")
_ELASTIC: Final = ("REASON", "ROUTE", "CLIENT", "BREAKER", "ENDPOINT")
_REQUEST_ID: Final = "REQUEST ID"
_LONGEST_ID: Final = 40
"""On a terminal; `-o json` and a pipe have the whole."""
_SOURCE: Final = "GATEWAY"
_WIDEST: Final = 32
"""A column is kept as wide as its widest cell so far, up to this."""


class TapOutput(StrEnum):
    """`table`: a line each, fitted to the terminal; `json`: an object on each line."""

    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class TapQuery:
    """Which decisions are meant; "" is any."""

    reason: str = ""
    route: str = ""
    client: str = ""
    breaker: str = ""
    output: TapOutput = TapOutput.TABLE


@dataclass(frozen=True, slots=True)
class Silent:
    """A gateway that did not respond, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Batch:
    """`rows`: decisions, oldest first. `missed`: what is not among them. `notices`: about gateways."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


class DecisionStream:
    """`named`: whether lines say of which gateway they are."""

    def __init__(self, query: TapQuery, *, named: bool = False) -> None:
        self._query = query
        self._named = named
        self._marks: dict[str, str] = {}
        self._silent: dict[str, str] = {}
        self._columns = (_COLUMNS[0], _SOURCE, *_COLUMNS[1:]) if named else _COLUMNS
        self._widths = [12, 20, *_USUAL_WIDTHS[1:]] if named else list(_USUAL_WIDTHS)
        self._has_head = False

    def path(self, source: str) -> str:
        """What to ask the gateway `source` for next."""
        query, mark = self._query, self._marks.get(source)
        most = _MOST_OBJECTS if query.output is TapOutput.JSON else _MOST_LINES
        wanted = {
            "reason": query.reason,
            "route": query.route,
            "client": query.client,
            "breaker": query.breaker,
            "after": mark or "",
            "limit": str(_BEFORE if mark is None else most),
        }
        return f"/v1/decisions?{urlencode({name: text for name, text in wanted.items() if text})}"

    def take(self, replies: Mapping[str, Any]) -> Batch:
        """`replies`: by gateway, the JSON that it sent, or `Silent`."""
        batch = Batch()
        for source, reply in replies.items():
            if not isinstance(reply, Silent):
                try:
                    self._take_reply(source, reply, batch)
                    continue
                except (KeyError, TypeError, ValueError, AttributeError):
                    reply = Silent("it sent JSON of another shape; is it a gateway of this version?")
            self._note_silent(source, reply.why, batch)
        batch.rows.sort(key=lambda row: str(row["at"]))
        return batch

    @property
    def sources(self) -> tuple[str, ...]:
        """The gateways that have responded, at any time."""
        return tuple(self._marks)

    @property
    def hears_nobody(self) -> str | None:
        """Why, where no gateway has ever responded."""
        return None if self._marks else "; ".join(self._silent.values()) or "there is no gateway"

    def text(self, batch: Batch, columns: int | None) -> str:
        """The rows as lines, at most `columns` wide (None: as wide as they are); nothing a terminal would obey."""
        if self._query.output is TapOutput.JSON:
            return b"".join(
                orjson.dumps(self._object(row), option=orjson.OPT_APPEND_NEWLINE) for row in batch.rows
            ).decode()
        lines = [printable(missed) for missed in batch.missed]
        if batch.rows:
            lines += self._table(batch.rows, columns)
        return "".join(f"{line}\n" for line in lines)

    def _take_reply(self, source: str, reply: Any, batch: Batch) -> None:
        mark = reply["mark"]
        if mark is None:
            self._note_silent(source, "the gateway keeps no decisions: DECISIONS_KEPT is 0", batch)
            return
        rows = [{**row, "source": source} for row in reversed(reply["decisions"])]
        [_cells(row) for row in rows]  # another shape is found before anything is shown
        omitted, overwritten, restarted = (reply[name] for name in ("omitted", "overwritten", "restarted"))
        whose = f"{source}: " if self._named else ""
        if restarted:
            batch.missed.append(
                f"… {whose}the gateway restarted; what it decided before and was not shown is gone"
            )
        if overwritten:
            batch.missed.append(f"… {whose}up to {overwritten:,} more, gone before they could be read")
        if omitted:
            batch.missed.append(f"… {whose}{omitted:,} more")
        if self._silent.pop(source, None) is not None:
            batch.notices.append(f"{whose}the gateway responds again")
        self._marks[source] = str(mark)
        batch.rows.extend(rows)

    def _note_silent(self, source: str, why: str, batch: Batch) -> None:
        if source not in self._silent:
            batch.notices.append(f"{source + ': ' if self._named else ''}{why}; trying again")
        self._silent[source] = why

    def _object(self, row: Mapping[str, Any]) -> dict[str, Any]:
        shown = {name: value for name, value in row.items() if name != "source"}
        return {"gateway": row["source"], **shown} if self._named else shown

    def _table(self, rows: list[dict[str, Any]], columns: int | None) -> list[str]:
        cells = [self._cells(row) for row in rows]
        for line in cells:
            self._widths = [
                max(width, min(len(text), _WIDEST)) for width, text in zip(self._widths, line, strict=True)
            ]
        ruler = tuple("x" * width for width in self._widths)  # so that columns stand where they stood before
        section = Section("", self._columns, (ruler, *cells), spare=_SPARE, elastic=_ELASTIC)
        if columns is not None:
            section = _fitted(section, columns)
        head, _, *lines = columns_text(section.columns, section.rows).splitlines()
        if self._has_head:
            return lines
        self._has_head = True
        return [head, *lines]

    def _cells(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        found = _cells(row)
        return (found[0], cell(row["source"]), *found[1:]) if self._named else found


def _fitted(section: Section, columns: int) -> Section:
    """No wider than `columns`. A request's id gives way last: cut, it is of no use."""
    rows = tuple((*row[:-1], _cut(row[-1], _LONGEST_ID)) for row in section.rows)
    section = replace(section, rows=rows)
    wide = columns + INDENT  # a table of `narrowed` stands indented
    (fitted,) = narrowed([section], wide)
    if sum(widths(fitted, wide)) + GAP * (len(fitted.columns) - 1) > columns:
        (fitted,) = narrowed([replace(fitted, elastic=(*fitted.elastic, _REQUEST_ID))], wide)
    return fitted


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    breaker, attempts = row["breaker"], row["attempts"]
    last = attempts[-1] if attempts else {"endpoint": None}
    is_shown = breaker is not None and breaker["state"] != "closed"
    return (
        cell(str(row["at"])[11:23]),
        cell(row["status"] or None),
        cell(_reason(row)),
        cell(row["route"]),
        cell(row["client"]),
        cell(row["method"]),
        f"{row['durationMs']:,.1f}ms",
        cell(f"{breaker['name']} {str(breaker['state']).replace('_', '-')}" if is_shown else None),
        cell(
            last["endpoint"]
            and (f"{last['endpoint']} ×{len(attempts)}" if len(attempts) > 1 else last["endpoint"])
        ),
        cell(row["requestId"]),
    )


def _reason(row: Mapping[str, Any]) -> str:
    """In the words of the field: an upstream's own response has no reason, but a gRPC call that failed a status."""
    grpc_status = row["grpcStatus"]
    failed = grpc_status if grpc_status not in (None, "OK") else ""
    return str(row["reason"] or ("client_gone" if row["error"] == "client_gone" else failed))

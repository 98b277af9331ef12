"""Whom limits and routes reject, as tables: pure."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from app.cli.tables import Section, cell

__all__ = ["MOST_CLIENTS", "client_sections", "live_client_sections"]

MOST_CLIENTS = 10
"""Rows of a table that is not asked for whole."""

_RULE_COLUMNS = ("RULE", "CLIENT", "REJECTED", "LEFT")
_ROUTE_COLUMNS = ("ROUTE", "CLIENT", "REJECTED")
_RANKS = {"limits": 4, "routes": 5}
_LATELY = "rejected (last 10 to 20 min)"


def client_sections(
    limits: Mapping[str, Any], routes: Mapping[str, Any], most: int | None = MOST_CLIENTS
) -> list[Section]:
    """Of `GET /v1/limits` and `/v1/routes`, the most rejected first; nothing where nobody is rejected.

    `most`: rows of each; None: all. A foreign shape raises Key- or TypeError.
    """
    by_rule = [
        (cell(f"{rule['policy']}/{rule['name']}"), *_client(client), cell(client["remaining"]))
        for rule, client in _most_rejected(limits["limits"])
    ]
    by_route = [(cell(route["name"]), *_client(client)) for route, client in _most_rejected(routes["routes"])]
    return [
        *_table("limits", _RULE_COLUMNS, by_rule, most),
        *_table("routes", _ROUTE_COLUMNS, by_route, most),
    ]


def live_client_sections(panel: Mapping[str, Any], only: Container[str] | None = None) -> list[Section]:
    """The same of the feed's panel `clients`. A foreign shape raises Key- or TypeError.

    `only`: rules and routes by name; None: all.
    """
    by_rule = [
        (cell(rule["name"]), *_client(client), cell(client["remaining"]))
        for rule, client in _most_rejected(_named(panel["rules"], only))
    ]
    by_route = [
        (cell(route["name"]), *_client(client))
        for route, client in _most_rejected(_named(panel["routes"], only))
    ]
    return [
        *_table("limits", _RULE_COLUMNS, by_rule, MOST_CLIENTS),
        *_table("routes", _ROUTE_COLUMNS, by_route, MOST_CLIENTS),
    ]


def _named(owners: Iterable[Mapping[str, Any]], only: Container[str] | None) -> list[Mapping[str, Any]]:
    """Before rows are cut: others that are rejected more must not take the rows of these."""
    return [owner for owner in owners if only is None or owner["name"] in only]


def _most_rejected(
    owners: Iterable[Mapping[str, Any]],
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    found = [(owner, client) for owner in owners for client in owner.get("clients", ())]
    return sorted(found, key=lambda pair: -int(pair[1]["rejected"]))


def _client(client: Mapping[str, Any]) -> tuple[str, str]:
    name = client["client"]
    return "(no key)" if name is None else cell(name), str(int(client["rejected"]))


def _table(
    owners: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], most: int | None
) -> list[Section]:
    if not rows:
        return []
    shown = tuple(rows[:most])
    more = len(rows) - len(shown)
    title = f"{owners} {_LATELY}" + (f", {more} more with -o wide" if more else "")
    rank = _RANKS[owners]
    return [Section(title, columns, shown, elastic=columns[:2], least=1, rank=rank)]

"""Whom rejections hit: the clients that each limit rule and each route rejected most, lately.

Names of clients only. Two generations of tables: the present one and the one before, so what is shown is of the last
PERIOD_S to twice that, and a rule or route that is gone leaves no trace.
"""

from typing import Final, TypeAlias

from app.telemetry.top_clients import TopClients, most_first

__all__ = ["PERIOD_S", "PER_ROUTE", "PER_RULE", "RejectedClients"]

PERIOD_S: Final = 600.0
PER_RULE: Final = 64
PER_ROUTE: Final = 16  # there may be 10,000 routes

Tables: TypeAlias = dict[str, TopClients]


class RejectedClients:
    """One thread only."""

    __slots__ = ("_ends_s", "_routes", "_routes_before", "_rules", "_rules_before")

    def __init__(self) -> None:
        self._ends_s: float | None = None
        self._rules: Tables = {}
        self._rules_before: Tables = {}
        self._routes: Tables = {}
        self._routes_before: Tables = {}

    def count(self, route: str, client: str | None, rule: str | None) -> None:
        """A rejection. `client` None: without a name. `rule`: the identity of the limit rule that rejected."""
        if client is not None:
            _add(self._routes, route, client, PER_ROUTE)
        if rule is not None:
            _add(self._rules, rule, client, PER_RULE)

    def pass_time(self, now_s: float) -> None:
        """To be called every second, with monotonic seconds."""
        if self._ends_s is None:
            self._ends_s = now_s + PERIOD_S
        if now_s >= self._ends_s:
            self._ends_s = now_s + PERIOD_S
            self._rules, self._rules_before = {}, self._rules
            self._routes, self._routes_before = {}, self._routes

    def by_rule(self) -> dict[str, list[tuple[str | None, int]]]:
        """By the rule's identity: clients and how often each was rejected, most first, at most PER_RULE."""
        return _shown(self._rules, self._rules_before, PER_RULE)

    def by_route(self) -> dict[str, list[tuple[str | None, int]]]:
        """By route, likewise, at most PER_ROUTE; only clients with a name."""
        return _shown(self._routes, self._routes_before, PER_ROUTE)


def _add(tables: Tables, name: str, client: str | None, capacity: int) -> None:
    table = tables.get(name)
    if table is None:
        table = tables[name] = TopClients(capacity)
    table.add(client)


def _shown(now: Tables, before: Tables, most: int) -> dict[str, list[tuple[str | None, int]]]:
    return {
        name: most_first([each[name] for each in (now, before) if name in each])[:most]
        for name in {**now, **before}
    }

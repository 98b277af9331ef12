"""Whom rejections hit: the clients that each limit rule and each route rejected most, lately.

Names of clients only. Two generations of tables: the present one and the one before, so what is shown is of the last
PERIOD_S to twice that, and a rule or route that is gone leaves no trace.

The data path adds to one number. It is taken over into the tables when they are read, once a second, or when too many
differ: a flood comes from few clients.
"""

from typing import Final, TypeAlias

from app.telemetry.top_clients import TopClients, most_first

__all__ = ["PERIOD_S", "PER_ROUTE", "PER_RULE", "RejectedClients"]

PERIOD_S: Final = 600.0
PER_RULE: Final = 64
PER_ROUTE: Final = 16  # there may be 10,000 routes
MOST_WAITING: Final = 256
MOST_TAKEN: Final = 4096
"""So many that are kept for `take`; a second with more names loses the rest."""

Tables: TypeAlias = dict[str, TopClients]


class _Times:
    """How often, of one route, client and rule; compiled a third of what a list of one takes."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


class RejectedClients:
    """One thread only."""

    __slots__ = ("_ends_s", "_routes", "_routes_before", "_rules", "_rules_before", "_taken", "_waiting")

    def __init__(self) -> None:
        self._ends_s: float | None = None
        self._rules: Tables = {}
        self._rules_before: Tables = {}
        self._routes: Tables = {}
        self._routes_before: Tables = {}
        self._taken: list[tuple[str, str | None, str | None, int]] | None = None
        self._waiting: dict[tuple[str, str | None, str | None], _Times] = {}

    def count(self, route: str, client: str | None, rule: str | None, times: int = 1) -> None:
        """Rejections. `client` None: without a name. `rule`: the identity of the limit rule that rejected."""
        key = (route, client, rule)
        cell = self._waiting.get(key)
        if cell is None:
            if len(self._waiting) >= MOST_WAITING:
                self._take_over()
            cell = self._waiting[key] = _Times()
        cell.number += times

    def pass_time(self, now_s: float) -> None:
        """To be called every second, with monotonic seconds."""
        self._take_over()
        if self._ends_s is None:
            self._ends_s = now_s + PERIOD_S
        if now_s >= self._ends_s:
            self._ends_s = now_s + PERIOD_S
            self._rules, self._rules_before = {}, self._rules
            self._routes, self._routes_before = {}, self._routes

    def take(self) -> list[tuple[str, str | None, str | None, int]]:
        """What `count` got since the last call, for another process to count; nothing of it is shown here."""
        if self._taken is None:
            self._taken = []
        self._take_over()
        taken, self._taken = self._taken, []
        return taken

    def by_rule(self) -> dict[str, list[tuple[str | None, int]]]:
        """By the rule's identity: clients and how often each was rejected, most first, at most PER_RULE."""
        self._take_over()
        return _shown(self._rules, self._rules_before, PER_RULE)

    def by_route(self) -> dict[str, list[tuple[str | None, int]]]:
        """By route, likewise, at most PER_ROUTE; only clients with a name."""
        self._take_over()
        return _shown(self._routes, self._routes_before, PER_ROUTE)

    def _take_over(self) -> None:
        if self._taken is not None:
            if len(self._taken) < MOST_TAKEN:
                self._taken += [(*key, cell.number) for key, cell in self._waiting.items()]
            self._waiting.clear()
            return
        for (route, client, rule), cell in self._waiting.items():
            if client is not None:
                _add(self._routes, route, client, cell.number, PER_ROUTE)
            if rule is not None:
                _add(self._rules, rule, client, cell.number, PER_RULE)
        self._waiting.clear()


def _add(tables: Tables, name: str, client: str | None, times: int, capacity: int) -> None:
    table = tables.get(name)
    if table is None:
        table = tables[name] = TopClients(capacity)
    table.add(client, times)


def _shown(now: Tables, before: Tables, most: int) -> dict[str, list[tuple[str | None, int]]]:
    return {
        name: most_first([each[name] for each in (now, before) if name in each])[:most]
        for name in {**now, **before}
    }

"""What of a gateway's state is asked for: all, or its breakers, routes or limits, or one of them. Pure."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from app.cli.status.output import Output
from app.cli.tables import Section
from app.foundation.errors import ConfigFault, ConfigFaults
from app.schema.wording import nearest, show

__all__ = ["EVERYTHING", "Selection", "StatusQuery", "Topic", "open_breakers"]

_MAX_NAMES = 10


class Topic(StrEnum):
    """A part of the state that can be shown alone."""

    BREAKERS = "breakers"
    ROUTES = "routes"
    LIMITS = "limits"


@dataclass(frozen=True, slots=True)
class Selection:
    """`topic` None: everything. `name`: one breaker, one route, or the limits of a route or a rule; None: all."""

    topic: Topic | None = None
    name: str | None = None

    def of_state(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """`state` (the admin API's documents by name) without the rows that were not asked for.

        Raises ConfigFaults where nothing has the name; a foreign shape raises Key-, Type- or AttributeError.
        """
        if self.topic is None or self.name is None:
            return dict(state)
        config, name = state["config"], self.name
        found: Sequence[Any] | Mapping[str, Any]
        if self.topic is Topic.LIMITS:
            found = _limits_of(config["routes"], name)
            limits = [route["rateLimit"] for route in config["routes"].values()]
            names = [*config["routes"], *(rule["name"] for limit in limits for rule in _rules(limit))]
            rules = _identities(found)
            kept = [rule for rule in state["limits"]["limits"] if (rule["policy"], rule["name"]) in rules]
            selected = {"config": {**config, "routes": found}, "limits": {"limits": kept}}
        else:
            rows = state[self.topic][self.topic]
            found = [row for row in rows if row["name"] == name]
            names = [row["name"] for row in rows]
            selected = {self.topic.value: {self.topic.value: found}}
        if not found:
            raise ConfigFaults([_unknown(self.topic, name, names)])
        return {**state, **selected}

    def document(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """What `-o json` prints of a state that `of_state` returned; a foreign shape raises as there."""
        if self.topic is None:
            return dict(state)
        if self.topic is Topic.LIMITS:
            routes = state["config"]["routes"].items()
            return {
                "limits": [{"route": name, **route["rateLimit"]} for name, route in routes],
                "rules": state["limits"]["limits"],
            }
        return {self.topic.value: state[self.topic][self.topic]}

    def of_sections(self, shown: Sequence[Section], only: Container[str] | None = None) -> list[Section]:
        """The lines without a table, and of the tables the one that was asked for.

        `only`: what stands in the first cell of the rows that stay; None: all rows.
        """
        if self.topic is None:
            return list(shown)
        return [
            section if only is None or not section.columns else _rows_of(section, only)
            for section in shown
            if not section.columns or section.title.split()[0] == self.topic
        ]

    def live_rows(self, state: Mapping[str, Any]) -> frozenset[str] | None:
        """How the monitor's feed names what was asked for; None: nothing was named. `state`: of `of_state`."""
        if self.name is None:
            return None
        if self.topic is not Topic.LIMITS:
            return frozenset((self.name,))
        return frozenset("/".join(identity) for identity in _identities(state["config"]["routes"]))


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """What is asked for, how it is printed, and whether an open breaker in it is a failure."""

    selection: Selection = EVERYTHING
    output: Output = Output.TABLE
    fails_on_open: bool = False


def open_breakers(state: Mapping[str, Any]) -> list[str]:
    """The breakers that reject now, by name; a foreign shape raises Key- or TypeError."""
    return sorted(row["name"] for row in state["breakers"]["breakers"] if row["state"] == "open")


def _limits_of(routes: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The route of that name with its limit, else the routes with the rules of that name alone."""
    if name in routes:
        return {name: routes[name]}
    found = {}
    for route_name, route in routes.items():
        rules = [rule for rule in _rules(route["rateLimit"]) if rule["name"] == name]
        if rules:
            limit = route["rateLimit"]
            only = {**limit, "value": {**limit["value"], "rules": rules}}
            found[route_name] = {**route, "rateLimit": only}
    return found


def _identities(routes: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Policy and name of each rule in force on `routes`."""
    limits = [route["rateLimit"] for route in routes.values()]
    return frozenset((limit["origin"]["policy"], rule["name"]) for limit in limits for rule in _rules(limit))


def _rules(limit: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """None where the route has no limit."""
    rules: Sequence[Mapping[str, Any]] = limit["value"]["rules"] if limit["value"] is not None else ()
    return rules


def _rows_of(section: Section, only: Container[str]) -> Section:
    return replace(section, rows=tuple(row for row in section.rows if row[0] in only))


def _unknown(topic: Topic, name: str, names: Iterable[str]) -> ConfigFault:
    known = sorted(set(names))
    what = "route or rule with limits" if topic is Topic.LIMITS else topic.removesuffix("s")
    meant = nearest(name, known)
    if meant is not None:
        return ConfigFault("NAME", f"there is no {what} {show(name)}", f"did you mean {meant}?")
    listed = ", ".join(known[:_MAX_NAMES]) + (" …" if len(known) > _MAX_NAMES else "")
    return ConfigFault("NAME", f"there is no {what} {show(name)}", f"there are: {listed or 'none'}")

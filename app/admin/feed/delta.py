"""What has changed between two states of the monitor. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.admin.shape import Shape

__all__ = ["State", "delta"]

_WHOLE = ("traffic", "connections", "test")


@dataclass(frozen=True, slots=True)
class State:
    """The present, as a snapshot shows it; rows by their identity. Shapes are never changed in place.

    `panels`: what the panels of the page show, by the panel's name; each is sent whole when it has changed.
    """

    gateway: Shape
    breakers: Mapping[str, Shape]
    routes_total: int
    routes: Mapping[str, Shape]
    limits: Mapping[str, Shape]
    traffic: Shape
    connections: Shape
    test: Shape
    panels: Mapping[str, object]


def delta(old: State, new: State) -> Shape:
    """The parts of a delta message that differ; empty when nothing does."""
    parts: Shape = {}
    gateway = _fields(old.gateway, new.gateway)
    if gateway:
        parts["gateway"] = gateway
    rows, gone = _rows(old.breakers, new.breakers, "name")
    if rows:
        parts["breakers"] = rows
    if gone:
        parts["breakersGone"] = gone
    rows, gone = _rows(old.routes, new.routes, "name")
    if rows or gone or old.routes_total != new.routes_total:
        parts["routes"] = {"total": new.routes_total, "rows": rows, "gone": gone}
    rows, gone = _rows(old.limits, new.limits, "id")
    if rows:
        parts["limits"] = rows
    if gone:
        parts["limitsGone"] = gone
    for name in _WHOLE:
        if getattr(old, name) != getattr(new, name):
            parts[name] = getattr(new, name)
    panels = _fields(old.panels, new.panels)
    if panels:
        parts["panels"] = panels
    return parts


def _fields(old: Mapping[str, object], new: Mapping[str, object]) -> Shape:
    return {name: value for name, value in new.items() if name not in old or old[name] != value}


def _rows(old: Mapping[str, Shape], new: Mapping[str, Shape], identity: str) -> tuple[list[Shape], list[str]]:
    """The rows that differ, each with its identity and the fields that do; the identities that are gone."""
    if old is new:
        return [], []
    rows = []
    for name, row in new.items():
        known = old.get(name)
        if known is row:
            continue
        changed = row if known is None else _fields(known, row)
        if changed:
            rows.append({identity: name, **changed})
    return rows, [name for name in old if name not in new]

"""Reads the tables that the operator compiled from the cluster's objects: listeners, upstreams and routes.

They are written as a configuration file is, and the same parsers read them; what differs is how names are spelled
(`spelling`), and that order settles what a file's author would have to. A document with a fault is rejected whole: a
table without one of its routes would send that route's requests elsewhere.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Generic, NamedTuple, TypeVar

from app.config.model import NO_TABLES, Listener, Route, Tables, Upstream
from app.config.parsing.listeners import CLUSTER_LISTENER
from app.config.parsing.routes import CLUSTER_ROUTE
from app.config.parsing.upstreams import CLUSTER_UPSTREAM
from app.config.port_conflicts import port_conflicts
from app.config.table_items import kept_item, read_item
from app.schema.faults import Faults, Found, Path, spell
from app.schema.records import Record
from app.schema.section import Section

__all__ = ["ReadTables", "read_tables"]

T = TypeVar("T")

_KEYS = ("listeners", "upstreams", "routes")


@dataclass(frozen=True, slots=True)
class ReadTables:
    """`tables`, and what each item of the document was read as, by its canonical JSON: so the next document need not
    read it again."""

    tables: Tables = NO_TABLES
    listeners: Mapping[bytes, Listener] = field(default_factory=dict)
    upstreams: Mapping[bytes, Upstream] = field(default_factory=dict)
    routes: Mapping[bytes, tuple[Route, ...]] = field(default_factory=dict)


class _ReadList(NamedTuple, Generic[T]):
    """One list of a document. `made`: what its items were read as; `by_text`: likewise, by their canonical JSON; `new`:
    the places of those that the last document did not have."""

    made: list[T]
    by_text: Mapping[bytes, T]
    new: Sequence[int]


def read_tables(document: object, known: ReadTables | None = None) -> ReadTables:
    """The tables in `document`, as decoded from JSON or kept (`table_items`). Raises ConfigFaults with all its faults.

    `known`: the last result: what it has is the same object, and not read again, which takes a tenth of the time.
    """
    known = known or ReadTables()
    faults = Faults()
    section = Section.open(document, (), _KEYS, faults) or Section({}, (), faults)
    listeners = _read_all(section, "listeners", CLUSTER_LISTENER, known.listeners)
    upstreams = _read_all(section, "upstreams", CLUSTER_UPSTREAM, known.upstreams)
    routes = _read_all(section, "routes", CLUSTER_ROUTE, known.routes)
    tables = Tables(tuple(listeners.made), tuple(upstreams.made), tuple(chain.from_iterable(routes.made)))
    if not len(faults):
        _check(faults, tables, routes, known.tables)
    faults.raise_any(_label)
    return ReadTables(tables, listeners.by_text, upstreams.by_text, routes.by_text)


def _read_all(section: Section, key: str, record: Record[T], known: Mapping[bytes, T]) -> _ReadList[T]:
    """The items under `key` that are mappings. Those that are kept know their hash, and are the keys in `known`."""
    texts = [item if isinstance(item, bytes) else kept_item(item) for item in section.listed(key)]
    read = list(map(known.get, texts))
    new = [place for place, one in enumerate(read) if one is None]
    for place in new:
        path = (*section.at(key), place)
        read[place] = record.open(read_item(texts[place]), path, section.faults)
    made = [one for one in read if one is not None]
    by_text = dict(zip(texts, made, strict=True)) if len(made) == len(texts) else {}  # else it has faults
    return _ReadList(made, by_text, new)


def _check(faults: Faults, tables: Tables, routes: _ReadList[tuple[Route, ...]], known: Tables) -> None:
    """What needs all items to be seen; `routes`: as in the document. `known`: the last tables, which had no fault."""
    upstreams, listeners = _names(tables.upstreams), _names(tables.listeners)
    _check_unique(faults, "listeners", listeners)
    _check_unique(faults, "upstreams", upstreams)
    for index, key, what, fix in port_conflicts(tables.listeners):
        faults.add(("listeners", index, key), what, fix)
    names = set(upstreams), set(listeners)
    # what a route of the last tables names is still there, unless something went
    has_all = names[0].issuperset(_names(known.upstreams)) and names[1].issuperset(_names(known.listeners))
    for index in routes.new if has_all else range(len(routes.made)):
        _check_references(faults, ("routes", index), routes.made[index][0], *names)


def _names(items: Iterable[Upstream] | Iterable[Listener]) -> list[str]:
    return [item.name for item in items]


def _check_unique(faults: Faults, key: str, names: Sequence[str]) -> None:
    if len(set(names)) == len(names):
        return
    known: set[str] = set()
    for index, name in enumerate(names):
        if name in known:
            faults.add((key, index, "name"), f"repeats {name}", "each name must stand once")
        known.add(name)


def _check_references(
    faults: Faults, path: Path, route: Route, upstreams: Collection[str], listeners: Collection[str]
) -> None:
    """A route may only name what the document has; one without listeners would be served on the gateway's own port."""
    if not route.listeners:
        faults.add((*path, "listeners"), "is required", "give the listeners that it is attached to")
    for name in route.listeners:
        if name not in listeners:
            faults.add((*path, "listeners"), f"names the unknown listener {name}", "add the listener")
    for key, names in (("upstream", route.upstreams), ("mirror", route.mirrors)):
        for one in names:
            if one.name not in upstreams:
                faults.add((*path, key), f"names the unknown upstream {one.name}", "add the upstream")


def _label(found: Found) -> str:
    return f"tables.{spell(found.path)}" if found.path else "tables"

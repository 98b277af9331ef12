"""Reads the tables that the operator compiled from the cluster's objects: listeners, upstreams and routes.

They are written as a configuration file is, and the same parsers read them; what differs is how names are spelled
(`spelling`), and that order settles what a file's author would have to. A document with a fault is rejected whole: a
table without one of its routes would send that route's requests elsewhere.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, Generic, NamedTuple, TypeVar

import orjson

from app.config.model import NO_TABLES, Listener, Route, Tables, Upstream
from app.config.parsing.listeners import CLUSTER_LISTENER, port_conflicts
from app.config.parsing.routes import CLUSTER_ROUTE
from app.config.parsing.upstreams import CLUSTER_UPSTREAM
from app.schema.faults import Faults, Found, Path, spell
from app.schema.records import Record
from app.schema.section import Section

__all__ = ["ReadTables", "read_tables"]

T = TypeVar("T")

_KEYS = ("listeners", "upstreams", "routes")
_DIGEST_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class ReadTables:
    """`tables`, and what each item of the document was read as, so that the next document need not read it again."""

    tables: Tables = NO_TABLES
    listeners: "ReadItems[Listener]" = field(default_factory=lambda: ReadItems[Listener]())
    upstreams: "ReadItems[Upstream]" = field(default_factory=lambda: ReadItems[Upstream]())
    routes: "ReadItems[tuple[Route, ...]]" = field(default_factory=lambda: ReadItems[tuple[Route, ...]]())


class ReadItems(Generic[T]):
    """Of one list: what each item was read as.

    An item that is the same object is the same: nobody changes it, and a document of which a part was sent has all
    others of the last one. Of others, such as those of a document that was sent whole again, a digest of the canonical
    JSON says it. Not the JSON itself: what orjson returns keeps a buffer of kilobytes, 16 MiB for 4,000 items.
    """

    __slots__ = ("_by_digest", "_by_identity")

    def __init__(self, read: "Sequence[_ReadItem[T]]" = ()) -> None:
        # which keeps the items, so that nothing else has their identity
        self._by_identity = {id(one.item): one for one in read}
        self._by_digest: dict[bytes, _ReadItem[T]] | None = None

    def __len__(self) -> int:
        return len(self._by_identity)

    def same(self, items: Iterable[object]) -> "list[_ReadItem[T] | None]":
        """Of each of `items` what it was read as; None where it is no object that was read."""
        return list(map(self._by_identity.get, map(id, items)))

    def alike(self, digest: bytes) -> "_ReadItem[T] | None":
        """What an item of that digest was read as."""
        if self._by_digest is None:
            self._by_digest = {each.digest: each for each in self._by_identity.values()}
        return self._by_digest.get(digest)


class _ReadItem(Generic[T]):
    """An item of the document, and what it was read as."""

    __slots__ = ("digest", "item", "made")

    def __init__(self, item: object, digest: bytes, made: T) -> None:
        self.item, self.digest, self.made = item, digest, made


class _ReadList(NamedTuple, Generic[T]):
    """One list of a document. `made`: what its items were read as; `new`: the places of those that are no objects of
    the last one."""

    made: list[T]
    items: ReadItems[T]
    new: Sequence[int]


def _digest(item: object) -> bytes:
    text = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=_DIGEST_BYTES, usedforsecurity=False).digest()


def read_tables(document: object, known: ReadTables | None = None) -> ReadTables:
    """The tables in `document`, as decoded from JSON. Raises ConfigFaults with all its faults.

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
    return ReadTables(tables, listeners.items, upstreams.items, routes.items)


def _read_all(section: Section, key: str, record: Record[T], known: ReadItems[T]) -> _ReadList[T]:
    """The items under `key` that are mappings."""
    items = section.listed(key)
    read = known.same(items)
    new = [place for place, one in enumerate(read) if one is None]
    for place in new:
        read[place] = _read(section, (*section.at(key), place), items[place], record, known)
    found = [one for one in read if one is not None]
    return _ReadList([one.made for one in found], ReadItems(found), new)


def _read(
    section: Section, path: Path, item: object, record: Record[T], known: ReadItems[T]
) -> _ReadItem[T] | None:
    """None where it has faults."""
    digest = _digest(item)
    alike = known.alike(digest)
    made = record.open(item, path, section.faults) if alike is None else alike.made
    return None if made is None else _ReadItem(item, digest, made)


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

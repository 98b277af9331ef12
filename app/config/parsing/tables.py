"""Reads the tables that the operator compiled from the cluster's objects: listeners, upstreams and routes.

They are written as a configuration file is, and the same parsers read them; what differs is how names are spelled
(`spelling`), and that order settles what a file's author would have to. A document with a fault is rejected whole: a
table without one of its routes would send that route's requests elsewhere.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

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

    def __init__(self) -> None:
        self._by_identity: dict[int, _ReadItem[T]] = {}
        self._by_digest: dict[bytes, T] | None = None

    def __len__(self) -> int:
        return len(self._by_identity)

    def as_in(self, known: "ReadItems[T]", item: object) -> T | None:
        """What `known` read `item` as; None where it has none like it."""
        read = known._by_identity.get(id(item))
        if read is not None:
            self._by_identity[id(item)] = read  # which keeps the item, so that nothing else has its identity
            return read.made
        made = known._of_digest(_digest(item)) if len(known) else None
        if made is not None:
            self.add(item, made)
        return made

    def add(self, item: object, made: T) -> None:
        """`item` was read as `made`."""
        self._by_identity[id(item)] = _ReadItem(item, _digest(item), made)

    def _of_digest(self, digest: bytes) -> T | None:
        if self._by_digest is None:
            self._by_digest = {each.digest: each.made for each in self._by_identity.values()}
        return self._by_digest.get(digest)


class _ReadItem(Generic[T]):
    """An item of the document, and what it was read as."""

    __slots__ = ("digest", "item", "made")

    def __init__(self, item: object, digest: bytes, made: T) -> None:
        self.item, self.digest, self.made = item, digest, made


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
    listeners, of_listeners = _read_all(section, "listeners", CLUSTER_LISTENER, known.listeners)
    upstreams, of_upstreams = _read_all(section, "upstreams", CLUSTER_UPSTREAM, known.upstreams)
    routes, of_routes = _read_all(section, "routes", CLUSTER_ROUTE, known.routes)
    if not len(faults):
        _check_unique(faults, "listeners", (one.name for one in listeners))
        _check_unique(faults, "upstreams", (one.name for one in upstreams))
        for index, key, what, fix in port_conflicts(listeners):
            faults.add(("listeners", index, key), what, fix)
        names = {one.name for one in upstreams}, {one.name for one in listeners}
        for index, made in enumerate(routes):
            _check_references(faults, ("routes", index), made[0], *names)
    faults.raise_any(_label)
    flat = tuple(route for made in routes for route in made)
    tables = Tables(tuple(listeners), tuple(upstreams), flat)
    return ReadTables(tables, of_listeners, of_upstreams, of_routes)


def _read_all(
    section: Section, key: str, record: Record[T], known: ReadItems[T]
) -> tuple[list[T], ReadItems[T]]:
    """The items under `key` that are mappings, and what they were read as."""
    found: list[T] = []
    read = ReadItems[T]()
    for path, item in section.items(key):
        made = read.as_in(known, item)
        if made is None:
            made = record.open(item, path, section.faults)
            if made is None:
                continue
            read.add(item, made)
        found.append(made)
    return found, read


def _check_unique(faults: Faults, key: str, names: Iterable[str]) -> None:
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

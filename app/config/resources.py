"""The cluster's policies, routes and listeners as a table is made from them. Read from a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.config.model import NO_TABLES, Tables
from app.policy.model import Policy, Spec

if TYPE_CHECKING:
    from app.config.parsing.tables import ReadTables
    from app.config.sync.messages import PolicyError
    from app.config.sync.snapshot import PolicyEntry

__all__ = ["NO_RESOURCES", "Resources", "SnapshotMark"]


@dataclass(frozen=True, slots=True)
class SnapshotMark:
    """Which snapshot it was."""

    lineage: str
    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class Resources:
    """The cluster's policies as this gateway sees them, strongest first on each level.

    A policy's name is `namespace/name`, so that it is never that of a file's; `uids`: by that name. `read`:
    what was read of each entry, by UID, so that the next snapshot need not read it again. `tables`: the cluster's
    listeners, upstreams and routes; `read_tables`: likewise what was read of them.
    """

    policies: tuple[Policy, ...] = ()
    mark: SnapshotMark | None = None
    errors: tuple[PolicyError, ...] = ()
    uids: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, tuple[PolicyEntry, Spec | str]] = field(default_factory=dict)
    tables: Tables = NO_TABLES
    read_tables: ReadTables | None = field(default=None, repr=False, compare=False)


NO_RESOURCES = Resources()

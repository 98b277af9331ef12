"""From a snapshot to the policies that a gateway layers over its file, each spec read by itself, and its tables.

A policy that this gateway does not understand is left out and named; all others apply. Of other namespaces only
the targets count that are objects of the cluster, since the cluster's routes come from all namespaces; a target that
means another gateway is nobody's business here. Tables are read whole or not at all.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from app.config.model import NO_TABLES
from app.config.resources import NO_RESOURCES, Resources, SnapshotMark
from app.config.sync.messages import PolicyError
from app.config.sync.snapshot import PolicyEntry, Snapshot
from app.foundation.errors import ConfigFaults
from app.policy.model import Policy, Spec, TargetKind, TargetRef
from app.policy.objects import names_objects
from app.policy.parse import parse_spec

if TYPE_CHECKING:
    from app.config.parsing.tables import ReadTables

__all__ = ["read_resources"]

_MAX_REPORTED = 3  # faults of one policy; the first ones help most


def read_resources(
    snapshot: Snapshot,
    *,
    namespace: str | None = None,
    gateway: str | None = None,
    known: Resources = NO_RESOURCES,
) -> Resources:
    """`namespace`, `gateway`: this gateway's, None: unknown, then all count. `known`: the last result.

    Raises ConfigFaults for tables that cannot be used.
    """
    policies: list[Policy] = []
    errors: list[PolicyError] = []
    uids: dict[str, str] = {}
    read: dict[str, tuple[PolicyEntry, Spec | str]] = {}
    for entry in snapshot.policies:
        is_foreign = namespace is not None and entry.namespace != namespace
        if is_foreign and not names_objects(entry.spec):
            continue
        before = known.read.get(entry.uid)
        spec = before[1] if before is not None and before[0] == entry else _read(entry)
        read[entry.uid] = (entry, spec)
        if isinstance(spec, str):
            errors.append(PolicyError(entry.uid, entry.generation, spec))
            continue
        name = f"{entry.namespace}/{entry.name}"
        uids[name] = entry.uid
        own = _own_targets(spec, gateway, is_foreign=is_foreign)
        if own:
            policies.append(Policy(name, replace(spec, targets=own), entry.namespace))
    mark = SnapshotMark(snapshot.lineage, snapshot.sequence, snapshot.hash)
    read_now = _read_tables(snapshot, known)
    tables = NO_TABLES if read_now is None else read_now.tables
    return Resources(tuple(policies), mark, tuple(errors), uids, read, tables, read_now)


def _read_tables(snapshot: Snapshot, known: Resources) -> "ReadTables | None":
    if not snapshot.tables:
        return None
    from app.config.parsing.tables import read_tables  # only who has routes of the cluster pays for it

    return read_tables(snapshot.tables, known.read_tables)


def _read(entry: PolicyEntry) -> Spec | str:
    """The spec, or what is wrong with it."""
    try:
        return parse_spec(entry.spec)
    except ConfigFaults as faults:
        reported = [str(fault) for fault in faults.faults[:_MAX_REPORTED]]
        if len(faults.faults) > _MAX_REPORTED:
            reported.append(f"and {len(faults.faults) - _MAX_REPORTED} more")
        return ". ".join(reported)


def _own_targets(spec: Spec, gateway: str | None, *, is_foreign: bool) -> tuple[TargetRef, ...]:
    """Without those that name another gateway, or something of another namespace that is no object."""

    def is_own(target: TargetRef) -> bool:
        if target.is_object:
            return True
        is_other = target.kind is TargetKind.GATEWAY and target.name is not None and gateway is not None
        return not is_foreign and not (is_other and target.name != gateway)

    return tuple(target for target in spec.targets if is_own(target))

"""The snapshot: all policies in force, as the operator publishes them and gateways take them over.

Canonical JSON (keys sorted, no spaces), packed with gzip in the ConfigMap (in several where it is large) and in calls:

    {"complete": true, "hash": "sha256 of the body without this key", "lineage": UUID, "policies": [...],
     "replaces": [UUID...], "schemaVersion": 1, "sequence": N, "tables": {...}}

The whole state; a gateway that holds a snapshot may be sent what changed of its tables (`table_delta`), under the key
`tablesDelta`. Each policy stands as its author wrote it (`spec`), so a gateway reads every spec
by itself with `policy/parse.py`, rejects only the one that it does not understand, and layers the others
with `policy/merge.py`: `Stated(policy, Source.RESOURCE)` in the order given here, strongest first.
`tables` holds listeners, routes and upstreams in the spelling of the configuration file, as the operator compiled
them from the cluster's objects; absent where there are none. No secret is ever in a snapshot.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import orjson

from app.config.sync.body import is_deeper
from app.config.sync.packing import pack_bytes, unpack_bytes
from app.config.sync.table_delta import DeltaFaults, tables_delta, tables_of
from app.config.table_items import canonical, kept_tables
from app.foundation.errors import ConfigFault, ConfigFaults
from app.policy.objects import names_objects
from app.schema.faults import BadValue, Faults, Found, spell
from app.schema.fields import CheckedText, Field, Whole
from app.schema.message_fields import Flag
from app.schema.names import dns_label, dns_subdomain
from app.schema.records import Ignored, ListOf, Record, Rule, Unique
from app.schema.section import Section
from app.schema.wording import kind_of, show

__all__ = [
    "CA_KEY",
    "MAX_PACKED_BYTES",
    "PACKED_PARTS",
    "PART_BYTES",
    "SCHEMA_VERSION",
    "SNAPSHOT_KEY",
    "PolicyEntry",
    "Snapshot",
    "decode",
    "decode_to_keep",
    "encode",
    "pack",
    "pack_delta",
    "part_of",
    "seal",
    "supersedes",
    "uid_text",
]

SCHEMA_VERSION = 1
SNAPSHOT_KEY = "snapshot.json.gz"
"""Where it lies in the ConfigMap's `binaryData`, and so its file name in the mounted volume."""
CA_KEY = "ca.crt"
"""Beside it in `data`: the CA of the operator's sync port (PEM); absent where a public CA signed it."""

PART_BYTES = 512 << 10  # as base64 it must fit a ConfigMap, which holds 1 MiB
PACKED_PARTS = 3
"""ConfigMaps that one snapshot may take where it does not fit one (`snapshot_parts`)."""
MAX_PACKED_BYTES = PACKED_PARTS * PART_BYTES
MAX_PLAIN_BYTES = 64 << 20  # so that a small packed file cannot fill the memory
MAX_POLICIES = 10_000
MAX_REPLACED = 8
MAX_DEPTH = 16  # of brackets; a policy needs 8
MAX_SEQUENCE = 2**53 - 1  # what every JSON reader holds exactly
MAX_UID = 128

_DELTA = "tablesDelta"
_GZIP_MAGIC = b"\x1f\x8b"
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HASH = re.compile(r"[0-9a-f]{64}")
_UID = re.compile(rf"[A-Za-z0-9-]{{1,{MAX_UID}}}")


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """A ResiliencePolicy in force. `spec`: as its author wrote it, see `policy.parse.parse_spec`."""

    namespace: str
    name: str
    uid: str
    generation: int
    spec: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Made by `seal` or `decode` only, so that `hash` fits.

    `sequence` counts within `lineage`. `policies`: strongest first on each level (oldest first). `complete`:
    made from a completed list; without it, no policies means "not known", never "none". `replaces`: lineages
    that this one has taken the place of. `tables`: JSON as the configuration file spells it, empty for none; a gateway
    keeps their items as bytes (`table_items`).
    """

    lineage: str
    sequence: int
    policies: tuple[PolicyEntry, ...]
    complete: bool
    replaces: tuple[str, ...]
    hash: str
    tables: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_credible(self) -> bool:
        """Whether a gateway may take it over: an empty one counts only if it was made from a full list."""
        return self.complete or bool(self.policies) or bool(self.tables)


def seal(
    lineage: str,
    sequence: int,
    policies: Iterable[PolicyEntry],
    *,
    complete: bool,
    replaces: Iterable[str] = (),
    tables: Mapping[str, object] | None = None,
) -> Snapshot:
    """The snapshot with its hash; `lineage` a lower-case UUID, `sequence` ≥ 1, `replaces` ≤ 8, `tables` JSON."""
    open_ = Snapshot(lineage, sequence, tuple(policies), complete, tuple(replaces), "", tables or {})
    return replace(open_, hash=_hash_of(_body(open_)))


def part_of(snapshot: Snapshot, namespace: str, *, with_tables: bool = True) -> Snapshot:
    """What gateways in `namespace` get: its policies only, same lineage and sequence, a hash of its own.

    `with_tables`: whether they are the fleet that serves the cluster's Gateways. It gets the policies of every
    namespace that target objects of the cluster, too.
    """
    own = tuple(
        entry
        for entry in snapshot.policies
        if entry.namespace == namespace or (with_tables and names_objects(entry.spec))
    )
    tables = snapshot.tables if with_tables else {}
    if len(own) == len(snapshot.policies) and len(tables) == len(snapshot.tables):
        return snapshot
    # what is left may rightly be empty: the list it was taken from was not
    complete = snapshot.is_credible
    return seal(
        snapshot.lineage,
        snapshot.sequence,
        own,
        complete=complete,
        replaces=snapshot.replaces,
        tables=tables,
    )


def supersedes(offered: Snapshot, held: Snapshot | None) -> bool:
    """Whether a gateway that applied `held` takes `offered` over.

    Never an incredible one; in one lineage only a higher sequence; another lineage only if it says that it
    replaced the one held (no time travel).
    """
    if not offered.is_credible:
        return False
    if held is None:
        return True
    if offered.lineage == held.lineage:
        return offered.sequence > held.sequence
    return held.lineage in offered.replaces


def encode(snapshot: Snapshot) -> bytes:
    """Canonical JSON; the same snapshot is always the same bytes."""
    return canonical({**_body(snapshot), "hash": snapshot.hash})


def pack(snapshot: Snapshot) -> bytes:
    """`encode` in gzip, the same bytes for the same snapshot; ConfigFaults over `MAX_PACKED_BYTES`."""
    packed = pack_bytes(encode(snapshot))
    if len(packed) > MAX_PACKED_BYTES:
        what = f"takes {len(packed):,} bytes packed, more than {MAX_PACKED_BYTES:,}"
        raise _fault(
            what,
            f"delete some of the {len(snapshot.policies):,} policies or some routes, or watch fewer namespaces",
        )
    return packed


def pack_delta(snapshot: Snapshot, held: Snapshot) -> bytes | None:
    """`snapshot` for a gateway that holds `held`, packed: what changed of its tables; None where that is no less."""
    delta = tables_delta(held.tables, snapshot.tables)
    if delta is None:
        return None
    body = {**_body(snapshot), "hash": snapshot.hash, _DELTA: {"of": held.hash, "tables": delta}}
    body.pop("tables", None)
    return pack_bytes(canonical(body))


def decode(content: bytes, held: Snapshot | None = None) -> Snapshot:
    """The snapshot in `content`, packed or plain; raises ConfigFaults with all faults found, DeltaFaults for a delta's.

    `held`: what the gateway said that it holds when it asked; without it, only a whole snapshot is taken. The specs of
    policies are not judged, only that they are mappings.
    """
    body = _load(_unpacked(content))
    if held is None or not isinstance(body, dict) or _DELTA not in body:
        return _opened(body)
    try:
        return _opened(_completed(body, held))
    except ConfigFaults as faults:
        raise DeltaFaults(faults.faults) from faults


def decode_to_keep(content: bytes, held: Snapshot | None = None) -> Snapshot:
    """As `decode`; its tables as a gateway keeps them (`table_items`), of which most are those of `held`."""
    snapshot = decode(content, held)
    return replace(snapshot, tables=kept_tables(snapshot.tables))


def _opened(body: object) -> Snapshot:
    """Of a whole one."""
    version = body.get("schemaVersion") if isinstance(body, dict) else SCHEMA_VERSION
    if version != SCHEMA_VERSION or isinstance(version, bool):
        what = f"speaks schemaVersion {show(version)}"
        raise _fault(what, f"this gateway understands {SCHEMA_VERSION}: upgrade it")
    faults = Faults()
    snapshot = _SNAPSHOT.open(body, (), faults)
    faults.raise_any(_label)
    assert snapshot is not None and isinstance(body, dict)  # noqa: S101, PT018 - no mapping is a fault
    if _hash_of({key: value for key, value in body.items() if key != "hash"}) != snapshot.hash:
        raise _fault("does not match its hash", "it was changed or cut on its way: fetch it again")
    return snapshot


def _completed(body: dict[str, object], held: Snapshot) -> dict[str, object]:
    """With its tables whole."""
    try:
        tables = tables_of(body.pop(_DELTA), held.tables, held.hash)
    except BadValue as bad:
        raise ConfigFaults([ConfigFault(f"snapshot.{_DELTA}", bad.what, bad.fix)]) from bad
    return {**body, "tables": tables} if tables else body


def _body(snapshot: Snapshot) -> dict[str, object]:
    """What the hash is of."""
    body = _SNAPSHOT.write(snapshot)
    del body["hash"]
    return {**body, "schemaVersion": SCHEMA_VERSION}


def _hash_of(body: Mapping[str, object]) -> str:
    return hashlib.sha256(canonical(body)).hexdigest()


def _unpacked(content: bytes) -> bytes:
    if not content.startswith(_GZIP_MAGIC):
        if len(content) > MAX_PLAIN_BYTES:
            raise _fault(f"is larger than {MAX_PLAIN_BYTES:,} bytes", "it must be smaller")
        return content
    if len(content) > MAX_PACKED_BYTES:
        raise _fault(f"is larger than {MAX_PACKED_BYTES:,} bytes packed", "it must be smaller")
    try:
        return unpack_bytes(content, MAX_PLAIN_BYTES)
    except BadValue as bad:
        raise _fault(bad.what, bad.fix) from bad


def _load(plain: bytes) -> object:
    try:
        document: object = orjson.loads(plain)
    except orjson.JSONDecodeError as error:
        raise _fault(f"is no JSON ({error})", "fetch it again") from error
    if is_deeper(document, MAX_DEPTH):
        raise _fault(f"is nested deeper than {MAX_DEPTH}", "it must be flatter")
    return document


def _uuid(text: str) -> str:
    if _UUID.fullmatch(text):
        return text
    raise BadValue(f"is {show(text)}", "it must be a lower-case UUID")


def _hash_text(text: str) -> str:
    if _HASH.fullmatch(text):
        return text
    raise BadValue(f"is {show(text)}", "it must be 64 hexadecimal digits")


def uid_text(text: str) -> str:
    """An object's UID as an API server gives it: 1–128 letters, digits and hyphens; raises BadValue."""
    if _UID.fullmatch(text):
        return text
    raise BadValue(f"is {show(text)}", f"it must be 1 to {MAX_UID} letters, digits and hyphens")


class _Replaced(Field):
    """The lineages that a snapshot has taken the place of."""

    key = "replaces"

    def read(self, section: Section) -> tuple[str, ...]:
        replaced = []
        for path, item in section.items(self.key, 0, MAX_REPLACED):
            if isinstance(item, str) and _UUID.fullmatch(item):
                replaced.append(item)
            else:
                section.faults.add(path, f"is {show(item)}", "it must be a lower-case UUID")
        return tuple(replaced)


class _Spec(Field):
    """A policy's spec: not judged here, but it must be a mapping."""

    key = "spec"

    def read(self, section: Section) -> Mapping[str, object]:
        spec = section.raw(self.key)
        if isinstance(spec, dict):
            return spec
        section.fault(self.key, f"is {kind_of(spec)}, not a mapping", "give the policy's spec")
        return {}


class _Tables(Field):
    """Listeners, routes and upstreams: not judged here, but they must be in a mapping. Absent: none."""

    key = "tables"

    def read(self, section: Section) -> Mapping[str, object]:
        tables = section.raw(self.key)
        if tables is None:
            return {}
        if isinstance(tables, dict):
            return tables
        section.fault(self.key, f"is {kind_of(tables)}, not a mapping", "give listeners, routes, upstreams")
        return {}

    def write(self, value: object) -> object:
        return value or None


def _check_policies(section: Section, _: Snapshot) -> None:
    section.required("policies", "a list")


_ENTRY = Record(
    PolicyEntry,
    "A policy.",
    {
        "namespace": CheckedText("namespace", dns_label, "a text"),
        "name": CheckedText("name", dns_subdomain, "a text"),
        "uid": CheckedText("uid", uid_text, "a text"),
        "generation": Whole("generation", 1, MAX_SEQUENCE, "", is_required=True),
        "spec": _Spec(),
    },
)
_SNAPSHOT = Record(
    Snapshot,
    "A snapshot.",
    {
        "lineage": CheckedText("lineage", _uuid, "a UUID"),
        "sequence": Whole("sequence", 1, MAX_SEQUENCE, "", is_required=True),
        "policies": ListOf(
            "policies",
            _ENTRY,
            (0, MAX_POLICIES),
            "",
            Unique(
                lambda entry: entry.uid or None,
                lambda entry: show(entry.uid),
                "each policy must appear once",
                "uid",
            ),
        ),
        "complete": Flag("complete", is_required=True),
        "replaces": _Replaced(),
        "hash": CheckedText("hash", _hash_text, "its sha256"),
        "tables": _Tables(),
        "schema_version": Ignored("schemaVersion", {}, is_known=True),
    },
    Rule("", "", _check_policies),
)


def _label(found: Found) -> str:
    return f"snapshot.{spell(found.path)}" if found.path else "snapshot"


def _fault(what: str, fix: str) -> ConfigFaults:
    return ConfigFaults([ConfigFault("snapshot", what, fix)])

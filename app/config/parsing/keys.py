"""Reads `keys` and the keys file: hashed keys of clients. No message ever shows a hash: it may be a key."""

import re
from typing import Any

from app.config.model import KeyEntry, KeyScheme
from app.schema.document import load_document
from app.schema.faults import BadValue, Faults, Path
from app.schema.fields import CheckedText, Custom, Instant
from app.schema.names import dns_subdomain, tier_name
from app.schema.records import Record
from app.schema.section import Section
from app.schema.wording import kind_of

__all__ = ["KEY", "parse_keys", "read_keys"]

_HASH = re.compile(rf"(?P<scheme>{'|'.join(KeyScheme)}):(?P<digest>[0-9a-fA-F]{{64}})")


def parse_keys(text: bytes, source: str) -> tuple[KeyEntry, ...]:
    """The keys of a keys file (a list, or `keys:` with a list); raises ConfigFaults with all its faults."""
    document = load_document(text, source)
    faults = Faults(document.found)
    entries: tuple[KeyEntry, ...] = ()
    if isinstance(document.value, list):
        entries = read_keys(Section({"keys": document.value}, (), faults), bare=True)
    elif document.value is not None:
        section = Section.open(document.value, (), ("keys",), faults)
        entries = () if section is None else read_keys(section)
    document.raise_any(faults)
    return entries


def read_keys(section: Section, *, bare: bool = False) -> tuple[KeyEntry, ...]:
    """The entries under `keys`; none if absent. `bare`: `keys` is the whole document, no part of any path."""
    entries: list[KeyEntry] = []
    places: dict[tuple[KeyScheme, bytes], int | str] = {}
    for path, item in section.items("keys"):
        entry = _read_entry(item, path[1:] if bare else path, section.faults)
        if entry is None:
            continue
        first = places.setdefault((entry.scheme, entry.digest), path[-1])
        if first != path[-1]:
            place = (*(path[1:] if bare else path), "hash")
            section.faults.add(place, f"is the same as that of key [{first}]", "give each key its own hash")
        entries.append(entry)
    return tuple(entries)


def _read_entry(item: object, path: Path, faults: Faults) -> KeyEntry | None:
    faults_before = len(faults)
    entry = KEY.open(item, path, faults)
    return entry if len(faults) == faults_before else None


def _key_entry(hash_: tuple[KeyScheme, bytes], **others: Any) -> KeyEntry:
    return KeyEntry(scheme=hash_[0], digest=hash_[1], **others)


def _read_hash(section: Section) -> tuple[KeyScheme, bytes]:
    command = f"tidegate keys new {_name_for_command(section.raw('name'))}"
    fix = f"it must be hmac-sha256: or sha256: and 64 hex digits; {command} prints one"
    value = section.raw("hash")
    if "hash" not in section:
        section.fault("hash", "is required", fix)
    elif not isinstance(value, str):
        section.fault("hash", f"is {kind_of(value)}, not a text", fix)
    elif found := _HASH.fullmatch(value):
        return KeyScheme(found["scheme"]), bytes.fromhex(found["digest"])
    else:
        section.fault("hash", "is no hash of a key", fix)
    return KeyScheme.SHA256, b""


def _name_for_command(name: object) -> str:
    """The entry's name where it is a good one."""
    try:
        return dns_subdomain(name) if isinstance(name, str) else "NAME"
    except BadValue:
        return "NAME"


KEY = Record(
    _key_entry,
    "A key of a client, as a hash.",
    {
        "name": CheckedText(
            "name",
            dns_subdomain,
            "the client's name, a DNS subdomain such as acme",
            "The client's name; several entries of one name are for rotation. Required.",
        ),
        "hash_": Custom(
            "hash",
            _read_hash,
            {
                "description": "`hmac-sha256:` or `sha256:` and 64 hex digits, as `tidegate keys new` prints it. "
                "Required.",
                "type": "string",
            },
            is_required=True,
        ),
        "tier": CheckedText("tier", tier_name, says="Tier of the client, for limits by tier."),
        "not_after_wall_s": Instant(
            "notAfter", "RFC 3339 date-time up to which the key is accepted. Default: for ever."
        ),
    },
)

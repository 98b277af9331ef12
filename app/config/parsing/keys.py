"""Reads `keys` and the keys file: hashed keys of clients. No message ever shows a hash: it may be a key."""

import re
from collections.abc import Sequence

from app.config.model import KeyEntry, KeyScheme
from app.schema.document import load_document
from app.schema.faults import Faults, Path
from app.schema.instants import parse_instant_s
from app.schema.names import dns_subdomain, tier_name
from app.schema.section import Section
from app.schema.wording import kind_of

__all__ = ["hmac_names", "key_digest", "parse_keys", "read_keys"]

_KEYS = ("name", "hash", "tier", "notAfter")
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


def hmac_names(entries: Sequence[KeyEntry]) -> list[str]:
    """Names of the keys that need the pepper, in order, unique."""
    return list(dict.fromkeys(entry.name for entry in entries if entry.scheme is KeyScheme.HMAC_SHA256))


def _read_entry(item: object, path: Path, faults: Faults) -> KeyEntry | None:
    faults_before = len(faults)
    section = Section.open(item, path, _KEYS, faults)
    if section is None:
        return None
    section.required("name", "the client's name, a DNS subdomain such as acme")
    name = section.text("name", dns_subdomain, "")
    scheme, digest = _read_hash(section, name)
    entry = KeyEntry(
        name=name,
        scheme=scheme,
        digest=digest,
        tier=section.text("tier", tier_name, None),
        not_after_wall_s=section.text("notAfter", parse_instant_s, None),
    )
    return entry if len(faults) == faults_before else None


def _read_hash(section: Section, name: str) -> tuple[KeyScheme, bytes]:
    command = f"tidegate keys new {name or 'NAME'}"
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


def key_digest(key: bytes, pepper: bytes | None) -> tuple[KeyScheme, bytes]:
    """How a key is stored: under HMAC-SHA-256 with `pepper`, under SHA-256 without."""
    import hashlib
    import hmac

    if pepper is None:
        return KeyScheme.SHA256, hashlib.sha256(key).digest()
    return KeyScheme.HMAC_SHA256, hmac.digest(pepper, key, "sha256")

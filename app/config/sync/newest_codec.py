"""The bytes of what travels beside snapshots (`newest`), written and read strictly: typed, bounded, counted."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Generic, TypeVar

import orjson

from app.config.sync.body import body_fault, read_body
from app.config.sync.newest import (
    CERTIFICATES_PATH,
    ENDPOINTS_PATH,
    Address,
    Addresses,
    CertificatePem,
    Delta,
    Held,
    NewestRequest,
)
from app.config.sync.packing import pack_bytes, unpack_bytes
from app.config.sync.snapshot import MAX_SEQUENCE
from app.foundation.errors import BadValue, ConfigFault, ConfigFaults
from app.schema.fields import Whole
from app.schema.message_fields import ShortText
from app.schema.records import Record
from app.schema.wording import kind_of, show

__all__ = [
    "CERTIFICATES",
    "ENDPOINTS",
    "MAX_DELTA_BYTES",
    "MAX_REQUEST_BYTES",
    "Kind",
    "decode_delta",
    "decode_newest_request",
    "encode_delta",
    "encode_newest_request",
]

V = TypeVar("V")

MAX_REQUEST_BYTES: Final = 4 << 10
MAX_DELTA_BYTES: Final = 16 << 20
"""Packed; some million endpoints, or ten thousand certificates."""
MAX_PLAIN_BYTES: Final = 64 << 20
MAX_NAMES: Final = 100_000
MAX_NAME: Final = 512  # characters
MAX_ADDRESSES: Final = 10_000  # of one upstream
MAX_PEM: Final = 128 << 10  # characters; a chain of four with keys of 4,096 bits takes 8 KiB
MAX_WAIT_S: Final = 60
MAX_BOOT: Final = 128
_MAX_DEPTH: Final = 3


class Kind(ABC, Generic[V]):
    """What one of the two streams carries: its path, the key of its values, and how one value is spelt."""

    path: str
    key: str

    @abstractmethod
    def read(self, value: object) -> V:
        """Raises BadValue."""

    @abstractmethod
    def write(self, value: V) -> object:
        """As JSON; the inverse of `read`."""


class _Endpoints(Kind[Addresses]):
    path = ENDPOINTS_PATH
    key = "upstreams"

    def read(self, value: object) -> Addresses:
        if not isinstance(value, list):
            raise BadValue(f"is {kind_of(value)}, not a list", "it must be a list of [address, port]")
        if len(value) > MAX_ADDRESSES:
            raise BadValue(f"has {len(value):,} endpoints", f"it must have at most {MAX_ADDRESSES:,}")
        return tuple(map(_address, value))

    def write(self, value: Addresses) -> object:
        return value


class _Certificates(Kind[CertificatePem]):
    path = CERTIFICATES_PATH
    key = "certificates"

    def read(self, value: object) -> CertificatePem:
        """Says nothing of what it read: it may be a key."""
        if isinstance(value, dict) and set(value) == {"certificate", "key"}:
            certificate, key = value["certificate"], value["key"]
            if _is_pem(certificate) and _is_pem(key):
                return CertificatePem(certificate, key)
        cure = f"it must hold certificate and key, texts of 1 to {MAX_PEM:,} characters"
        raise BadValue("is no certificate with its key", cure)

    def write(self, value: CertificatePem) -> object:
        return {"certificate": value.certificate, "key": value.key}


ENDPOINTS: Final[Kind[Addresses]] = _Endpoints()
CERTIFICATES: Final[Kind[CertificatePem]] = _Certificates()


@dataclass(frozen=True, slots=True)
class _Request:
    boot: str
    version: int
    wait_s: int


_REQUEST = Record(
    _Request,
    "What a gateway holds.",
    {
        "boot": ShortText("boot", MAX_BOOT),
        "version": Whole("version", 0, MAX_SEQUENCE, "", 0),
        "wait_s": Whole("waitSeconds", 0, MAX_WAIT_S, "", 0),
    },
    is_open=True,
)


def encode_newest_request(request: NewestRequest) -> bytes:
    """The body of a call."""
    held = request.held
    return orjson.dumps(_REQUEST.write(_Request(held.boot, held.version, request.wait_s)))


def decode_newest_request(body: bytes) -> NewestRequest:
    """What a gateway holds; raises ConfigFaults."""
    read = read_body(_REQUEST, body, _MAX_DEPTH)
    return NewestRequest(Held(read.boot, read.version), read.wait_s)


def encode_delta(kind: Kind[V], delta: Delta[V]) -> bytes:
    """Packed with gzip; ConfigFaults over `MAX_DELTA_BYTES`."""
    body = {
        "boot": delta.held.boot,
        "version": delta.held.version,
        "full": delta.is_full,
        kind.key: {name: kind.write(value) for name, value in delta.values.items()},
        "removed": delta.removed,
    }
    packed = pack_bytes(orjson.dumps(body))
    if len(packed) > MAX_DELTA_BYTES:
        what = f"take {len(packed):,} bytes packed, more than {MAX_DELTA_BYTES:,}"
        raise ConfigFaults([ConfigFault(kind.key, what, "serve fewer from one fleet")])
    return packed


def decode_delta(kind: Kind[V], packed: bytes) -> Delta[V]:
    """What an operator sent, or a copy of it holds; raises ConfigFaults with the first fault of the whole.

    A value that cannot be used is left out and named: it must not stop the others.
    """
    body = _opened(packed)
    boot, version, is_full = body.get("boot"), body.get("version"), body.get("full")
    if not isinstance(boot, str) or not 0 < len(boot) <= MAX_BOOT:
        raise body_fault(f"has the boot {show(boot)}", "fetch it again")
    if type(version) is not int or not 0 <= version <= MAX_SEQUENCE or not isinstance(is_full, bool):
        raise body_fault("has no version, or does not say whether it is full", "fetch it again")
    values, removed = body.get(kind.key), body.get("removed")
    if not isinstance(values, dict) or not isinstance(removed, list):
        raise body_fault(f"has no {kind.key}, or no list of what was removed", "fetch it again")
    if len(values) + len(removed) > MAX_NAMES:
        raise body_fault(f"names more than {MAX_NAMES:,} {kind.key}", "serve fewer from one fleet")
    read: dict[str, V] = {}
    faults: dict[str, str] = {}
    for name, value in values.items():
        try:
            read[name] = _read(kind, name, value)
        except BadValue as bad:
            faults[name[:MAX_NAME]] = str(bad)
    if not all(isinstance(name, str) and len(name) <= MAX_NAME for name in removed):
        raise body_fault("has names removed that are no names", "fetch it again")
    return Delta(Held(boot, version), is_full, read, tuple(removed), faults)


def _read(kind: Kind[V], name: str, value: object) -> V:
    if len(name) > MAX_NAME:
        raise BadValue(f"has a name of {len(name):,} characters", f"use at most {MAX_NAME}")
    return kind.read(value)


def _opened(packed: bytes) -> Mapping[str, object]:
    if len(packed) > MAX_DELTA_BYTES:
        raise body_fault(f"is larger than {MAX_DELTA_BYTES:,} bytes", "it must be smaller")
    try:
        plain = unpack_bytes(packed, MAX_PLAIN_BYTES)
    except BadValue as bad:
        raise body_fault(bad.what, bad.fix) from bad
    try:
        body = orjson.loads(plain)
    except orjson.JSONDecodeError:  # its text may show a part of a key
        raise body_fault("is no JSON", "fetch it again") from None
    if not isinstance(body, dict):
        raise body_fault(f"is {kind_of(body)}, not a mapping", "fetch it again")
    return body


def _address(value: object) -> Address:
    if isinstance(value, list) and len(value) == 2:
        host, port = value
        if type(port) is int and 0 < port <= 65_535 and isinstance(host, str) and _is_ip(host):
            return host, port
    raise BadValue(f"holds {show(value)}", "it must be a list of [address, port], addresses as numbers")


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # a zone means something on one machine only


def _is_pem(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_PEM

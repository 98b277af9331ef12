"""Whose key is this? Looked up by digest, compared in constant time; an unknown key leaves no trace.

Keys are random, with 128 bits of chance or more, so one hash each is enough: a slow one would cost every
request and gain nothing.

A key of the table is remembered as it came, and found again without a digest: 0.07 µs instead of 0.55 µs
(HMAC: 0.8 µs). What this look-up reveals by its time: Python finds bytes in a dictionary by SipHash, keyed at
random in each process, and compares them only where all 64 bits of the hash are equal. A guess meets that
once in 2^64, whatever its first bytes are, so nothing can be learnt a byte at a time; who sees that a response
came sooner learns that the key is good, which the response says. The remembered keys are in this process's
memory, where every request brings its own anyway; they are never written anywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Final, Literal, TypeAlias

from app.config.model import KeyEntry, KeyScheme
from app.foundation.errors import ConfigFault, ConfigFaults
from app.foundation.reasons import Reason

__all__ = ["Client", "KeyRejection", "Keyring"]

LONGEST_KEY_BYTES: Final = 512  # ours have 46; a longer one is unknown unhashed
FOREVER_S: Final = float("inf")
BLOCK_BYTES: Final = 64  # of SHA-256 (RFC 2104 §2)
MOST_REMEMBERED: Final = 16_384  # with keys of ours 3 MiB

KeyRejection: TypeAlias = Literal[Reason.KEY_UNKNOWN, Reason.KEY_EXPIRED]
Digest: TypeAlias = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Client:
    """The owner of a key. `bucket`: the name as a limit's bucket key, made once.

    `until_wall_s`: the key's `notAfter`, to which it is good; no part of who the client is.
    """

    name: str
    tier: str | None = None
    until_wall_s: float = field(default=FOREVER_S, repr=False, compare=False)
    bucket: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bucket", self.name.encode())


class _Known:
    """One stored key."""

    __slots__ = ("client", "digest")

    def __init__(self, entry: KeyEntry) -> None:
        until_wall_s = FOREVER_S if entry.not_after_wall_s is None else entry.not_after_wall_s
        self.client = Client(entry.name, entry.tier, until_wall_s)
        self.digest = entry.digest


class Keyring:
    """All keys in force; a reload builds a new one, which remembers nothing of this one."""

    __slots__ = ("_remembered", "_schemes")

    def __init__(self, schemes: tuple[tuple[Digest, dict[bytes, _Known]], ...]) -> None:
        """Use `build`."""
        self._schemes = schemes
        self._remembered: dict[bytes, Client] = {}

    @classmethod
    def build(cls, entries: tuple[KeyEntry, ...], pepper: bytes | None) -> "Keyring":
        """`pepper` is the HMAC key of the `hmac-sha256` entries.

        Raises ConfigFaults: the same digest twice, or an HMAC entry while there is no pepper.
        """
        known: dict[KeyScheme, dict[bytes, _Known]] = {}
        faults = []
        for index, entry in enumerate(entries):
            digests = known.setdefault(entry.scheme, {})
            if entry.scheme is KeyScheme.HMAC_SHA256 and not pepper:
                faults.append(_no_pepper(index, entry))
            elif entry.digest in digests:
                faults.append(_twice(index, entry, digests[entry.digest]))
            else:
                digests[entry.digest] = _Known(entry)
        if faults:
            raise ConfigFaults(faults)
        return cls(tuple((_digest_of(scheme, pepper), digests) for scheme, digests in known.items()))

    def check(self, presented: bytes, wall_s: float) -> Client | KeyRejection:
        """The client whose key this is; a key is good up to and including its `notAfter`."""
        if len(presented) > LONGEST_KEY_BYTES:
            return Reason.KEY_UNKNOWN
        client = self._remembered.get(presented)
        if client is None:
            client = self._find(presented)
            if client is None:
                return Reason.KEY_UNKNOWN
        return client if wall_s <= client.until_wall_s else Reason.KEY_EXPIRED

    def _find(self, presented: bytes) -> Client | None:
        for digest_of, digests in self._schemes:
            digest = digest_of(presented)
            known = digests.get(digest)
            if known is not None and compare_digest(known.digest, digest):
                self._remember(presented, known.client)
                return known.client
        return None

    def _remember(self, key: bytes, client: Client) -> None:
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = client


def _digest_of(scheme: KeyScheme, pepper: bytes | None) -> Digest:
    if scheme is KeyScheme.SHA256:
        return _sha256
    return _hmac_sha256(pepper or b"")


def _sha256(key: bytes) -> bytes:
    return sha256(key).digest()


def _hmac_sha256(pepper: bytes) -> Digest:
    """HMAC (RFC 2104) with both pads hashed beforehand: 0.75 µs a key, where `hmac.digest` takes 2.0."""
    block = (pepper if len(pepper) <= BLOCK_BYTES else _sha256(pepper)).ljust(BLOCK_BYTES, b"\0")
    start_inner = sha256(bytes(octet ^ 0x36 for octet in block)).copy
    start_outer = sha256(bytes(octet ^ 0x5C for octet in block)).copy

    def digest(key: bytes) -> bytes:
        inner = start_inner()
        inner.update(key)
        outer = start_outer()
        outer.update(inner.digest())
        return outer.digest()

    return digest


def _no_pepper(index: int, entry: KeyEntry) -> ConfigFault:
    return ConfigFault(
        f"keys[{index}].hash",
        f"the key of {entry.name!r} is stored as hmac-sha256, but there is no pepper to check it with",
        "set KEY_PEPPER or KEY_PEPPER_FILE to the one it was made with, or store a sha256 hash",
    )


def _twice(index: int, entry: KeyEntry, first: _Known) -> ConfigFault:
    return ConfigFault(
        f"keys[{index}].hash",
        f"{entry.name!r} has the same hash as an earlier key of {first.client.name!r}",
        "give each entry a key of its own (tidegate keys new)",
    )

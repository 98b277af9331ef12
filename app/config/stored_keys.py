"""How keys of clients are stored: as hashes, those of the environment too. Pure."""

import hashlib
import hmac
from collections.abc import Sequence

from app.config.model import KeyEntry, KeyScheme

__all__ = ["hmac_names", "key_digest"]


def key_digest(key: bytes, pepper: bytes | None) -> tuple[KeyScheme, bytes]:
    """How a key is stored: under HMAC-SHA-256 with `pepper`, under SHA-256 without."""
    if pepper is None:
        return KeyScheme.SHA256, hashlib.sha256(key).digest()
    return KeyScheme.HMAC_SHA256, hmac.digest(pepper, key, "sha256")


def hmac_names(entries: Sequence[KeyEntry]) -> list[str]:
    """Names of the keys that need the pepper, in order, unique."""
    return list(dict.fromkeys(entry.name for entry in entries if entry.scheme is KeyScheme.HMAC_SHA256))

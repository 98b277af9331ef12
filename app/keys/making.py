"""New keys, and the line that is stored for one: the digest is all that is ever kept."""

from hashlib import sha256
from hmac import digest as hmac_digest
from secrets import token_urlsafe
from typing import Final

from app.config.model import KeyScheme

__all__ = ["hash_line", "new_key"]

PREFIX: Final = "tg_"  # lets scanners of leaked secrets find it
KEY_BYTES: Final = 32  # 256 bits: a plain digest of so much chance cannot be guessed


def new_key() -> str:
    """A key of 256 random bits, in characters that pass unquoted through headers, shells and URLs."""
    return PREFIX + token_urlsafe(KEY_BYTES)


def hash_line(key: str, pepper: bytes | None) -> str:
    """What to store: `hmac-sha256:<hex>` with a pepper, else `sha256:<hex>`."""
    if not pepper:
        return f"{KeyScheme.SHA256}:{sha256(key.encode()).hexdigest()}"
    return f"{KeyScheme.HMAC_SHA256}:{hmac_digest(pepper, key.encode(), 'sha256').hex()}"

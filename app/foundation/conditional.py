"""Validators and conditions of HTTP (RFC 9110 §8.8.3, §13.1.2). Pure."""

import re
from hashlib import blake2b

__all__ = ["none_match", "strong_etag"]

_OPAQUE_TAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')  # RFC 9110 §8.8.3; it may hold commas


def strong_etag(*parts: bytes) -> str:
    """A strong validator: equal for equal bytes, in every process and after every restart."""
    digest = blake2b(digest_size=12)
    for part in parts:
        digest.update(part)
    return f'"{digest.hexdigest()}"'


def none_match(if_none_match: str, etag: str) -> bool:
    """Whether the condition holds: the client has no such representation. False: reply 304.

    Compared weakly, as §13.1.2 asks. A field that names no validator is one that nothing matches.
    """
    if if_none_match.strip() == "*":
        return False
    return etag.removeprefix("W/") not in _OPAQUE_TAG.findall(if_none_match)

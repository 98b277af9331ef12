"""Keys, tags and cursors: what a client may send, and the one form in which we keep it. Pure.

A key is percent-encoded UTF-8 (RFC 3986 §2.1), 1–512 bytes once decoded; every byte of it counts, so `a/b`
and `a%2Fb` are the same key and `a//b` or `a/../b` are keys of their own.
"""

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from cache.errors import Rejected

__all__ = [
    "MAX_KEY_BYTES",
    "MAX_TAGS",
    "MAX_TAG_BYTES",
    "cursor_of",
    "key_of",
    "key_of_cursor",
    "prefix_of",
    "tags_of",
]

MAX_KEY_BYTES = 512
MAX_TAG_BYTES = 128
MAX_TAGS = 32  # each tag is one more index entry per write in Redis

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def key_of(raw: bytes) -> str:
    """The key of a path's bytes behind `/cache/`; raises Rejected 400 for an invalid one."""
    if b"%" in raw:
        if _BAD_ESCAPE.search(raw):
            raise Rejected(400, "the key has a % without two hex digits; send % itself as %25")
        raw = unquote_to_bytes(raw)
    if not raw:
        raise Rejected(400, "the key is empty; send 1 to 512 bytes after /cache/")
    if len(raw) > MAX_KEY_BYTES:
        raise Rejected(400, f"the key has {len(raw)} bytes once decoded; at most {MAX_KEY_BYTES} are kept")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Rejected(
            400, "the key is no UTF-8 once decoded; percent-encode the key's UTF-8 bytes"
        ) from None


def prefix_of(text: str) -> str:
    """A prefix of keys, possibly empty; Rejected 400 when no key can begin so."""
    if len(text.encode()) > MAX_KEY_BYTES:
        raise Rejected(400, f"prefix is longer than any key; at most {MAX_KEY_BYTES} bytes")
    return text


def tags_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The tags, each once, in order; Rejected 400 names the rule that one of them breaks."""
    sent = tuple(texts)
    if len(sent) > MAX_TAGS:  # as sent, so that a schema can say it
        raise Rejected(400, f"{len(sent)} tags; send at most {MAX_TAGS}")
    tags = tuple(dict.fromkeys(sent))
    for tag in tags:
        if not tag or len(tag.encode()) > MAX_TAG_BYTES or _CONTROL.search(tag):
            raise Rejected(400, f"a tag is 1 to {MAX_TAG_BYTES} bytes of UTF-8 without control characters")
    return tags


def cursor_of(key: str) -> str:
    """The cursor that goes on after `key`; opaque to clients, safe in a query."""
    return urlsafe_b64encode(key.encode()).decode().rstrip("=")


def key_of_cursor(cursor: str) -> str:
    """The key after which a listing goes on; Rejected 400 for a cursor that no listing gave."""
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        key = raw.decode()
    except (binascii.Error, ValueError):
        key = ""
    if not key or cursor_of(key) != cursor:
        raise Rejected(
            400, "cursor is not one that a listing returned; send the last page's cursor unchanged"
        )
    return key

"""One cached value and what HTTP says about it (RFC 9110 §8.8.3, §13.1.2). Pure."""

from dataclasses import dataclass
from math import ceil

from app.foundation.conditional import strong_etag

__all__ = ["NEVER_S", "Content", "Entry", "entry_of", "etag_of"]

_FLOAT_NOISE_S = 1e-6
"""Sums and differences of seconds are off by less: 60 s from now may be 60.0000000000001 s."""

NEVER_S = float("-inf")
"""`as_of_s` of a copy that Redis has not confirmed."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a client stores: bytes, their media type as sent, and tags to purge by (each once)."""

    value: bytes
    content_type: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored value; all times are monotonic seconds of this process.

    `version` is the number of the change that wrote it in Redis; of a value that is only here, that of the change
    it replaces there (0: none is known). `as_of_s` is when this copy was known to be what Redis has.
    """

    value: bytes
    content_type: str
    tags: tuple[str, ...]
    etag: str
    stored_at_s: float
    expires_at_s: float
    version: int = 0
    as_of_s: float = NEVER_S

    def age_s(self, now_s: float) -> int:
        """Whole seconds since it was stored, rounded down (RFC 9111 §5.1)."""
        return max(0, int(now_s - self.stored_at_s))

    def ttl_s(self, now_s: float) -> int:
        """Whole seconds left, rounded up, so a living entry never says 0."""
        left_s = self.expires_at_s - now_s
        return max(1, ceil(left_s - _FLOAT_NOISE_S)) if left_s > 0 else 0


def etag_of(content: Content) -> str:
    """A strong validator: equal for equal bytes and media type, on every replica and after every restart."""
    # a media type has no NUL (RFC 9110 §5.5), so where it ends is certain
    return strong_etag(content.content_type.encode("latin-1"), b"\0", content.value)


def entry_of(
    content: Content, etag: str, ttl_s: float, now_s: float, version: int = 0, as_of_s: float = NEVER_S
) -> Entry:
    """The entry that `content` becomes when it is stored now."""
    return Entry(
        value=content.value,
        content_type=content.content_type,
        tags=content.tags,
        etag=etag,
        stored_at_s=now_s,
        expires_at_s=now_s + ttl_s,
        version=version,
        as_of_s=as_of_s,
    )

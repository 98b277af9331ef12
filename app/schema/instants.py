"""Instants as people write them: RFC 3339 §5.6 date-times with an offset."""

import re
from datetime import datetime

from app.foundation.errors import BadValue, quoted

__all__ = ["parse_instant_s"]

_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WITHOUT_OFFSET = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})")


def parse_instant_s(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 §5.6 date-time; raises BadValue."""
    if _INSTANT.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper()).timestamp()
        except (ValueError, OverflowError) as error:
            raise BadValue(
                f"{quoted(text)} is not a real date ({error})", "check month, day and hour"
            ) from None
    fix = "write it as 2027-01-31T12:00:00Z"
    if _DATE.fullmatch(text):
        fix = f"write {text}T00:00:00Z"
    elif naive := _WITHOUT_OFFSET.fullmatch(text):
        fix = f"add the offset: {naive[1]}T{naive[2]}Z for UTC"
    raise BadValue(f"{quoted(text)} is not an RFC 3339 date-time with an offset", fix)

"""Text to seconds and bytes, as people write them in variables: durations Go style, sizes binary. Pure.

Policies have their own, stricter dialect of durations (GEP-2257): `schema/durations.py`. Sizes are the same everywhere.
"""

import re

from app.foundation.errors import BadValue, quoted

__all__ = ["parse_duration_s", "parse_size_bytes"]

_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6}
_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,9})?"  # bounded, so that no text becomes infinite or slow
_PART = re.compile(rf"({_NUMBER})(h|ms|m|us|µs|s)")
_DURATION = re.compile(rf"(?:{_NUMBER}(?:h|ms|m|us|µs|s))+")
_BARE = re.compile(_NUMBER)
_SIZE = re.compile(r"([0-9]{1,15})(Ki|Mi|Gi|)")
_SIZE_ALIKE = re.compile(r"([0-9]{1,15}) ?([kKmMgG])i?[bB]?")
_UNIT_BYTES = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


def parse_duration_s(text: str) -> float:
    """Seconds of `text`, ≥ 0; a bare number means seconds. Raises BadValue."""
    if _BARE.fullmatch(text):
        return float(text)
    if not _DURATION.fullmatch(text):
        raise BadValue(
            f"{quoted(text)} is not a duration", "write it like 250ms, 10s or 1h30m, or as seconds"
        )
    return sum(float(number) * _UNIT_S[unit] for number, unit in _PART.findall(text))


def parse_size_bytes(text: str) -> int:
    """Whole bytes, ≥ 0: `65536`, `64Ki`, `10Mi`, `1Gi`. Raises BadValue."""
    if found := _SIZE.fullmatch(text):
        return int(found[1]) * _UNIT_BYTES[found[2]]
    if alike := _SIZE_ALIKE.fullmatch(text):
        raise BadValue(f"{quoted(text)} is not a size", f"write {alike[1]}{alike[2].upper()}i")
    raise BadValue(f"{quoted(text)} is not a size", "write whole bytes, or 64Ki, 10Mi, 1Gi")

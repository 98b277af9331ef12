"""Text to seconds and bytes, as people write them in variables: durations Go style, sizes binary.

Policies have their own, stricter dialect (GEP-2257): `schema/durations.py`.
"""

import re

__all__ = ["parse_duration_s", "parse_size_bytes"]

_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6}
_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,9})?"  # bounded, so that no text becomes infinite or slow
_PART = re.compile(rf"({_NUMBER})(h|ms|m|us|µs|s)")
_DURATION = re.compile(rf"(?:{_NUMBER}(?:h|ms|m|us|µs|s))+")
_BARE = re.compile(_NUMBER)
_SIZE = re.compile(r"([0-9]{1,15})(Ki|Mi|Gi)?")
_UNIT_BYTES = {None: 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


def parse_duration_s(text: str) -> float:
    """Seconds of `text`, ≥ 0; a bare number means seconds. Raises ValueError saying what would be right."""
    if _BARE.fullmatch(text):
        return float(text)
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is no duration; write it like 250ms, 10s or 1h30m, or as seconds")
    return sum(float(number) * _UNIT_S[unit] for number, unit in _PART.findall(text))


def parse_size_bytes(text: str) -> int:
    """Bytes of `text`, ≥ 0; a bare number means bytes. Raises ValueError saying what would be right."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no size; write it like 65536, 64Ki, 10Mi or 1Gi")
    return int(found[1]) * _UNIT_BYTES[found[2]]

"""Durations and sizes as people write them, and back.

Durations follow GEP-2257: one to four groups of one to five digits with `h`, `m`, `s` or `ms`, no
fractions. Places outside policies also take a bare number of seconds. Sizes are whole bytes with `Ki`,
`Mi` or `Gi`. Instants are RFC 3339 date-times with an offset.
"""

import re
from datetime import datetime

__all__ = [
    "DURATION_PATTERN",
    "MAX_DURATION",
    "BadValue",
    "format_duration",
    "format_size",
    "parse_duration_s",
    "parse_instant_s",
    "parse_size_bytes",
]

_MS_BY_UNIT = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
DURATION_PATTERN = r"([0-9]{1,5}(h|m|s|ms)){1,4}"  # GEP-2257
MAX_DURATION = 28  # characters of four groups
_DURATION = re.compile(DURATION_PATTERN)
_GROUPS = re.compile(r"([0-9]{1,5})(h|ms|m|s)")
_BARE = re.compile(r"[0-9]{1,9}")
_FRACTION = re.compile(r"([0-9]{1,5}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})(h|ms|m|s)")
_SCALE = 10**9
_WORDS = re.compile(r"([0-9]{1,5}) ?([A-Za-z]+)")
_UNIT_BY_WORD = {
    **dict.fromkeys(("H", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("M", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("S", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("MS", "msec", "msecs", "millis", "milliseconds"), "ms"),
    **dict.fromkeys(_MS_BY_UNIT),
}

_BYTES_BY_SUFFIX = {"Gi": 1 << 30, "Mi": 1 << 20, "Ki": 1 << 10, "": 1}
_SIZE = re.compile(r"([0-9]{1,15})(Ki|Mi|Gi|)")
_SIZE_ALIKE = re.compile(r"([0-9]{1,15}) ?([kKmMgG])(?:i?[bB])?")

_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WITHOUT_OFFSET = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})")


class BadValue(ValueError):
    """A text that does not say what it should: `what` is wrong with it, `fix` is the cure."""

    def __init__(self, what: str, fix: str) -> None:
        self.what, self.fix = what, fix
        super().__init__(f"{what}; {fix}")


def parse_duration_s(text: str, *, bare_seconds: bool = False) -> float:
    """Seconds, ≥ 0, exact to the millisecond; `bare_seconds` also takes `10` for ten seconds.

    Raises BadValue, offering the right spelling where it can be told.
    """
    if _DURATION.fullmatch(text):
        return sum(int(count) * _MS_BY_UNIT[unit] for count, unit in _GROUPS.findall(text)) / 1000
    if _BARE.fullmatch(text):
        if bare_seconds:
            return float(text)
        raise BadValue(f"{_show(text)} has no unit", f"write {text}s for seconds")
    raise BadValue(f"{_show(text)} is not a duration", _duration_cure(text))


def format_duration(duration_s: float) -> str:
    """The shortest text in whole units that reads back as the same milliseconds: `1h30m`, `250ms`, `0s`."""
    rest_ms = round(duration_s * 1000)
    text = ""
    for unit, unit_ms in _MS_BY_UNIT.items():
        count, rest_ms = divmod(rest_ms, unit_ms)
        if count:
            text += f"{count}{unit}"
    return text or "0s"


def parse_size_bytes(text: str) -> int:
    """Whole bytes, ≥ 0: `65536`, `64Ki`, `10Mi`, `1Gi`; raises BadValue."""
    if found := _SIZE.fullmatch(text):
        return int(found[1]) * _BYTES_BY_SUFFIX[found[2]]
    if alike := _SIZE_ALIKE.fullmatch(text):
        raise BadValue(f"{_show(text)} is not a size", f"write {alike[1]}{alike[2].upper()}i")
    raise BadValue(f"{_show(text)} is not a size", "write whole bytes, or 64Ki, 10Mi, 1Gi")


def format_size(size_bytes: int) -> str:
    """The largest unit that keeps the number whole: `64Ki`, `10Mi`, `1000`."""
    for suffix, unit_bytes in _BYTES_BY_SUFFIX.items():
        if size_bytes >= unit_bytes and size_bytes % unit_bytes == 0:
            return f"{size_bytes // unit_bytes}{suffix}"
    return str(size_bytes)


def parse_instant_s(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 §5.6 date-time; raises BadValue."""
    if _INSTANT.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper()).timestamp()
        except (ValueError, OverflowError) as error:
            raise BadValue(
                f"{_show(text)} is not a real date ({error})", "check month, day and hour"
            ) from None
    fix = "write it as 2027-01-31T12:00:00Z"
    if _DATE.fullmatch(text):
        fix = f"write {text}T00:00:00Z"
    elif naive := _WITHOUT_OFFSET.fullmatch(text):
        fix = f"add the offset: {naive[1]}T{naive[2]}Z for UTC"
    raise BadValue(f"{_show(text)} is not an RFC 3339 date-time with an offset", fix)


def _duration_cure(text: str) -> str:
    """What to write instead of `text`."""
    # a fraction may hide in any group: 1h1.5s
    groups = _FRACTION.findall(text)
    if groups and "." in text and "".join(map("".join, groups)) == text:
        return _whole_cure(groups)
    if found := _WORDS.fullmatch(text):
        count, word = int(found[1]), found[2]
        if word in _UNIT_BY_WORD:
            return f"write {count}{_UNIT_BY_WORD[word] or word}"
        if word in {"d", "day", "days"}:
            return f"write {count * 24}h"
    return "write one to four groups such as 250ms, 10s or 1h30m"


def _whole_cure(groups: list[tuple[str, str]]) -> str:
    """The same duration without fractions, if it is one."""
    total = 0  # in milliseconds ÷ _SCALE, so that no digit is lost
    for count, unit in groups:
        whole, _, part = count.partition(".")
        total += (int(whole or 0) * _SCALE + int(part.ljust(9, "0"))) * _MS_BY_UNIT[unit]
    total_ms, rest = divmod(total, _SCALE)
    if rest:
        return "fractions are not allowed and 1ms is the smallest step"
    if total_ms < 10_000:
        return f"fractions are not allowed: write {total_ms}ms"
    return f"fractions are not allowed: write {format_duration(total_ms / 1000)}"


def _show(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")

"""Durations of policies as people write them, and back (GEP-2257): one to four groups of one to five digits with `h`,
`m`, `s` or `ms`, no fractions. Places outside policies also take a bare number of seconds.
"""

import re

from app.foundation.errors import BadValue, quoted

__all__ = ["DURATION_PATTERN", "MAX_DURATION", "format_duration", "parse_duration_s"]

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


def parse_duration_s(text: str, *, bare_seconds: bool = False) -> float:
    """Seconds, ≥ 0, exact to the millisecond; `bare_seconds` also takes `10` for ten seconds.

    Raises BadValue, with the right spelling where there is one.
    """
    if _DURATION.fullmatch(text):
        return sum(int(count) * _MS_BY_UNIT[unit] for count, unit in _GROUPS.findall(text)) / 1000
    if _BARE.fullmatch(text):
        if bare_seconds:
            return float(text)
        raise BadValue(f"{quoted(text)} has no unit", f"write {text}s for seconds")
    raise BadValue(f"{quoted(text)} is not a duration", _duration_cure(text))


def format_duration(duration_s: float) -> str:
    """The shortest text in whole units that reads back as the same milliseconds: `1h30m`, `250ms`, `0s`."""
    rest_ms = round(duration_s * 1000)
    text = ""
    for unit, unit_ms in _MS_BY_UNIT.items():
        count, rest_ms = divmod(rest_ms, unit_ms)
        if count:
            text += f"{count}{unit}"
    return text or "0s"


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

"""Commands that a viewer of the monitor may send, read from its messages (docs: monitor-protocol). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from app.foundation.units import parse_duration_s

__all__ = [
    "DECISION",
    "DECISIONS",
    "DRILL_END",
    "DRILL_START",
    "LONGEST_S",
    "LONGEST_WHO",
    "LONGEST_WHY",
    "SHORTEST_S",
    "TEST_START",
    "BadField",
    "Drill",
    "Garbage",
    "Command",
    "one_line",
    "override_s",
    "read_command",
    "read_drill",
]

TEST_START, DRILL_START, DRILL_END = "test.start", "drill.start", "drill.end"
DECISIONS, DECISION = "decisions", "decision"
_KINDS = (TEST_START, DRILL_START, DRILL_END, DECISIONS, DECISION)
SHORTEST_S, LONGEST_S = 1.0, 3600.0
LONGEST_WHO, LONGEST_WHY = 100, 200
_LONGEST_ID = 64


class Garbage(Exception):
    """Not a message of this protocol: the connection ends."""


class BadField(ValueError):
    """A field is missing or wrong; the text names it and says what would be right."""


@dataclass(frozen=True, slots=True)
class Command:
    """`kind`: one of the five words; `id`: what the reply repeats; `fields`: not looked at yet."""

    kind: str
    id: str | int | float | None
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Drill:
    """A breaker to be held in `state` (open or closed) for `for_s` seconds; `who` and `why` are for events and log."""

    breaker: str
    state: str
    for_s: float
    who: str
    why: str


def read_command(text: bytes) -> Command:
    """The command in one message. Raises Garbage for anything but a JSON object of a known type."""
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Garbage("a message is one JSON object") from None
    if not isinstance(fields, dict):
        raise Garbage("a message is one JSON object")
    kind = fields.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise Garbage(f"type must be one of {', '.join(_KINDS)}")
    given = fields.get("id")
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        given = None
    elif isinstance(given, str) and len(given) > _LONGEST_ID:
        given = given[:_LONGEST_ID]
    return Command(kind, given, fields)


def read_drill(fields: Mapping[str, object]) -> Drill:
    """The drill that `drill.start` asks for. Raises BadField."""
    state = fields.get("state", "open")
    if state not in ("open", "closed"):
        raise BadField("state: must be open or closed")
    try:
        for_s = override_s(fields.get("for"))
    except ValueError as wrong:
        raise BadField(f"for: {wrong}") from None
    if for_s is None:
        raise BadField("for: is missing; a drill needs an end, like 60s (1s to 1h)")
    return Drill(
        breaker=_line(fields, "breaker", 1000),
        state=str(state),
        for_s=for_s,
        who=_line(fields, "who", LONGEST_WHO),
        why=_line(fields, "why", LONGEST_WHY),
    )


def override_s(given: object) -> float | None:
    """Seconds of a duration such as `60s`, or of a bare number; None for None.

    Raises ValueError, whose text says what would be right.
    """
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError("must be a duration like 60s, or seconds")
    for_s = parse_duration_s(given) if isinstance(given, str) else given
    if not SHORTEST_S <= for_s <= LONGEST_S:
        raise ValueError("is out of range; it may be 1s to 1h")
    return float(for_s)


def _line(fields: Mapping[str, object], name: str, longest: int) -> str:
    """The field `name` as one line. Raises BadField where it is missing, empty or longer than `longest`."""
    try:
        line = one_line(fields.get(name), longest)
    except ValueError as wrong:
        raise BadField(f"{name}: {wrong}") from None
    if line is None:
        raise BadField(f"{name}: is missing; write a text of up to {longest} characters")
    return line


def one_line(given: object, longest: int) -> str | None:
    """One line for an event and the log, without control characters; None for None.

    Raises ValueError for anything that is not a text of 1 to `longest` characters.
    """
    if given is None:
        return None
    if isinstance(given, str):
        line = " ".join("".join(each if each.isprintable() else " " for each in given).split())
        if 1 <= len(line) <= longest:
            return line
    raise ValueError(f"must be a text of 1 to {longest} characters")

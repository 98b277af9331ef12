"""Decisions of a worker as JSON, and back into the ring's entries. Pure."""

from sys import intern
from typing import Final, cast

from app.gateway.link.message import Json
from app.telemetry.decisions import Attempt, Entry

__all__ = ["entry_json", "entry_of"]

# Places in `Entry`: what is bytes there, and what needs more than a look at its type.
_BYTES: Final = (1, 2, 3, 11)
_WORDS: Final = (5, 7, 8, 9, 10)
_POLICY: Final = 12
_BREAKER: Final = 13
_ATTEMPTS: Final = 14


def entry_json(entry: Entry) -> Json:
    return [_text(field) if isinstance(field, bytes) else field for field in entry]


def entry_of(body: Json) -> Entry:
    """Words that many entries have are one object for all: the ring keeps thousands of them."""
    fields = list(body)
    for place in _WORDS:
        fields[place] = intern(body[place]) if body[place] is not None else None
    for place in _BYTES:
        fields[place] = body[place].encode("latin-1") if body[place] is not None else None
    fields[_POLICY] = tuple(body[_POLICY]) if body[_POLICY] is not None else None
    fields[_BREAKER] = tuple(map(intern, body[_BREAKER])) if body[_BREAKER] is not None else None
    fields[_ATTEMPTS] = tuple(_attempt(each) for each in body[_ATTEMPTS])
    return cast("Entry", tuple(fields))


def _text(field: bytes) -> str:
    return field.decode("latin-1")


def _attempt(body: Json) -> Attempt:
    endpoint, outcome, head_ms, end_ms = body
    return (intern(endpoint) if endpoint is not None else None, intern(outcome), head_ms, end_ms)

"""The body of a call between gateway and operator, read strictly."""

from typing import Any, TypeVar

import orjson

from app.foundation.errors import ConfigFault, ConfigFaults
from app.schema.faults import Faults, Found, spell
from app.schema.records import Record

__all__ = ["body_fault", "is_deeper", "read_body"]

T = TypeVar("T")

_BRACKETS = (dict, list)


def read_body(record: Record[T], body: bytes, max_depth: int) -> T:
    """What `body` says as `record` declares it; brackets stand in each other at most `max_depth` deep.

    Raises ConfigFaults with the first 100 faults, paths as in the body.
    """
    try:
        document: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise body_fault(f"is no JSON ({error})", "send JSON") from error
    if is_deeper(document, max_depth):
        raise body_fault(f"is nested deeper than {max_depth}", "send it flatter")
    faults = Faults()
    message = record.open(document, (), faults)
    faults.raise_any(_label)
    assert message is not None  # noqa: S101 - no mapping is a fault
    return message


def body_fault(what: str, fix: str) -> ConfigFaults:
    """A fault of the body as a whole."""
    return ConfigFaults([ConfigFault("body", what, fix)])


def is_deeper(value: object, limit: int) -> bool:
    """Whether brackets stand in each other more than `limit` deep; `value` from JSON. Stops at the limit."""
    level: list[Any] = [value] if isinstance(value, _BRACKETS) else []
    for _ in range(limit):
        level = [
            item
            for each in level
            for item in (each.values() if isinstance(each, dict) else each)
            if isinstance(item, _BRACKETS)  # most values are none: a third of a large document's time
        ]
    return bool(level)


def _label(found: Found) -> str:
    return spell(found.path) or "body"

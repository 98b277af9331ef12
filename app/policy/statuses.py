"""Lists of response statuses as policies write them: numbers from 400 to 599, classes such as `5xx`, and words."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import app.schema.nodes as nodes
from app.policy.model import RetryOn
from app.schema.fields import Field
from app.schema.nodes import Schema
from app.schema.section import Section
from app.schema.wording import show

__all__ = ["RETRY_FAILURES", "FailureStatuses", "RetryTriggers"]

RETRY_FAILURES = ("ConnectError", "Reset", "Timeout")
_ITEMS = (0, 16)
_STATUS = re.compile(r"[45][0-9][0-9]")


@dataclass(frozen=True)
class FailureStatuses(Field):
    """Statuses that count as failures, expanded: `5xx` is 500-599."""

    key: str
    says: str
    default: frozenset[int]

    def read(self, section: Section) -> frozenset[int]:
        if self.key not in section:
            return self.default
        statuses: set[int] = set()
        for path, item in section.items(self.key, *_ITEMS):
            expanded = _expanded(item, ("4xx", "5xx"))
            if expanded is None:
                fix = "it must be a status from 400 to 599, 4xx or 5xx"
                section.faults.add(path, f"is {show(item)}", fix)
            statuses |= expanded or set()
        return frozenset(statuses)

    def node(self) -> Schema:
        item = nodes.status_or_word(("[45]xx",), "must be a status from 400 to 599, 4xx or 5xx")
        return {**nodes.items(self.says, item, _ITEMS), "default": _written(self.default)}

    def write(self, value: object) -> object:
        return _written(cast("frozenset[int]", value))


@dataclass(frozen=True)
class RetryTriggers(Field):
    """What a retry follows: statuses, and failures without a response."""

    key: str
    says: str
    default: RetryOn

    def read(self, section: Section) -> RetryOn:
        if self.key not in section:
            return self.default
        failures: set[str] = set()
        statuses: set[int] = set()
        for path, item in section.items(self.key, *_ITEMS):
            expanded = _expanded(item, ("5xx",))
            if isinstance(item, str) and item in RETRY_FAILURES:
                failures.add(item)
            elif expanded is None:
                fix = f"it must be {', '.join(RETRY_FAILURES)}, a status from 400 to 599, or 5xx"
                section.faults.add(path, f"is {show(item)}", fix)
            statuses |= expanded or set()
        return RetryOn(frozenset(failures), frozenset(statuses))

    def node(self) -> Schema:
        item = nodes.status_or_word(
            (*RETRY_FAILURES, "5xx"), "must be ConnectError, Reset, Timeout, a status from 400 to 599, or 5xx"
        )
        return {**nodes.items(self.says, item, _ITEMS), "default": self.write(self.default)}

    def write(self, value: object) -> object:
        on = cast(RetryOn, value)
        return [*sorted(on.failures), *_written(on.statuses)]


def _expanded(item: object, classes: tuple[str, ...]) -> frozenset[int] | None:
    """The statuses that a list item means: 400–599 as number or text, or one of `classes`; else None."""
    if isinstance(item, str):
        if item in classes:
            first = int(item[0]) * 100
            return frozenset(range(first, first + 100))
        return frozenset({int(item)}) if _STATUS.fullmatch(item) else None
    if isinstance(item, int) and not isinstance(item, bool) and 400 <= item <= 599:
        return frozenset({item})
    return None


def _written(statuses: Iterable[int]) -> list[object]:
    """Sorted, a whole class as `5xx`."""
    left = set(statuses)
    classes = [hundred for hundred in (4, 5) if left.issuperset(range(hundred * 100, hundred * 100 + 100))]
    singles = sorted(status for status in left if status // 100 not in classes)
    return [*(f"{hundred}xx" for hundred in classes), *singles]

"""What a route asks for besides host and path: methods, headers, query parameters (HTTPRoute: matches)."""

from collections.abc import Sequence
from enum import Enum
from re import Pattern
from urllib.parse import unquote_to_bytes

from app.config.model import Match, ValueMatch

__all__ = ["ConditionResult", "Conditions", "Fields", "RequestValues"]

Fields = Sequence[tuple[bytes, bytes]]
"""Header fields in order: lower-case name, value."""


class ConditionResult(Enum):
    """How a request meets conditions."""

    MET = 0
    ONLY_METHOD_FAILS = 1
    FAILED = 2


class _ValueTest:
    """One header or query condition, compiled."""

    __slots__ = ("name", "pattern", "value")

    def __init__(self, match: ValueMatch) -> None:
        self.name = match.name.encode()
        self.value: bytes | None = None if match.value is None else match.value.encode()
        self.pattern: Pattern[str] | None = match.pattern

    def met_by(self, value: bytes | None) -> bool:
        if value is None or (self.value is not None and value != self.value):
            return False
        return self.pattern is None or self.pattern.fullmatch(value.decode("utf-8", "replace")) is not None


class RequestValues:
    """Headers and query of one request by name, read when a condition first asks for them.

    A repeated header counts as its values joined by `, ` (RFC 9110 §5.3). Of a repeated query parameter the
    first counts; names and values are percent-decoded before they are compared, `+` stays a plus (RFC 3986).
    """

    __slots__ = ("_fields", "_headers", "_parameters", "_query")

    def __init__(self, fields: Fields, query: bytes) -> None:
        self._fields, self._query = fields, query
        self._headers: dict[bytes, bytes] | None = None
        self._parameters: dict[bytes, bytes] | None = None

    def headers(self) -> dict[bytes, bytes]:
        if self._headers is None:
            gathered: dict[bytes, list[bytes]] = {}
            for name, value in self._fields:
                gathered.setdefault(name, []).append(value)
            self._headers = {name: b", ".join(values) for name, values in gathered.items()}
        return self._headers

    def parameters(self) -> dict[bytes, bytes]:
        if self._parameters is None:
            self._parameters = {}
            for pair in self._query.split(b"&"):
                name, _, value = pair.partition(b"=")
                self._parameters.setdefault(unquote_to_bytes(name), unquote_to_bytes(value))
        return self._parameters


class Conditions:
    """One route's conditions. `position` is the route's index; conditions sort by precedence with `rank`."""

    __slots__ = ("_headers", "_query", "methods", "position", "rank")

    def __init__(self, match: Match, position: int) -> None:
        self.position = position
        self.methods = frozenset(method.encode() for method in match.methods)
        self._headers = tuple(_ValueTest(header) for header in match.headers)
        self._query = tuple(_ValueTest(parameter) for parameter in match.query)
        # HTTPRoute precedence: a method, more headers, more query parameters, the order in the file
        self.rank = (not self.methods, -len(self._headers), -len(self._query), position)

    @property
    def takes_all(self) -> bool:
        return not (self.methods or self._headers or self._query)

    def judge(self, method: bytes, values: RequestValues) -> ConditionResult:
        for test in self._headers:
            if not test.met_by(values.headers().get(test.name)):
                return ConditionResult.FAILED
        for test in self._query:
            if not test.met_by(values.parameters().get(test.name)):
                return ConditionResult.FAILED
        takes_method = not self.methods or method in self.methods
        return ConditionResult.MET if takes_method else ConditionResult.ONLY_METHOD_FAILS

"""Distributed tracing, optional: a span for each call and for each command to Redis. Light until switched on.

Which variables switch it on and say which traces are kept: `app/foundation/otel/settings.py`. A caller's
`traceparent` is continued.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from app.foundation.otel.settings import missing_extra, parse_otel
from cache.handlers import Fields

__all__ = ["CallSpan", "Spans", "open_spans"]


class CallSpan(Protocol):
    """The span of a call that runs."""

    def replied(self, status: int) -> None:
        """The call got a response with that status."""
        ...


class Spans(Protocol):
    """Makes spans; a span ends with its block. Never raises, never waits."""

    def call(self, method: str, route: str, fields: Fields) -> AbstractContextManager[CallSpan]:
        """A call from outside; `route` is a path of the API, never a key."""
        ...

    def command(self, script: str) -> AbstractContextManager[object]:
        """A command to Redis for the call that runs."""
        ...

    def close(self) -> None:
        """Exports what waits, for a few seconds at most (blocks)."""
        ...


def open_spans(env: Mapping[str, str]) -> Spans | None:
    """What `env` asks for, or None. Raises ConfigFaults, also when the extra `otel` is not installed."""
    settings = parse_otel(env)
    if settings is None:
        return None
    try:
        from cache.spans import OtelSpans
    except ImportError as error:
        raise missing_extra(error) from error
    return OtelSpans(settings)

"""The process log, on stdlib logging: JSON lines to stderr, or plain lines when stderr is a terminal."""

import json
import logging
import math
import sys
from datetime import UTC, datetime
from typing import TextIO

from app.foundation.errors import ConfigFault, ConfigFaults

__all__ = ["LEVELS", "configure_logs"]

LEVELS = ("debug", "info", "warning", "error")
_QUIET = (
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "uvicorn.asgi",
    "httpx",
    "httpcore",
    "websockets",
    "asyncio",
)
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}


def configure_logs(level: str = "info", stream: TextIO | None = None) -> None:
    """Send every record of `level` and above to `stream` (None: stderr); third parties speak from warning up.

    May be called again: it replaces what it set up before. Raises ConfigFaults for an unknown level.
    """
    if level.lower() not in LEVELS:
        raise ConfigFaults(
            [ConfigFault("log level", f"{level!r} is not known", f"use one of {', '.join(LEVELS)}")]
        )
    stream = sys.stderr if stream is None else stream
    handler = _Handler(stream)
    handler.setFormatter(_Plain() if stream.isatty() else _Json())
    root = logging.getLogger()
    for old in [known for known in root.handlers if isinstance(known, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _QUIET:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that a second set-up finds it again."""


class _Json(logging.Formatter):
    """ts, level, logger, message, the record's `extra` fields, and `trace` for an exception."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "ts": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _clean(record.getMessage()),
        }
        for name, value in record.__dict__.items():
            if name not in _STANDARD and name not in line:
                line[name] = value if value is None or isinstance(value, bool) else _number_or_text(value)
        if record.exc_info:
            line["trace"] = _clean(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


class _Plain(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")


def _number_or_text(value: object) -> float | str:
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, int) and abs(value) < 2**53:  # RFC 8259 §6: beyond that readers disagree
        return value
    return _clean(str(value))


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()

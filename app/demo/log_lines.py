"""One log format for every part that `tidegate up` runs, whatever its own is: pure.

A line is its part's name and a JSON record with ts, level, logger and message, as `foundation/logs.py` writes it.
JSON lines pass as they are. On a terminal the records of process logs are plain text, as that module does there.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

__all__ = ["message_of", "plain_line", "record", "record_line"]

# 1234:M 27 Nov 2026 09:58:44.124 # text
_VALKEY = re.compile(r"\d+:(?:[A-Z]|signal-handler)(?: \d+ \w+ \d+ [\d:.]+| \(\d+\)) (?:([.\-*#]) )?(.*)")
_VALKEY_LEVELS = {".": "debug", "-": "debug", "*": "info", "#": "warning", None: "info"}
_MARKED = re.compile(r"(error|warning): (.*)", re.DOTALL)


def record_line(line: bytes, name: str, now_wall_s: float) -> bytes:
    """`line`, without its end, as a JSON record of the part `name`; JSON passes as it is."""
    if line.startswith(b'{"') and line.endswith(b"}"):
        return line
    text = line.decode(errors="replace").rstrip()
    level = "info"
    if found := _VALKEY.fullmatch(text):
        level, text = _VALKEY_LEVELS[found[1]], found[2]
    elif found := _MARKED.fullmatch(text):
        level, text = found[1], found[2]
    return record(level, name, text, now_wall_s)


def record(level: str, name: str, message: str, now_wall_s: float) -> bytes:
    """A JSON record without line end."""
    at = datetime.fromtimestamp(now_wall_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    fields = {"ts": at, "level": level, "logger": name, "message": message}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def message_of(line: str) -> str:
    """What `line` says, for a sentence about its part; "" for a JSON line without a message."""
    if found := _MARKED.fullmatch(line):
        return found[2]
    if not line.startswith('{"'):
        return line
    try:
        fields = json.loads(line)
    except ValueError:
        return line
    return str(fields.get("message", ""))


def plain_line(line: bytes) -> bytes:
    """A JSON record of a process log as text for a terminal; another line, such as an access log's, as it is."""
    if b'"message":' not in line:
        return line
    try:
        fields = json.loads(line)
        at = datetime.fromisoformat(fields["ts"]).astimezone().strftime("%H:%M:%S")
        level, message = str(fields["level"]).upper(), str(fields["message"])
    except (ValueError, KeyError, TypeError):
        return line
    text = f"{at} {level:<7} {message}{_rest(fields)}"
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text).encode()


def _rest(fields: Mapping[str, object]) -> str:
    """The trace of an exception, on lines of its own."""
    trace = fields.get("trace")
    return f"\n{trace}" if isinstance(trace, str) else ""

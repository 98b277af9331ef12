import json
from datetime import datetime

import pytest

from app.demo.log_lines import message_of, plain_line, record, record_line

WALL_S = 1_800_000_000.25
AT = "2027-01-15T08:00:00.250Z"


@pytest.mark.parametrize(
    ("line", "level", "message"),
    [
        (
            b"12:M 27 Nov 2026 09:58:44.124 # WARNING Memory overcommit",
            "warning",
            "WARNING Memory overcommit",
        ),
        (b"12:M 27 Nov 2026 09:58:44.124 * DB saved on disk", "info", "DB saved on disk"),
        (b"12:C 27 Nov 2026 09:58:44.124 - quiet", "debug", "quiet"),
        (b"12:signal-handler (1795773538) Received SIGTERM", "info", "Received SIGTERM"),
        (b"error: PORT: is 'x'; use 1", "error", "PORT: is 'x'; use 1"),
        (b"warning: mind it", "warning", "mind it"),
        (b"Traceback (most recent call last):\r", "info", "Traceback (most recent call last):"),
        (b"", "info", ""),
        (b"\xff", "info", "\ufffd"),
    ],
)
def test_every_line_becomes_a_record(line, level, message):
    assert json.loads(record_line(line, "valkey", WALL_S)) == {
        "ts": AT,
        "level": level,
        "logger": "valkey",
        "message": message,
    }


@pytest.mark.parametrize("line", [b'{"ts":"x","reason":""}', b'{"a":1}'])
def test_json_passes_as_it_is(line):
    assert record_line(line, "gateway", WALL_S) == line


def test_on_a_terminal_a_record_is_plain_text_in_local_time():
    at = datetime.fromtimestamp(WALL_S).strftime("%H:%M:%S")
    assert plain_line(record("info", "up", "starting ü", WALL_S)).decode() == f"{at} INFO    starting ü"
    traced = json.dumps({"ts": AT, "level": "error", "message": "oh\x1b[2J", "trace": "one\n  two"})
    assert plain_line(traced.encode()).decode() == f"{at} ERROR   oh [2J\none\n  two"


@pytest.mark.parametrize(
    "line",
    [
        b'{"ts":"x","method":"GET","reason":""}',
        b'{"message": "cut',
        b'{"message": "no time"}',
        b'{"message":"x","ts":1,"level":2}',
        b"text",
    ],
)
def test_another_line_stays_as_it_is(line):
    assert plain_line(line) == line


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("error: PORT: is 'x'", "PORT: is 'x'"),
        ('{"level":"error","message":"oh"}', "oh"),
        ('{"reason":""}', ""),
        ('{"message', '{"message'),
        ("ValueError: x", "ValueError: x"),
    ],
)
def test_what_a_line_says_is_its_message(line, message):
    assert message_of(line) == message

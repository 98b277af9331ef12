import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dataplane.codec.fields import id_in_json
from app.foundation.errors import StartFault
from app.foundation.reasons import Reason
from app.telemetry.access_log import (
    BATCH_LINES,
    FIELDS,
    HANDED_BYTES,
    AccessLog,
    LineEncoder,
    fields_table_markdown,
)
from app.telemetry.log_subject import SubjectLines, path_in_json

VALUES = (
    1_700_000_000.1239,
    b"req-1",
    200,
    "",
    3,
    248,
    1.2345,
    0.98765,
    1,
    b"a" * 32,
    "acme",
    "192.0.2.7",
    b"GET",
    b"api.example.com",
    b"/orders/1?token=secret",
    "orders",
    "orders",
    "10.0.0.5:8080",
    "HTTP/1.1",
    None,
    b"curl/8",
)
NAMES = tuple(name for name, _ in FIELDS)


def logged(values: tuple[Any, ...]) -> Any:
    """`values` in the order of FIELDS, as an entry."""
    wall_s, request_id, *facts = values[:10]
    return (wall_s, id_in_json(request_id), *facts, (*values[10:14], *values[15:]), values[14])


def encode(entries: Iterable[Any]) -> bytes:
    encoder = LineEncoder()
    return b"".join(encoder.line(each) for each in entries)


def entry(**changed: object) -> Any:
    return logged(tuple(changed.get(name, value) for name, value in zip(NAMES, VALUES, strict=True)))


ENTRY = entry()


def plain_oracle(row: Iterable[Any]) -> dict[str, Any]:
    """The unhurried way to say what one line means."""
    fields = {
        name: value.decode("latin-1") if isinstance(value, bytes) else value
        for name, value in zip(NAMES, row, strict=True)
    }
    fields["path"] = fields["path"].split("?")[0]
    at = datetime.fromtimestamp(int(fields["ts"]), UTC).replace(tzinfo=None).isoformat()
    fields["ts"] = f"{at}.{int(fields['ts'] * 1000) % 1000:03d}Z"
    return fields


def test_a_line_has_every_field_in_order():
    line = json.loads(encode([ENTRY]))
    assert tuple(line) == NAMES
    assert line == {**plain_oracle(VALUES), "duration_ms": 1.235, "upstream_ms": 0.988}


def test_the_time_is_rfc_3339_in_utc_with_milliseconds():
    assert json.loads(encode([ENTRY]))["ts"] == "2023-11-14T22:13:20.123Z"


def test_the_query_is_not_logged():
    assert b"secret" not in encode([ENTRY])
    assert json.loads(encode([ENTRY]))["path"] == "/orders/1"


def test_absent_values_are_null():
    absent = (
        "client",
        "host",
        "route",
        "upstream",
        "endpoint",
        "upstream_ms",
        "user_agent",
        "trace_id",
        "grpc_status",
    )
    line = json.loads(encode([entry(**dict.fromkeys(absent))]))
    assert {name for name in NAMES if line[name] is None} == set(absent)


def test_a_reason_word_is_logged_as_text():
    assert json.loads(encode([entry(reason=Reason.RATE_LIMITED)]))["reason"] == "rate_limited"


def test_text_that_looks_like_the_end_of_a_line_stays_inside_its_line():
    nasty = b'"},{"ts":"}\n{"'
    lines = encode([entry(user_agent=nasty), entry(path=nasty)]).splitlines()
    assert json.loads(lines[0])["user_agent"] == nasty.decode()
    assert json.loads(lines[1])["path"] == nasty.decode()


def test_half_a_surrogate_pair_does_not_lose_the_line():
    lines = encode([entry(client="a\ud800b"), entry(client="fine"), entry(client="ü")]).splitlines()
    assert [json.loads(line)["client"] for line in lines] == ["a?b", "fine", "ü"]


rows = st.builds(
    lambda *values: values,
    st.floats(0, 4e9).map(lambda wall_s: round(wall_s, 6)),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40).map(str.encode),
    st.integers(0, 999),
    st.sampled_from(["", *Reason]),
    st.integers(0, 2**62),
    st.integers(0, 2**62),
    st.floats(0, 1e9),
    st.none() | st.floats(0, 1e9),
    st.integers(0, 100),
    st.none() | st.binary(max_size=16).map(lambda octets: octets.hex().encode()),
    st.none() | st.text(),
    st.text(),
    st.binary(max_size=12),
    st.none() | st.binary(max_size=40),
    st.binary(max_size=60),
    st.none() | st.text(),
    st.none() | st.text(),
    st.none() | st.text(),
    st.sampled_from(["HTTP/1.1", "HTTP/1.0", "websocket"]),
    st.none() | st.integers(0, 16),
    st.none() | st.binary(max_size=60),
)


@given(st.lists(rows, min_size=1, max_size=5))
def test_every_line_is_valid_json_that_says_what_was_logged(batch):
    lines = encode([logged(row) for row in batch]).split(b"\n")
    assert lines.pop() == b""
    assert len(lines) == len(batch)
    for line, row in zip(lines, batch, strict=True):
        found, meant = json.loads(line), plain_oracle(row)
        for name in ("duration_ms", "upstream_ms"):
            assert found.pop(name) == pytest.approx(meant.pop(name), abs=0.0011)
        assert found.pop("ts")[:19] == meant.pop("ts")[:19]
        for name, value in meant.items():  # surrogates cannot be sent and become ?
            meant[name] = value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        assert found == meant


PLAIN_LINE = (
    b'{"ts":"%b%bZ","request_id":"%b","status":%d,"reason":"%b","bytes_in":%d,"bytes_out":%d,'
    b'"duration_ms":%d.%03d,"upstream_ms":%b,"attempts":%d,"trace_id":%b,%b%b%b'
)


def plain_line(entry: Any) -> bytes:
    """One template for the whole line: slower, and plain to see."""
    (
        wall_s, request_id, status, reason, bytes_in, bytes_out, duration_ms, upstream_ms, attempts, trace_id,
        subject, path,
    ) = entry  # fmt: skip
    known = SubjectLines().around_path(subject)
    return PLAIN_LINE % (
        datetime.fromtimestamp(int(wall_s), UTC).strftime("%Y-%m-%dT%H:%M:%S.").encode(),
        b"%03d" % int((wall_s - int(wall_s)) * 1000),
        request_id,
        status,
        reason.encode(),
        bytes_in,
        bytes_out,
        *micros(duration_ms),
        b"null" if upstream_ms is None else b"%d.%03d" % micros(upstream_ms),
        attempts,
        b"null" if trace_id is None else b'"%b"' % trace_id,
        known.before,
        path_in_json(path),
        known.after,
    )


def micros(ms: float) -> tuple[int, int]:
    """Whole milliseconds and the microseconds of the rest, of a half up."""
    return divmod(int(ms * 1000 + 0.5), 1000)


@given(st.lists(rows, min_size=1, max_size=5))
def test_lines_are_byte_for_byte_what_one_template_gives(batch):
    entries = [logged(row) for row in batch]
    assert encode(entries) == b"".join(plain_line(entry) for entry in entries)


def read_lines(path: Path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_lines_reach_the_file_by_the_end_of_close(tmp_path):
    path = tmp_path / "access.log"
    log = AccessLog(str(path))
    for number in range(3):
        log.write(entry(status=200 + number))
    assert log.close(5) == 0
    assert [line["status"] for line in read_lines(path)] == [200, 201, 202]
    assert log.dropped_lines() == 0


def test_lines_are_batched_and_handed_over_when_they_make_a_chunk(tmp_path):
    path = tmp_path / "access.log"
    log = AccessLog(str(path))
    for _ in range(BATCH_LINES - 1):
        log.write(ENTRY)
    assert len(log._lines) == BATCH_LINES - 1
    log.write(ENTRY)
    assert (log._lines, len(log._batches)) == ([], 1)
    written, batch_bytes = BATCH_LINES, len(log._batches[0])
    while log._batched_bytes + batch_bytes < HANDED_BYTES:
        log.write(ENTRY)
        written += 1
    assert log._writer is not None
    assert log._writer._put_lines == 0
    for _ in range(BATCH_LINES):
        log.write(ENTRY)
        written += 1
    assert (log._batches, log._batched_bytes, log._batched_lines) == ([], 0, 0)
    assert log._writer._put_lines == written
    log.flush()
    assert log.close(5) == 0
    assert len(read_lines(path)) == written


def test_a_flush_hands_over_what_makes_no_chunk(tmp_path):
    path = tmp_path / "access.log"
    log = AccessLog(str(path))
    for _ in range(BATCH_LINES + 1):
        log.write(ENTRY)
    log.flush()
    log.flush()
    assert log._writer is not None
    assert log._writer._put_lines == BATCH_LINES + 1
    assert log.close(5) == 0
    assert len(read_lines(path)) == BATCH_LINES + 1


def test_lines_reach_stdout(tmp_path):
    read_end, write_end = os.pipe()
    log = AccessLog("stdout", stdout_fd=write_end)
    log.write(ENTRY)
    log.flush()
    assert log.close(5) == 0
    os.close(write_end)  # still ours: the log closes only what it opened
    with open(read_end, "rb") as reader:
        assert json.loads(reader.read())["client"] == "acme"


def test_off_writes_nothing_and_drops_nothing(capfd):
    log = AccessLog("off")
    assert not log.is_on
    log.write(ENTRY)
    log.flush()
    log.reopen()
    assert log.close(1) == 0
    assert log.dropped_lines() == 0
    assert capfd.readouterr().out == ""


def test_after_rotation_lines_go_to_a_new_file(tmp_path):
    path, rotated = tmp_path / "access.log", tmp_path / "access.log.1"
    log = AccessLog(str(path))
    assert log.is_on
    log.write(entry(status=201))
    path.rename(rotated)
    log.reopen()
    log.write(entry(status=202))
    assert log.close(5) == 0
    assert [line["status"] for line in read_lines(rotated)] == [201]
    assert [line["status"] for line in read_lines(path)] == [202]


def test_a_sink_that_blocks_costs_lines_and_never_time():
    read_end, write_end = os.pipe()
    bound_bytes = 256 * 1024
    log = AccessLog("stdout", stdout_fd=write_end, max_waiting_bytes=bound_bytes)
    total = 16 * BATCH_LINES
    for _ in range(total):  # would hang here if it waited for the reader
        log.write(ENTRY)
    dropped = log.dropped_lines()
    assert 0 < dropped < total
    with open(read_end, "rb") as reader:
        kept = [json.loads(reader.readline()) for _ in range(total - dropped)]
    assert all(line["client"] == "acme" for line in kept)
    assert log.close(5) == 0
    os.close(write_end)


def test_close_gives_up_on_a_sink_that_blocks_and_says_what_was_left():
    read_end, write_end = os.pipe()
    log = AccessLog("stdout", stdout_fd=write_end)
    entries = 8 * BATCH_LINES  # more than a pipe holds
    for _ in range(entries):
        log.write(ENTRY)
    assert 0 < log.close(0.05) <= entries
    os.close(read_end)
    assert log.close(5) == 0  # its reader gone, the thread came to its end
    assert 0 < log.dropped_lines() <= entries
    os.close(write_end)


def test_lines_after_close_count_as_dropped(tmp_path):
    log = AccessLog(str(tmp_path / "access.log"))
    log.close(5)
    log.write(ENTRY)
    log.flush()
    assert log.dropped_lines() == 1


def test_a_file_that_cannot_be_opened_is_one_clear_line(tmp_path):
    path = tmp_path / "absent" / "access.log"
    with pytest.raises(StartFault) as caught:
        AccessLog(str(path))
    assert str(caught.value) == (
        f"ACCESS_LOG: cannot append to {path}: No such file or directory; "
        "name a file in a folder that this user may write to, or use stdout or off"
    )


def test_the_readme_table_has_a_row_per_field():
    assert fields_table_markdown().count("\n") == len(FIELDS) + 2
    assert len(set(NAMES)) == len(NAMES) == 21

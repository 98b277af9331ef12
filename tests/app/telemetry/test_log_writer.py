import fcntl
import os
import time
from collections.abc import Callable

import pytest

from app.foundation.errors import StartFault
from app.telemetry.log_writer import LineWriter
from tests.fakes.exchange import DEADLINE_S

BOUND_BYTES = 1 << 20


def until(condition: Callable[[], bool], deadline_s: float = DEADLINE_S):
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.002)


@pytest.fixture
def pipe():
    """(read end, write end); small, so that it fills soon."""
    ends = os.pipe()
    fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, 4096)
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def read_all(fd: int):
    chunks = []
    while chunk := os.read(fd, 65536):
        chunks.append(chunk)
    return b"".join(chunks)


def test_a_chunk_larger_than_the_pipe_arrives_whole(pipe):
    read_end, write_end = pipe
    chunk = b"x" * 99 + b"\n"
    writer = LineWriter(None, write_end, BOUND_BYTES)
    writer.put(chunk * 500, 500)
    got = b""
    while len(got) < 50_000:
        got += os.read(read_end, 65536)
    assert got == chunk * 500
    assert writer.close(5) == 0


def test_a_descriptor_that_does_not_block_is_waited_for(pipe):
    read_end, write_end = pipe
    os.set_blocking(write_end, False)
    writer = LineWriter(None, write_end, BOUND_BYTES)
    writer.put(b"y" * 9_999 + b"\n", 1)
    got = b""
    while len(got) < 10_000:
        got += os.read(read_end, 65536)
    assert writer.close(5) == 0
    assert writer.dropped_lines == 0


def test_over_the_bound_the_first_lines_are_kept_and_the_rest_counted(pipe):
    read_end, write_end = pipe
    line = b"z" * 9 + b"\n"
    writer = LineWriter(None, write_end, max_waiting_bytes=25)
    writer.put(line * 5, 5)
    assert writer.dropped_lines == 3
    assert writer.close(5) == 0
    os.close(write_end)
    assert read_all(read_end) == line * 2


def test_with_no_room_at_all_every_line_is_counted(pipe):
    writer = LineWriter(None, pipe[1], max_waiting_bytes=5)
    writer.put(b"too long\n" * 2, 2)
    assert writer.dropped_lines == 2
    writer.drop(3)
    assert writer.dropped_lines == 5
    assert not writer.is_full
    assert writer.close(5) == 0


def test_a_reader_that_left_costs_lines_and_one_warning(pipe, caplog):
    read_end, write_end = pipe
    os.close(read_end)
    writer = LineWriter(None, write_end, BOUND_BYTES)
    writer.put(b"a\nb\n", 2)
    writer.put(b"c\n", 1)
    assert writer.close(5) == 0
    assert writer.dropped_lines == 3
    assert [record.getMessage() for record in caplog.records] == [
        "access log stdout: Broken pipe; lines are dropped"
    ]


def test_a_full_disk_costs_lines(caplog):
    writer = LineWriter("/dev/full", -1, BOUND_BYTES)
    writer.put(b"a\n", 1)
    assert writer.close(5) == 0
    assert writer.dropped_lines == 1
    assert "No space left on device" in caplog.text


def test_a_sink_that_takes_lines_again_is_told_once(tmp_path, caplog):
    path = tmp_path / "log"
    path.symlink_to("/dev/full")
    writer = LineWriter(str(path), -1, BOUND_BYTES)
    writer.put(b"lost\n", 1)
    until(lambda: writer.dropped_lines == 1)
    path.unlink()
    writer.reopen()
    writer.put(b"kept\n", 1)
    assert writer.close(5) == 0
    assert path.read_bytes() == b"kept\n"
    assert caplog.messages[-1] == f"access log {path} takes lines again"


def test_half_a_line_before_a_failure_spoils_no_later_line(pipe, monkeypatch):
    read_end, write_end = pipe
    real_write, fails = os.write, [False, True]

    def disk_that_fills(fd, data):
        if fd != write_end or not fails:
            return real_write(fd, data)
        if fails.pop(0):
            raise OSError(28, "No space left on device")
        return real_write(fd, data[:7])  # b"one\ntwo\n" but for its end

    monkeypatch.setattr("app.telemetry.log_writer.os.write", disk_that_fills)
    writer = LineWriter(None, write_end, BOUND_BYTES)
    writer.put(b"one\ntwo\n", 2)
    writer.put(b"three\n", 1)
    assert writer.close(5) == 0
    os.close(write_end)
    assert read_all(read_end) == b"one\ntwo\nthree\n"
    assert writer.dropped_lines == 1


def test_reopening_after_half_a_line_keeps_the_lines_apart(tmp_path, monkeypatch):
    path = tmp_path / "log"
    writer = LineWriter(str(path), -1, BOUND_BYTES)
    real_write, fails = os.write, [False, True]

    def disk_that_fills(fd, data):
        if fails and bytes(data[:4]) in (b"half", b"f\n"):
            if fails.pop(0):
                raise OSError(28, "No space left on device")
            return real_write(fd, data[:3])
        if fails and bytes(data[:1]) == b"f":
            fails.pop(0)
            raise OSError(28, "No space left on device")
        return real_write(fd, data)

    monkeypatch.setattr("app.telemetry.log_writer.os.write", disk_that_fills)
    writer.put(b"half\n", 1)
    writer.reopen()
    writer.put(b"next\n", 1)
    assert writer.close(5) == 0
    assert path.read_bytes() == b"hal\nnext\n"


def test_a_path_that_cannot_be_opened_again_leaves_the_old_file(tmp_path, caplog):
    folder = tmp_path / "logs"
    folder.mkdir()
    writer = LineWriter(str(folder / "log"), -1, BOUND_BYTES)
    folder.rename(tmp_path / "moved")
    writer.reopen()
    writer.put(b"a\n", 1)
    assert writer.close(5) == 0
    assert (tmp_path / "moved" / "log").read_bytes() == b"a\n"
    assert "cannot be reopened: No such file or directory; lines still go to the old file" in caplog.text


def test_reopening_a_descriptor_changes_nothing(pipe):
    read_end, write_end = pipe
    writer = LineWriter(None, write_end, BOUND_BYTES)
    writer.reopen()
    writer.put(b"a\n", 1)
    assert writer.close(5) == 0
    assert os.read(read_end, 10) == b"a\n"


def test_a_named_pipe_without_a_reader_is_a_fault_and_no_hang(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(StartFault, match=r"ACCESS_LOG: cannot append to .*/fifo: No such device or address"):
        LineWriter(str(tmp_path / "fifo"), -1, BOUND_BYTES)


def test_the_file_is_not_for_everybody(tmp_path):
    writer = LineWriter(str(tmp_path / "log"), -1, BOUND_BYTES)
    writer.close(5)
    assert (tmp_path / "log").stat().st_mode & 0o007 == 0

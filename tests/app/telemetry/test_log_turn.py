import os
import subprocess
import sys

import pytest

from app.telemetry.log_turn import LogTurn, new_turn

DIE_WITHIN_ONES_TURN = """
import os, sys
from app.telemetry.log_turn import LogTurn
LogTurn(int(sys.argv[1])).take()
os._exit(9)
"""
WRITE = """
import os, sys
from app.telemetry.log_turn import LogTurn
turn, letter = LogTurn(int(sys.argv[1])), sys.argv[2].encode()
for _ in range(20):
    turn.take()
    for _ in range(4):
        os.write(1, letter * 5_000)
    os.write(1, b"\\n")
    turn.leave(torn=False)
"""


@pytest.fixture
def fd():
    fd = new_turn()
    yield fd
    os.close(fd)


def test_what_was_left_torn_is_known_to_the_next(fd):
    turn = LogTurn(fd)
    assert not turn.take()
    turn.leave(torn=True)
    assert turn.take()
    turn.leave(torn=False)
    assert not turn.take()
    turn.leave(torn=False)


def started(program, fd, *words, stdout=None):
    command = [sys.executable, "-c", program, str(fd), *words]
    return subprocess.Popen(command, pass_fds=[fd], stdout=stdout)


def test_the_death_of_a_writer_releases_its_turn_and_its_line_counts_as_torn(fd):
    assert started(DIE_WITHIN_ONES_TURN, fd).wait(20) == 9
    assert LogTurn(fd).take()


def test_lines_of_several_processes_never_mix(fd):
    reading, log = os.pipe()
    writers = [started(WRITE, fd, letter, stdout=log) for letter in "abc"]
    os.close(log)
    with open(reading, "rb") as pipe:
        lines = pipe.read().splitlines()
    assert [writer.wait(20) for writer in writers] == [0, 0, 0]
    assert len(lines) == 60
    assert {(len(line), len(set(line))) for line in lines} == {(20_000, 1)}

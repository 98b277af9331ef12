import os
import pty
import signal
import subprocess
import sys
import termios

import pytest

from app.cli.keyboard import quit_on_q
from tests.fakes.process import ROOT

WAITS = """
import signal, sys
from app.cli.keyboard import quit_on_q
try:
    with quit_on_q():
        sys.stdout.write("waits\\n")
        sys.stdout.flush()
        while True:
            signal.pause()
except KeyboardInterrupt:
    sys.exit(7)
"""


@pytest.fixture
def terminal():
    """Both ends of a terminal."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


def waiting(stdin):
    child = subprocess.Popen([sys.executable, "-c", WAITS], cwd=ROOT, stdin=stdin, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"waits\n"
    return child


@pytest.mark.parametrize("keys", [b"q", b"Q", b"xyq"])
def test_q_is_as_ctrl_c_and_the_terminal_is_given_back(terminal, keys):
    ours, theirs = terminal
    with waiting(theirs) as child:
        assert not termios.tcgetattr(theirs)[3] & termios.ECHO
        os.write(ours, keys)
        assert child.wait(10) == 7
    assert termios.tcgetattr(theirs)[3] & termios.ECHO


def test_another_key_does_nothing_and_the_terminal_is_given_back_after_ctrl_c(terminal):
    ours, theirs = terminal
    with waiting(theirs) as child:
        os.write(ours, b"abc\n")
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 7
    assert termios.tcgetattr(theirs)[3] & termios.ECHO


def test_a_stdin_that_is_no_terminal_is_not_read():
    reader, writer = os.pipe()
    os.write(writer, b"q")
    with waiting(reader) as child:
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == -signal.SIGTERM
    assert os.read(reader, 1) == b"q"
    os.close(reader)
    os.close(writer)


def test_without_a_stdin_nothing_is_read(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with quit_on_q():
        pass


@pytest.mark.parametrize(("group", "is_read"), [(os.getpgrp(), True), (1, False)])
def test_a_terminal_is_read_only_from_its_foreground(monkeypatch, terminal, group, is_read):
    _, theirs = terminal
    monkeypatch.setattr(sys, "stdin", os.fdopen(os.dup(theirs)))
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: group)
    with quit_on_q():
        assert bool(termios.tcgetattr(theirs)[3] & termios.ECHO) is not is_read
    sys.stdin.close()


def test_a_terminal_that_goes_ends_the_reading():
    ours, theirs = pty.openpty()
    with waiting(theirs) as child:
        os.close(theirs)
        os.close(ours)
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == -signal.SIGTERM

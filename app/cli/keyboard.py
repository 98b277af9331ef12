"""The key `q` of a terminal, as Ctrl-C: it ends what is shown live."""

import os
import select
import signal
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quit_on_q"]

_QUIT = b"qQ"


@contextmanager
def quit_on_q() -> Iterator[None]:
    """While inside, `q` on the terminal of stdin raises KeyboardInterrupt in the main thread, as Ctrl-C does.

    Does nothing where stdin is no terminal, or where this process is not in its foreground.
    """
    keyboard = _own_terminal()
    if keyboard is None:
        yield
        return
    before = termios.tcgetattr(keyboard)
    end_reader, end_writer = os.pipe()
    reader = threading.Thread(target=_read_keys, args=(keyboard, end_reader), daemon=True)
    reader.start()
    try:
        tty.setcbreak(keyboard, termios.TCSADRAIN)  # a key at once, unseen; Ctrl-C stays what it is
        yield
    finally:
        os.write(end_writer, b"\n")
        reader.join()
        os.close(end_reader)
        os.close(end_writer)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


def _own_terminal() -> int | None:
    """The descriptor of stdin where it is a terminal that this process may read."""
    try:
        keyboard = sys.stdin.fileno()
    except (OSError, ValueError, AttributeError):  # closed, or not a file
        return None
    if not os.isatty(keyboard):
        return None
    try:
        return keyboard if os.tcgetpgrp(keyboard) == os.getpgrp() else None
    except OSError:  # no controlling terminal: nobody stops a reader of it
        return keyboard


def _read_keys(keyboard: int, end: int) -> None:
    """Until `end` can be read, the terminal is gone, or the key was pressed."""
    while True:
        readable, _, _ = select.select([keyboard, end], [], [])
        if end in readable:
            return
        try:
            keys = os.read(keyboard, 1024)
        except OSError:
            return
        if not keys:
            return
        if any(key in _QUIT for key in keys):
            os.kill(os.getpid(), signal.SIGINT)
            return

"""What `tidegate up` prints: whole lines to stdout at once, the lines of every part in one format."""

import sys
from collections.abc import Callable, Collection

from app.demo.log_lines import plain_line, record, record_line
from app.foundation.clock import wall_s

__all__ = ["Output"]

OWN_NAME = "up"
"""Under which `up` itself logs."""


class Output:
    """Lines to stdout, each after the name of its part. When the reader is gone, the rest is dropped.

    `names`: those of the parts; `on_gone` is called once when the reader is gone.
    """

    def __init__(self, names: Collection[str], on_gone: Callable[[], None]) -> None:
        self._width = max(map(len, (OWN_NAME, *names)))
        self._on_gone = on_gone
        self._is_open = True

    def write(self, lines: bytes) -> None:
        """Whole lines, as they are."""
        if not self._is_open:
            return
        try:
            sys.stdout.buffer.write(lines)
            sys.stdout.buffer.flush()
        except OSError:
            self._is_open = False
            self._on_gone()

    def look(self, name: str) -> Callable[[bytes], bytes]:
        """What makes a line of the part `name`, without its end, ready to be written."""
        prefix = f"{name:<{self._width}} | ".encode()
        is_terminal = sys.stdout.isatty()

        def shown(line: bytes) -> bytes:
            made = record_line(line, name, wall_s())
            return prefix + (plain_line(made) if is_terminal else made)

        return shown

    def log(self, message: str) -> None:
        """A line of `up` itself."""
        self.write(self.look(OWN_NAME)(record("info", OWN_NAME, message, wall_s())) + b"\n")

"""Tables as text, fitted to the terminal that is written to."""

import sys
from collections.abc import Sequence
from shutil import get_terminal_size

from app.cli.status.layout import narrowed
from app.cli.status.output import Output
from app.cli.tables import Section, plain_text

__all__ = ["sections_text"]


def sections_text(shown: Sequence[Section], output: Output) -> str:
    """In a pipe, and with `WIDE`, nothing is cut."""
    is_narrow = output is Output.TABLE and sys.stdout.isatty()
    return plain_text(narrowed(shown, get_terminal_size().columns) if is_narrow else shown)

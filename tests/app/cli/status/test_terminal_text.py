import io
import sys

import pytest

from app.cli.status.output import Output
from app.cli.status.terminal_text import sections_text
from app.cli.tables import Section

LONG = Section("a title that is longer than twenty cells")


class AtTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stdout", "output", "longest"),
    [(AtTerminal, Output.TABLE, 20), (AtTerminal, Output.WIDE, 40), (io.StringIO, Output.TABLE, 40)],
)
def test_only_a_terminal_cuts_and_only_where_nobody_asked_for_all(stdout, output, longest, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr(sys, "stdout", stdout())
    assert len(sections_text([LONG], output).rstrip("\n")) == longest

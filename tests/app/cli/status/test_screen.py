import io
import sys

import pytest

from app.cli.status.screen import NOT_LIVE, Screen
from app.cli.tables import Section

TABLE = Section(
    "breakers", ("NAME", "STATE", "RPS"), (("orders", "open", "1.0"), ("cache", "closed", "12.0")), least=1
)


class AtTerminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def drawn(monkeypatch):
    """All that was written to a terminal of 60 × 12 while the given sections were drawn."""

    def draw(*shown: Section) -> str:
        for name, value in (("COLUMNS", "60"), ("LINES", "12"), ("TERM", "xterm-256color")):
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdout", terminal := AtTerminal())
        with Screen() as screen:
            screen.draw(shown)
        return terminal.getvalue()

    return draw


def test_states_have_a_shape_and_numbers_stand_to_the_right(drawn):
    text = drawn(Section("1 of 2 breakers open", tone="open"), TABLE)
    assert "✖ 1 of 2 breakers open" in text
    assert "✖ open" in text
    assert "● closed" in text
    assert " 1.0" in text


def test_a_line_that_belongs_to_the_one_above_has_no_mark_of_its_own(drawn):
    assert (
        drawn(Section("REJECTED", tone="open"), Section("  gw.yaml:3: is wrong", tone="open")).count("✖") == 1
    )


def test_that_it_is_not_live_is_seen_in_any_colours(drawn):
    assert f"{NOT_LIVE}: gone" in drawn(Section(f"{NOT_LIVE}: gone"))


def test_the_terminal_is_as_it_was_afterwards(drawn):
    text = drawn(TABLE)
    assert text.startswith("\x1b[?1049h")
    assert text.endswith("\x1b[?1049l")

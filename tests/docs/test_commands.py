"""docs/commands.md lists the commands that there are, each with examples in its help."""

import re

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from app.cli.commands import tidegate
from tests.docs.page import ROOT

PAGE = (ROOT / "docs" / "commands.md").read_text()
LISTED = re.findall(r"^\| `tidegate ([a-z]+(?: [a-z]+)?)", PAGE, re.MULTILINE)


def existing():
    found = {name: one for name, one in vars(get_command(tidegate))["commands"].items() if not one.hidden}
    return {
        f"{name} {sub}".strip()
        for name, command in found.items()
        for sub in vars(command).get("commands", [""])
    }


def test_every_command_is_listed():
    assert set(LISTED) == existing()


@pytest.mark.parametrize("command", sorted(set(LISTED)))
def test_its_help_has_examples(command):
    shown = CliRunner().invoke(tidegate, [*command.split(), "--help"])
    assert (shown.exit_code, "Examples:" in shown.stdout) == (0, True)

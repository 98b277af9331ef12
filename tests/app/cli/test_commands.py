import pytest
from typer.testing import CliRunner

from app.cli.commands import dispatch, tidegate
from app.foundation.version import VERSION, build, interpreter

COMMANDS = ["up", "gateway", "cache", "operator", "check", "status", "keys new", "version"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_has_examples(command):
    told = CliRunner().invoke(tidegate, [*command.split(), "--help"])
    assert told.exit_code == 0
    assert f"Usage: tidegate {command}" in told.stdout
    assert "  Examples:\n    " in told.stdout
    assert f"tidegate {command}" in told.stdout.split("Examples:")[1]


def test_help_of_all_names_every_command():
    told = CliRunner().invoke(tidegate, ["--help"])
    assert all(f"  {command.split()[0]} " in told.stdout for command in COMMANDS)


def test_dispatch_of_help_exits_0(capsys):
    assert dispatch(["gateway", "--help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: tidegate gateway")


def test_version_is_printed(capsys):
    assert dispatch(["version"]) == 0
    assert capsys.readouterr().out == f"tidegate {VERSION}\nbuild: {build()}\npython: {interpreter()}\n"


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        ([], "tidegate: Missing command; see tidegate --help"),
        (["nope"], "tidegate: No such command 'nope'; see tidegate --help"),
        (["gateway", "--nope"], "tidegate gateway: No such option: --nope; see tidegate gateway --help"),
        (["gateway", "--config"], "tidegate: Option '--config' requires an argument"),
        (["gateway", "extra"], "tidegate gateway: Got unexpected extra argument(s) (extra)"),
        (["check"], "tidegate check: Missing argument 'FILE…'; see tidegate check --help"),
        (["keys"], "tidegate keys: Missing command; see tidegate keys --help"),
        (["keys", "new"], "tidegate keys new: Missing argument 'NAME'; see tidegate keys new --help"),
    ],
)
def test_a_usage_fault_is_one_line_and_exit_2(argv, line, capsys):
    assert dispatch(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(line)
    assert err.count("\n") == 1

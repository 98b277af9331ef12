import os
import re
import sys

import pytest
from typer.testing import CliRunner

from app.cli.commands import dispatch, tidegate
from app.cli.fault_report import exit_code
from app.foundation.version import VERSION, build, interpreter
from app.variables import VARIABLES
from tests.fakes.process import ROOT, Child

COMMANDS = [
    "up",
    "gateway",
    "cache",
    "operator",
    "check",
    "status",
    "why",
    "tap",
    "explain",
    "keys new",
    "completion",
    "version",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_has_examples(command):
    shown = CliRunner().invoke(tidegate, [*command.split(), "--help"])
    assert shown.exit_code == 0
    assert f"Usage: tidegate {command}" in shown.stdout
    assert "  Examples:\n    " in shown.stdout
    assert f"tidegate {command}" in shown.stdout.split("Examples:")[1]


def test_help_of_up_names_variables_that_there_are():
    shown = CliRunner().invoke(tidegate, ["up", "--help"]).stdout.split("Variables")[1].split("Options:")[0]
    named = set(re.findall(r"^    ([A-Z_]+) ", shown, re.MULTILINE))
    assert {"HOST", "PORT", "RATE_LIMIT"} <= named <= {one.name for one in VARIABLES} | {"TIDEGATE_STATE"}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_documents_that_there_are(command):
    shown = CliRunner().invoke(tidegate, [*command.split(), "--help"]).stdout
    assert all((ROOT / path).is_file() for path in re.findall(r"docs/[\w-]+\.md", shown))


def test_help_of_all_names_every_command():
    shown = CliRunner().invoke(tidegate, ["--help"])
    assert all(f"  {command.split()[0]} " in shown.stdout for command in COMMANDS)


@pytest.mark.parametrize(
    ("words", "start"),
    [((), "Usage: tidegate [OPTIONS]"), (("keys", "new"), "Usage: tidegate keys new")],
)
def test_help_is_a_word_too(words, start, capsys):
    assert dispatch(["help", *words]) == 0
    assert capsys.readouterr().out.startswith(start)
    assert dispatch(["help", "nope"]) == 2


def test_dispatch_of_help_exits_0(capsys):
    assert dispatch(["gateway", "--help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: tidegate gateway")


def test_version_is_printed(capsys):
    assert dispatch(["version"]) == 0
    assert capsys.readouterr().out == f"tidegate {VERSION}\nbuild: {build()}\npython: {interpreter()}\n"


@pytest.mark.parametrize("argv", [["version"], ["--version"], ["-V"]])
def test_the_version_is_asked_for_as_a_command_and_as_an_option(argv, capsys):
    assert dispatch(argv) == 0
    assert capsys.readouterr().out.startswith(f"tidegate {VERSION}\nbuild: ")


@pytest.mark.parametrize(
    ("argv", "begin"), [([], "Usage: tidegate [OPTIONS] COMMAND"), (["keys"], "Usage: tidegate keys ")]
)
def test_a_group_of_commands_alone_prints_its_help(argv, begin, capsys):
    assert dispatch(argv) == 0
    out, err = capsys.readouterr()
    assert (out.startswith(begin), err) == (True, "")


def test_the_first_line_of_each_command_fits_the_list():
    shown = CliRunner().invoke(tidegate, ["--help"])
    assert "..." not in shown.stdout.split("Commands:")[1]


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["nope"], "error: No such command 'nope'. See tidegate --help"),
        (["statos"], "error: No such command 'statos'. Did you mean 'status'? See tidegate --help"),
        (["gateway", "--nope"], "error: No such option: --nope. See tidegate gateway --help"),
        (
            ["gateway", "--confg"],
            "error: No such option: --confg. Did you mean --config? See tidegate gateway --help",
        ),
        (
            ["gateway", "--config"],
            "error: Option '--config' requires an argument. See tidegate gateway --help",
        ),
        (
            ["gateway", "extra"],
            "error: Got unexpected extra argument(s) (extra). See tidegate gateway --help",
        ),
        (["check"], "error: Missing argument 'FILE'. See tidegate check --help"),
        (["keys", "new"], "error: Missing argument 'NAME'. See tidegate keys new --help"),
        (
            ["completion", "tcsh"],
            "error: Invalid value for 'SHELL': 'tcsh' is not one of 'bash', 'zsh', 'fish'",
        ),
    ],
)
def test_a_usage_fault_is_one_line_and_exit_2(argv, line, capsys):
    assert dispatch(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(line)
    assert err.count("\n") == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_names_the_program(shell, capsys):
    assert dispatch(["completion", shell]) == 0
    out = capsys.readouterr().out
    assert "_TIDEGATE_COMPLETE" in out
    assert "tidegate" in out


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["tidegate", "st"], {"status"}),
        (["tidegate", "completion", ""], {"bash", "zsh", "fish"}),
        (["tidegate", "status", "--w"], {"--watch"}),
    ],
)
async def test_bash_completes_what_the_script_promises(words, found, tmp_path):
    (tmp_path / "tidegate").write_text(f'#!/bin/sh\nexec {sys.executable} -m app "$@"\n')
    (tmp_path / "tidegate").chmod(0o755)
    listed = " ".join(f"'{word}'" for word in words)
    script = f"""
        source <(tidegate completion bash)
        COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}
        $(complete -p tidegate | sed -E 's/.*-F ([^ ]+).*/\\1/') tidegate
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    path = f"{tmp_path}:{os.environ['PATH']}"
    async with Child(["bash", "--norc", "-c", script], {"PATH": path, "PYTHONPATH": str(ROOT)}) as child:
        assert await child.wait() == 0
        assert set(child.lines) == found


def test_ctrl_c_in_a_command_is_exit_130(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("app.cli.actions.run_demo", interrupted)
    assert exit_code(lambda: dispatch(["up"])) == 130


@pytest.mark.parametrize(
    ("argv", "action", "given"),
    [
        (["gateway"], "run_gateway", (None,)),
        (["gateway", "--config", "x.yaml"], "run_gateway", ("x.yaml",)),
        (["cache"], "run_cache", ()),
        (["operator"], "run_operator", ()),
    ],
)
def test_a_command_does_its_action(argv, action, given, monkeypatch):
    called: list[tuple[object, ...]] = []

    def act(*words: object) -> int:
        called.append(words)
        return 7

    monkeypatch.setattr(f"app.cli.actions.{action}", act)
    assert (dispatch(argv), called) == (7, [given])

import subprocess
import sys
import tomllib

import pytest

from app.__main__ import main
from app.foundation.version import VERSION, build, interpreter
from tests.fakes.process import ROOT, Child


def test_version_is_that_of_the_package():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


async def test_python_m_app_is_the_command_line():
    async with Child.app("version") as child:
        assert await child.wait() == 0
        assert child.lines == [f"tidegate {VERSION}", f"build: {build()}", f"python: {interpreter()}"]


@pytest.mark.parametrize(
    "argv", [["gateway"], ["gateway", "--config", "x.yaml"], ["gateway", "--config=x.yaml"]]
)
async def test_gateway_tells_each_faulty_variable_on_its_line_and_exits_2(argv):
    async with Child.app(*argv, env={"PORT": "http", "AUTH": "maybe"}) as child:
        assert await child.wait() == 2
        assert child.lines == [
            "error: PORT: 'http' cannot be used; write a whole number from 0 to 65535",
            "error: AUTH: 'maybe' is not a value of it; it may be key, none",
        ]


@pytest.mark.parametrize(
    "argv", [["gateway"], ["gateway", "--config", "x.yaml"], ["gateway", "--config=x.yaml"], ["cache"]]
)
def test_servers_start_without_the_parser_of_command_lines(argv):
    env = {"PORT": "not-a-port"}
    command = [sys.executable, "-X", "importtime", "-m", "app", *argv]
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    imported = {
        line.split("|")[-1].strip() for line in ended.stderr.splitlines() if line.startswith("import time:")
    }
    assert "app.cli.actions" in imported
    assert not imported & {"typer", "rich"}


@pytest.mark.parametrize("argv", [["gateway"], ["gateway", "--config", ""], ["gateway", "--config="]])
def test_faults_of_the_gateways_settings_are_exit_2(argv, monkeypatch, capsys):
    monkeypatch.setenv("PORT", "http")
    assert main(argv) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_help_of_a_server_is_shown(capsys):
    assert main(["gateway", "--help"]) == 0
    assert "Examples:" in capsys.readouterr().out


def test_arguments_default_to_the_processs_own(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tidegate", "version"])
    assert main() == 0
    assert capsys.readouterr().out == f"tidegate {VERSION}\nbuild: {build()}\npython: {interpreter()}\n"

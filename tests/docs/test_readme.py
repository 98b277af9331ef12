"""The README is run: each `sh` line as it stands, each `console` block with its output, against a real `up`.

Only the ports are others. What needs a cluster or a container engine names the page or file whose test runs it.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.page import ROOT, Shell, blocks, commands, pattern_of, run_elsewhere, run_here
from tests.fakes.process import Child, free_ports

TEXT = (ROOT / "README.md").read_text()
ELSEWHERE = [(place, line) for place, block in run_elsewhere(TEXT) for line in block.text.splitlines()]
BLOCKS = blocks(run_here(TEXT))
YAML = next(block.text for block in BLOCKS if block.kind == "yaml")
COMMANDS = list(commands(BLOCKS))
MAKES = [command.line for command in COMMANDS if command.line.startswith("make ")]


@pytest.mark.timeout(300)
async def test_every_line_can_be_pasted_and_prints_what_is_written(tmp_path):
    port, admin_port = map(str, free_ports(2))
    (tmp_path / "tidegate.yaml").write_text(YAML)
    announced = next(block.text for block in BLOCKS if "  API key" in block.text)
    replaced = {"localhost:8080": f"localhost:{port}", "localhost:9080": f"localhost:{admin_port}"}
    for written, other in replaced.items():
        announced = announced.replace(written, other)
    env = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    async with Child.app("up", env={"PORT": port, "ADMIN_PORT": admin_port}, cwd=tmp_path) as child:
        await child.wait_line(r"\S+/demo/status/503\?try")
        assert pattern_of(announced).search(child.output + "\n")
        async with Shell(tmp_path, env, replaced, pipe=tmp_path / "typed") as shell:
            for command in COMMANDS:
                if command.line not in MAKES:
                    check_printed(command.line, await shell.run(command))


def check_printed(line: str, output: str) -> None:
    """What the text around the calls promises of them."""
    assert output.strip(), f"$ {line} printed nothing"
    if line.startswith("curl -i"):
        last = output.rpartition("HTTP/1.1 ")[2]
        if "try=[1-4]" in line:
            assert last.startswith("503 ")
            assert "tidegate-reason: breaker_open" in last
            assert "retry-after: 10" in last
        else:
            assert last.startswith(("200 ", "201 "))


@pytest.mark.parametrize("line", MAKES)
def test_every_make_command_is_a_target(line):
    asked = subprocess.run(
        ["make", "--dry-run", *shlex.split(line)[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert asked.returncode == 0, asked.stderr


def test_the_two_commands_are_make_up_which_runs_up_and_make_test():
    assert MAKES == ["make up", "make test"]
    asked = subprocess.run(["make", "--dry-run", "up"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ".venv/bin/tidegate up" in asked.stdout


@pytest.mark.parametrize(("place", "line"), ELSEWHERE)
def test_what_is_run_elsewhere_stands_there_to_the_letter(place, line):
    """Tests of docs/kubernetes.md and docs/tutorial.md run what these say; tests/compose brings the stack up."""
    assert line in (ROOT / place).read_text()


def test_it_can_be_read_in_one_sitting():
    assert len(TEXT.splitlines()) <= 150

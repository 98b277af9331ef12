"""The README is run: each `sh` block as it stands, each `console` block with its output, against a real `up`.

Only the ports are others. In expected output `…` stands for anything, also for any lines when alone on one.
What needs a cluster or a container engine is marked with the file whose commands are run there.
"""

import asyncio
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from app.foundation.reasons import REASONS
from tests.fakes.process import ROOT, Child, free_ports
from tools.pages import CURES, PAGES, README, TABLES, written

TEXT = README.read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN_ELSEWHERE = re.compile(r"<!-- run: (\S+) -->\n(.*?)<!-- /run -->", re.DOTALL)
ELSEWHERE = [
    (place, line)
    for place, part in RUN_ELSEWHERE.findall(TEXT)
    for _, text in BLOCK.findall(part)
    for line in text.splitlines()
]
BLOCKS = BLOCK.findall(RUN_ELSEWHERE.sub("", TEXT))
YAML = next(text for kind, text in BLOCKS if kind == "yaml")
COMMANDS = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
MAKES = [line for line in COMMANDS if line.startswith("make ")]


def pattern_of(expected: str) -> re.Pattern[str]:
    """Blanks are as wide as they like, since the columns of a table follow its cells."""
    lines = [
        r"(?:.*\n)*?"
        if line == "…"
        else re.sub(r"(?:\\ )+", r" +", re.escape(line)).replace("…", ".*") + r"\n"
        for line in expected.splitlines()
    ]
    return re.compile("".join(lines))


async def run(command: str, folder: Path, ports: dict[str, str]) -> tuple[int, str]:
    """Exit code and stdout of a line of the README in bash."""
    for written_port, port in ports.items():
        command = command.replace(f"localhost:{written_port}", f"localhost:{port}")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        command,
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


@pytest.mark.timeout(60)
async def test_every_line_can_be_pasted_and_prints_what_is_written(tmp_path):
    port, admin_port = map(str, free_ports(2))
    ports = {"8080": port, "9080": admin_port}
    (tmp_path / "tidegate.yaml").write_text(YAML)
    announced = next(text for kind, text in BLOCKS if kind == "text" and "Tidegate is up" in text)
    for written_port, other in ports.items():
        announced = announced.replace(f"localhost:{written_port}", f"localhost:{other}")
    async with Child.app("up", env={"PORT": port, "ADMIN_PORT": admin_port}, cwd=tmp_path) as child:
        await child.wait_line(r"\S+/demo/status/503\?try", timeout_s=20)
        assert pattern_of(announced).search(child.output + "\n")
        for kind, text in BLOCKS:
            for command in text.splitlines() if kind == "sh" else []:
                if command in MAKES:
                    continue
                code, out = await run(command, tmp_path, ports)
                assert (code, bool(out)) == (0, True), command
                check_printed(command, out)
            if kind == "console":
                first, _, expected = text.partition("\n")
                code, out = await run(first.removeprefix("$ "), tmp_path, ports)
                assert code == 0, first
                assert pattern_of(expected).fullmatch(out), f"{first} printed\n{out}"


def check_printed(command: str, out: str) -> None:
    """What the text around the calls promises of them."""
    if command.startswith("curl -i"):
        last = out.rpartition("HTTP/1.1 ")[2]
        if "try=[1-4]" in command:
            assert last.startswith("503 ")
            assert "tidegate-reason: breaker_open" in last
            assert "retry-after: 10" in last
        else:
            assert last.startswith(("200 ", "201 "))
    if "/override" in command:
        assert '"state":"open"' in out


@pytest.mark.parametrize("line", MAKES)
def test_every_make_command_is_a_target(line):
    asked = subprocess.run(
        ["make", "--dry-run", *shlex.split(line)[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert asked.returncode == 0, asked.stderr


def test_make_up_runs_up():
    asked = subprocess.run(["make", "--dry-run", "up"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ".venv/bin/tidegate up" in asked.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_are_those_of_the_code(page):
    assert written(page.read_text()) == page.read_text(), "run make generate"


@pytest.mark.parametrize("name", TABLES)
def test_every_table_stands_on_one_page(name):
    assert [f"<!-- generated: {name} -->" in page.read_text() for page in PAGES].count(True) == 1


def test_every_reason_has_a_cure():
    assert set(CURES) == set(REASONS)


@pytest.mark.parametrize(
    "command",
    ["up", "gateway", "cache", "operator", "check", "status", "explain", "keys new", "version"],
)
def test_every_command_is_listed_and_has_examples(command):
    assert f"| `tidegate {command}" in TEXT
    asked = subprocess.run(
        [sys.executable, "-m", "app", *command.split(), "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Examples:" in asked.stdout


@pytest.mark.parametrize(("place", "line"), ELSEWHERE)
def test_what_is_run_elsewhere_stands_there_to_the_letter(place, line):
    """tests/e2e/test_guide.py runs what docs/kubernetes.md says; tests/compose brings the stack up."""
    assert line in (ROOT / place).read_text()


def test_it_can_be_read_in_one_sitting():
    assert len(TEXT.splitlines()) <= 400

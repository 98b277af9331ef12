"""docs/tutorial.md: part one is followed as written; part two is by tests/e2e/test_tutorial.py."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from app.policy.parse import parse_spec
from tests.docs.page import ROOT, Shell, blocks, commands, run_here
from tests.fakes.process import free_ports

FOLDER = ROOT / "examples" / "tutorial"
PAGE = (ROOT / "docs" / "tutorial.md").read_text()
SHOWN = re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.timeout(300)
async def test_every_command_of_part_one_prints_what_the_page_shows(tmp_path):
    folder = tmp_path / "tutorial"
    shutil.copytree(FOLDER, folder)
    service, port, admin_port = map(str, free_ports(3))
    gateway = folder / "gateway.yaml"
    gateway.write_text(gateway.read_text().replace("localhost:8000", f"localhost:{service}"))
    env = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PORT": port,
        "ADMIN_PORT": admin_port,
    }
    replaced = {
        "serve 8000": f"serve {service}",
        "localhost:8000": f"localhost:{service}",
        "localhost:8080": f"localhost:{port}",
        "localhost:9080": f"localhost:{admin_port}",
        "tidegate status": f"tidegate status --admin http://127.0.0.1:{admin_port}",
    }
    async with Shell(folder, env, replaced, pipe=tmp_path / "typed") as shell:
        for command in commands(blocks(run_here(PAGE))):
            await shell.run(command)


@pytest.mark.parametrize(("name", "text"), SHOWN)
def test_a_file_is_shown_as_it_is(name, text):
    assert (ROOT / name).read_text() == text


def test_the_clusters_policy_is_that_of_the_file():
    (of_file,) = yaml.safe_load((FOLDER / "gateway.yaml").read_text())["policies"]
    resource = yaml.safe_load((FOLDER / "policy.yaml").read_text())
    assert parse_spec(resource["spec"]) == parse_spec(of_file["spec"])

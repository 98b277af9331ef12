"""Pages whose commands are run as written, each against a `tidegate up` of its own; only the ports are others."""

import os
import sys
from pathlib import Path

import pytest

from tests.docs.page import ROOT, Shell, blocks, commands, run_here
from tests.fakes.process import Child, free_ports

PAGES = ("admin-api", "configuration", "troubleshooting")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", PAGES)
async def test_every_command_prints_what_the_page_shows(name, tmp_path):
    port, admin_port = map(str, free_ports(2))
    replaced = {
        "localhost:8080": f"localhost:{port}",
        "localhost:9080": f"localhost:{admin_port}",
        "tidegate status": f"tidegate status --admin http://localhost:{admin_port}",
    }
    env = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    found = list(commands(blocks(run_here((ROOT / f"docs/{name}.md").read_text()))))
    assert found
    async with Child.app("up", env={"PORT": port, "ADMIN_PORT": admin_port}, cwd=tmp_path) as child:
        await child.wait_line(r"\S+/demo/status/503\?try")
        async with Shell(tmp_path, env, replaced, pipe=tmp_path / "typed") as shell:
            for command in found:
                await shell.run(command)

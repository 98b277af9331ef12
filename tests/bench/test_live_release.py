import asyncio
import sys

import pytest
import yaml

from tests.bench import live_release
from tests.bench.live_release import command
from tests.e2e.cluster import CHART
from tests.fakes.waiting import until

PROGRAM = """
import pathlib, signal, sys

def end(*_):
    (folder / "ended").touch()
    sys.exit()

folder = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGTERM, end)
(folder / "begun").touch()
signal.pause()
"""


async def test_a_command_that_fails_is_an_error_with_what_it_said():
    with pytest.raises(RuntimeError, match="there is no such release"):
        await command(sys.executable, "-c", "raise SystemExit('there is no such release')")
    assert await command(sys.executable, "-c", "print('deployed')") == "deployed\n"


async def test_a_command_is_told_to_end_with_whoever_waits_for_it(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    task = asyncio.ensure_future(command(sys.executable, str(program), str(tmp_path)))
    await until((tmp_path / "begun").exists, "the program to begin")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (tmp_path / "ended").exists()


def test_the_chart_has_every_value_that_is_set():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for name in live_release._VALUES:
        found = values
        for part in name.split("."):
            if found == {}:
                break  # what may be in it is up to Kubernetes: requests and limits of a pod
            assert part in found, name
            found = found[part]

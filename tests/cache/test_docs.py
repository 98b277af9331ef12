"""docs/cache.md is run as it stands, in one shell; only the port and the path to Python are others."""

import re
import shlex
import subprocess
import sys

import pytest

from app.foundation.redis.url import parse_redis_url
from tests.fakes.process import ROOT, Child, free_port

PAGE = (ROOT / "docs" / "cache.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
MEASURES = [block.strip() for block in BLOCKS if " -m tests." in block or " -m pytest" in block]
COMMANDS = [line for block in BLOCKS if block.strip() not in MEASURES for line in block.splitlines()]
ADDRESSES = re.findall(r"^\| `(redis[^`]*://[^`]+)`", PAGE, re.MULTILINE)

# what each command prints, as the text around it says
PRINTED = [
    r"",
    r'\{"status": "ok", "redis": "off"\}',
    r'HTTP/1.1 201 (.*\n)*cache-durability: memory\n(.*\n)*etag: "\w+"\n',
    r'HTTP/1.1 200 (.*\n)*content-type: application/json\n(.*\n)*cache-ttl: [56]\d\n\n\{"name": "Ada"\}',
    r"",
    r'\{"keys": \[\{"key": "user/42", "size": 15, "ttl": [56]\d\}\]\}',
    r"HTTP/1.1 204 ",
    r'\{"purged": 1\}',
    r'\{"purged": 0\}',
    r'\{"purged": 0\}',
    r'\{"entries": 0, .*"hits": 1, ',
    r"ended with 0",
]


async def test_every_command_prints_what_the_page_says():
    port = free_port()
    script = [f"echo; echo --- {line.split()[0]}\n{line}" for line in COMMANDS] + [
        "wait %1; echo ended with $?"
    ]
    text = "\n".join(script).replace("8081", str(port))
    text = text.replace(".venv/bin/python", shlex.quote(sys.executable))
    async with Child(["bash", "-c", text]) as shell:
        assert await shell.wait() == 0
    _, *outputs = re.split(r"^--- \S+\n", shell.output + "\n", flags=re.MULTILINE)
    assert len(outputs) == len(PRINTED)
    for command, output, pattern in zip(COMMANDS, outputs, PRINTED, strict=True):
        assert re.search(pattern, output.replace("\r", "")), f"{command} printed\n{output}"


@pytest.mark.parametrize("command", MEASURES)
def test_what_measures_can_be_started(command):
    program, *arguments = shlex.split(command)
    assert program == ".venv/bin/python"
    quick = "--collect-only" if "pytest" in arguments else "--help"
    asked = subprocess.run(
        [sys.executable, *arguments, quick], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr


@pytest.mark.parametrize("form", ADDRESSES)
def test_every_form_of_an_address_is_taken_with_and_without_what_is_optional(form):
    short = re.sub(r"\[[^]]*\]", "", form).replace("…", "")
    whole = form.replace("[", "").replace("]", "").replace("…", "").replace("database", "0")
    assert parse_redis_url(short).topology is parse_redis_url(whole).topology
    assert parse_redis_url(whole).password == "password"


def test_the_page_names_the_three_kinds_of_addresses():
    assert len(ADDRESSES) == 3

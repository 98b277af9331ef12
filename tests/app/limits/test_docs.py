"""docs/shared-limits.md: its policy is one, its addresses are taken, its figures can be made again."""

import re
import shlex
import subprocess
import sys

import pytest
import yaml

from app.foundation.redis.url import parse_redis_url
from app.policy.model import Scope
from app.policy.parse import parse_spec
from tests.fakes.process import ROOT

PAGE = (ROOT / "docs" / "shared-limits.md").read_text()
POLICIES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ADDRESSES = re.findall(r"^\| `(redis[^`]*://[^`]+)`", PAGE, re.MULTILINE)


def test_the_policy_is_one():
    (text,) = POLICIES
    spec = parse_spec({"targetRefs": [{"kind": "Gateway"}], **yaml.safe_load(text)})
    assert spec.rate_limit is not None
    assert [rule.scope for rule in spec.rate_limit.rules] == [Scope.GLOBAL, Scope.LOCAL]


@pytest.mark.parametrize("form", ADDRESSES)
def test_every_form_of_an_address_is_taken_with_and_without_what_is_optional(form):
    short = re.sub(r"\[[^]]*\]", "", form).replace("…", "")
    whole = form.replace("[", "").replace("]", "").replace("…", "").replace("database", "0")
    assert parse_redis_url(short).topology is parse_redis_url(whole).topology
    assert parse_redis_url(whole).password == "password"


def test_the_page_names_the_three_kinds_of_addresses():
    assert len(ADDRESSES) == 3


def test_what_measures_can_be_started():
    (command,) = re.findall(r"`python (-m tests\.bench\.[^`]+)`", PAGE)
    asked = subprocess.run(
        [sys.executable, *shlex.split(command), "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr

import json
import subprocess
import sys
from datetime import date

import pytest

from tests.audit import LOCKS, ROOT, excused, judge

TODAY = date(2026, 11, 24)
FAULT = {"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fix_versions": ["1.1"]}
REPORT = {
    "dependencies": [
        {"name": "a", "version": "1.0", "vulns": [FAULT]},
        {"name": "b", "version": "2.0", "vulns": []},
        {"name": "c", "skip_reason": "not found"},
    ]
}


def test_a_vulnerability_is_named_with_the_version_that_mends_it():
    verdict = judge(REPORT, frozenset())
    assert verdict.found == ("a 1.0: PYSEC-2026-1, mended in 1.1",)
    assert (verdict.audited, verdict.skipped) == (2, 1)


@pytest.mark.parametrize("name", ["PYSEC-2026-1", "CVE-2026-1"])
def test_an_excused_one_passes_under_any_of_its_names(name):
    assert judge(REPORT, frozenset({name})).found == ()


@pytest.mark.parametrize(("until", "holds"), [(TODAY, True), (date(2026, 11, 23), False)])
def test_an_excuse_ends_with_its_last_day(until, holds):
    entry = {"id": "CVE-2026-1", "reason": "not called", "until": until}
    assert bool(excused([entry], TODAY)) is holds


def test_an_excuse_without_a_reason_is_none():
    with pytest.raises(ValueError, match="reason"):
        excused([{"id": "CVE-2026-1", "until": TODAY}], TODAY)


def test_every_lock_file_is_audited():
    assert {path.name for path in ROOT.glob("*/requirements*.txt")} == {path.name for path in LOCKS}
    assert {"app", "cache", "tests"} <= {path.parts[0] for path in LOCKS}


def test_pip_audit_reads_the_lock_files_and_reports_as_expected():
    command = ["--requirement", "cache/requirements.txt", "--disable-pip", "--require-hashes", "--dry-run"]
    asked = subprocess.run(
        [sys.executable, "-m", "pip_audit", *command, "--format", "json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    assert "would have audited" in asked.stderr.lower() or json.loads(asked.stdout)

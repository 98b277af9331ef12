"""Known vulnerabilities of every locked version (make audit); exit 1 for one that is not excused.

pip-audit asks the package index for its advisories, which it can only do there: it has no copy of them. Where
they cannot be reached nothing is audited, which is exit 2, or 0 with `--allow-unreachable`. Excuses stand in
`audit-excuses.yaml`, each with a reason and a last day.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml

__all__ = ["EXCUSES", "LOCKS", "Verdict", "excused", "judge", "main"]

ROOT = Path(__file__).resolve().parents[1]
LOCKS = sorted(path.relative_to(ROOT) for path in ROOT.glob("*/requirements*.txt"))
EXCUSES = ROOT / "tests" / "audit-excuses.yaml"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`found`: one line for each vulnerability that nothing excuses."""

    audited: int
    skipped: int
    found: tuple[str, ...]


def excused(entries: Iterable[Mapping[str, Any]], today: date) -> frozenset[str]:
    """Ids whose excuse still holds: `{id, reason, until}`. Raises ValueError for one without a reason."""
    live = set()
    for entry in entries:
        if not entry.get("reason"):
            raise ValueError(f"{entry['id']}: an excuse needs a reason")
        if entry["until"] >= today:
            live.add(str(entry["id"]))
    return frozenset(live)


def judge(report: Mapping[str, Any], excuses: frozenset[str]) -> Verdict:
    """What pip-audit's JSON report says."""
    skipped = [one for one in report["dependencies"] if "skip_reason" in one]
    audited = [one for one in report["dependencies"] if "skip_reason" not in one]
    found = [
        f"{one['name']} {one['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or '-'}"
        for one in audited
        for fault in one["vulns"]
        if not excuses & {fault["id"], *fault.get("aliases", ())}
    ]
    return Verdict(len(audited), len(skipped), tuple(found))


def _report(lock: Path) -> Mapping[str, Any] | None:
    """None where the advisories do not answer."""
    command = ["-m", "pip_audit", "--requirement", str(lock), "--disable-pip", "--require-hashes"]
    asked = subprocess.run(
        [sys.executable, *command, "--progress-spinner", "off", "--format", "json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if not asked.stdout.startswith("{"):
        sys.stderr.write(asked.stderr[-2000:])
        return None
    report: Mapping[str, Any] = json.loads(asked.stdout)
    return report


def main(arguments: Sequence[str] = ()) -> int:
    entries = yaml.safe_load(EXCUSES.read_text())["excuses"]
    excuses = excused(entries, datetime.now(UTC).date())
    reached, vulnerable = False, False
    for lock in LOCKS:
        report = _report(lock)
        verdict = judge(report, excuses) if report is not None else Verdict(0, 0, ())
        reached = reached or verdict.audited > 0
        vulnerable = vulnerable or bool(verdict.found)
        print(f"{lock}: {verdict.audited} audited, {verdict.skipped} without advisories")
        print("".join(f"  {line}\n" for line in verdict.found), end="")
    if vulnerable:
        return 1
    if not reached:
        print("NOT AUDITED: the package index here gives no advisories; hashes are checked at installation")
        return 0 if "--allow-unreachable" in arguments else 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

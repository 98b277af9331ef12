"""What `tidegate check` found, for programs: one JSON object, or annotations that GitHub shows beside lines. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:  # the command line's words need only the enum
    from app.config.check import Findings
    from app.foundation.errors import ConfigFault

__all__ = ["CheckOutput", "Finding", "annotations", "as_json", "placed"]

_PLACE = re.compile(r"(?P<file>.+?):(?P<line>[0-9]+)(?:: (?P<field>.*))?", re.DOTALL)
_STDIN = "<stdin>"


class CheckOutput(StrEnum):
    """`text` is for people; `github` is text with workflow commands for what was found."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


@dataclass(frozen=True, slots=True)
class Finding:
    """`severity`: `error` or `warning`. `file`, `line` (≥ 1), `field`: None where there is none."""

    severity: str
    file: str | None
    line: int | None
    field: str | None
    what: str
    fix: str


def placed(findings: "Findings") -> list[Finding]:
    """Errors, then warnings, each with its place taken apart."""
    names = sorted((file.name for file in findings.files), key=len, reverse=True)
    return [
        *(_finding("error", fault, names) for fault in findings.faults),
        *(_finding("warning", warning, names) for warning in findings.warnings),
    ]


def as_json(findings: "Findings", *, is_valid: bool) -> str:
    """One object on a line: `valid`, `findings` and `files` with how many objects were checked and skipped."""
    document = {"valid": is_valid, "findings": placed(findings), "files": findings.files}
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE).decode()


def annotations(findings: "Findings") -> str:
    """A workflow command a line (GitHub: "Workflow commands for GitHub Actions", setting an error message)."""
    return "".join(_annotation(finding) for finding in placed(findings))


def _finding(severity: str, fault: "ConfigFault", names: Iterable[str]) -> Finding:
    """`fault.path` reads `file:line: field`; what follows a known file's name is never taken for a part of it."""
    for name in names:
        if fault.path == name:
            return Finding(severity, name, None, None, fault.what, fault.fix)
        if fault.path.startswith(f"{name}: "):
            field = fault.path.removeprefix(f"{name}: ")
            return Finding(severity, name, None, field, fault.what, fault.fix)
    place = _PLACE.fullmatch(fault.path)
    if place is None:  # a variable, or a file that could not be read
        return Finding(severity, None, None, fault.path, fault.what, fault.fix)
    line = int(place["line"])
    return Finding(severity, place["file"], line, place["field"], fault.what, fault.fix)


def _annotation(finding: Finding) -> str:
    properties = {
        "file": finding.file if finding.file != _STDIN else None,
        "line": finding.line and str(finding.line),
        "title": finding.field,
    }
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    command = f"{finding.severity} {given}" if given else finding.severity
    return f"::{command}::{_data(f'{finding.what}; {finding.fix}')}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

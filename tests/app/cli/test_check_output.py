import json

import pytest

from app.cli.check_output import annotations, as_json, placed
from app.config.check import CheckedFile, Findings
from app.foundation.errors import ConfigFault

FILES = (CheckedFile("a.yaml", 1, 2), CheckedFile("odd:3: x.yaml", 1, 0), CheckedFile("<stdin>", 0, 4))


def found(*paths: str) -> Findings:
    return Findings(tuple(ConfigFault(path, "is 5", "write 5s") for path in paths), (), FILES)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("a.yaml:7: routes[0].timeout", ("a.yaml", 7, "routes[0].timeout")),
        ("a.yaml:7", ("a.yaml", 7, None)),
        ("a.yaml", ("a.yaml", None, None)),
        ("a.yaml: ResiliencePolicy p: spec.retry", ("a.yaml", None, "ResiliencePolicy p: spec.retry")),
        ("odd:3: x.yaml: routes", ("odd:3: x.yaml", None, "routes")),
        ("<stdin>:2: spec", ("<stdin>", 2, "spec")),
        ("keys.yaml:4: keys[0].hash", ("keys.yaml", 4, "keys[0].hash")),
        ("API_KEY", (None, None, "API_KEY")),
        ("/nowhere/x.yaml", (None, None, "/nowhere/x.yaml")),
    ],
)
def test_the_place_of_a_finding_is_taken_apart(path, place):
    (finding,) = placed(found(path))
    assert (finding.file, finding.line, finding.field) == place
    assert (finding.severity, finding.what, finding.fix) == ("error", "is 5", "write 5s")


def test_json_is_one_object_with_errors_first():
    findings = Findings(
        (ConfigFault("a.yaml:7: x", "is 5", "write 5s"),),
        (ConfigFault("a.yaml", "is empty", "fill it"),),
        FILES[:1],
    )
    text = as_json(findings, is_valid=False)
    assert text.count("\n") == 1
    assert json.loads(text) == {
        "valid": False,
        "findings": [
            {
                "severity": "error",
                "file": "a.yaml",
                "line": 7,
                "field": "x",
                "what": "is 5",
                "fix": "write 5s",
            },
            {
                "severity": "warning",
                "file": "a.yaml",
                "line": None,
                "field": None,
                "what": "is empty",
                "fix": "fill it",
            },
        ],
        "files": [{"name": "a.yaml", "checked": 1, "skipped": 2}],
    }


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("a.yaml:7: routes[0].x", "::error file=a.yaml,line=7,title=routes[0].x::is 5; write 5s"),
        ("a.yaml", "::error file=a.yaml::is 5; write 5s"),
        ("<stdin>:2: spec", "::error line=2,title=spec::is 5; write 5s"),
        ("API_KEY", "::error title=API_KEY::is 5; write 5s"),
        ("odd:3: x.yaml: a,b", "::error file=odd%3A3%3A x.yaml,title=a%2Cb::is 5; write 5s"),
    ],
)
def test_an_annotation_names_file_and_line(path, command):
    assert annotations(found(path)) == command + "\n"


def test_a_warning_is_one_and_no_text_ends_its_command():
    warning = ConfigFault("a.yaml:1: x", "is 100%\r\n::error::y", "z")
    assert annotations(Findings((), (warning,), FILES)) == (
        "::warning file=a.yaml,line=1,title=x::is 100%25%0D%0A::error::y; z\n"
    )


def test_nothing_found_is_nothing_annotated():
    assert annotations(Findings((), (), FILES)) == ""

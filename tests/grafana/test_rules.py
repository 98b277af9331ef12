"""Recording rules and alerts: tested by promtool both ways, about metrics that exist, each with a runbook."""

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from tests.grafana.metric_names import RECORDED, exported, metrics_in
from tools.boards.build import FOLDER, files

RULES = FOLDER / "rules"
FILES = sorted(RULES.glob("*.yaml"))
TESTS = sorted((RULES / "tests").glob("*.yaml"))
ALL = [
    rule for path in FILES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]
]
ALERTS = [rule for rule in ALL if "alert" in rule]
RECORDS = {rule["record"]: rule["expr"] for rule in ALL if "record" in rule}
HEADINGS = re.findall(r"^## (\w+)$", (FOLDER / "runbooks.md").read_text(), re.MULTILINE)
CASES = [case for path in TESTS for case in yaml.safe_load(path.read_text())["tests"]]

needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool: apt-get install prometheus"
)
alert = pytest.mark.parametrize(
    "alert", ALERTS, ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}"
)


def promtool(*arguments: Any) -> str:
    asked = subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr
    return asked.stdout


@needs_promtool
def test_prometheus_takes_the_rules_without_a_complaint():
    promtool("check", "rules", "--lint=all", "--lint-fatal", *FILES)


@needs_promtool
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_only_then(path):
    promtool("test", "rules", path)


@needs_promtool
def test_prometheus_takes_the_configuration_of_compose():
    promtool("check", "config", "--syntax-only", FOLDER / "prometheus.yaml")


def fired(case: Any) -> set[tuple[str, str]]:
    """(alert, severity) that a case of the unit tests expects."""
    labels = [sample["labels"] for check in case["promql_expr_test"] for sample in check["exp_samples"]]
    return {tuple(re.findall(r'"([^"]*)"', label)) for label in labels}


@alert
def test_every_alert_is_tested_to_fire_and_to_stay_silent(alert):
    name = (alert["alert"], alert["labels"]["severity"])
    cases = [case for case in CASES if "promql_expr_test" in case]
    assert any(name in fired(case) for case in cases)
    metrics = metrics_in(expanded(alert["expr"]))
    assert any(name not in fired(case) and metrics <= metrics_in(str(case["input_series"])) for case in cases)


def expanded(expr: str) -> str:
    """With recorded series replaced by what they are made of."""
    return RECORDED.sub(lambda found: RECORDS[found[0]], expr)


@alert
def test_every_alert_says_what_is_wrong_how_bad_it_is_and_what_to_do(alert):
    notes = alert["annotations"]
    assert alert["labels"]["severity"] in ("critical", "warning", "none")
    assert re.search(r"\{\{ \$labels\.(\w+) \}\}", notes["summary"])
    assert notes["description"].endswith(".")
    page, _, heading = notes["runbook_url"].partition("#")
    assert page.endswith("/grafana/runbooks.md")
    assert heading == alert["alert"].lower()
    assert alert["alert"] in HEADINGS


def test_alerts_about_an_upstream_name_it():
    about = [rule for rule in ALERTS if "upstream" in rule["expr"]]
    assert about
    assert all("{{ $labels.upstream }}" in rule["annotations"]["summary"] for rule in about)


def test_every_runbook_belongs_to_an_alert():
    assert set(HEADINGS) == {rule["alert"] for rule in ALERTS}


def test_what_a_runbook_links_to_exists():
    text = (FOLDER / "runbooks.md").read_text()
    anchors = {heading.lower() for heading in HEADINGS}
    for link in re.findall(r"\]\(([^)]*)\)", text):
        place, _, anchor = link.partition("#")
        assert not anchor or anchor in anchors, link
        assert not place or (FOLDER / place).exists(), link


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.get("record") or rule["alert"])
def test_rules_are_about_metrics_that_the_code_has(rule):
    assert metrics_in(rule["expr"]) <= set(exported())
    assert set(RECORDED.findall(rule["expr"])) <= set(RECORDS)


@pytest.mark.parametrize("name", RECORDS)
def test_recorded_series_are_named_by_level_metric_and_operation_and_are_used(name):
    level, metric, operation = name.split(":")
    assert metric.startswith("tidegate_")
    assert "rate" in operation
    used = [rule["expr"] for rule in ALERTS] + list(files().values())
    assert any(name in text for text in used)
    assert f"sum by ({level.replace('_', ', ')}" in RECORDS[name]

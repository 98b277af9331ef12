"""What the inhibition rules hold back: by their own text, and in a real Alertmanager."""

import asyncio
import re
import shutil
import subprocess
from datetime import UTC, datetime

import httpx
import pytest
import yaml

from tests.fakes.process import Child, free_port
from tests.grafana.test_rules import ALERTS, expanded
from tools.boards.build import FOLDER

FILE = FOLDER / "alertmanager.yaml"
CONFIG = yaml.safe_load(FILE.read_text())
RULES = CONFIG["inhibit_rules"]
INSTANT_LABELS = {"namespace", "job", "instance"}
"""Labels of every scraped series, which a rule without aggregation keeps."""

needs_alertmanager = pytest.mark.skipif(
    not shutil.which("prometheus-alertmanager"), reason="apt-get install prometheus-alertmanager"
)


def named(matchers: list[str]) -> list[str]:
    """The alerts that a side of a rule is about."""
    (found,) = [re.findall(r'^alertname =~? "([^"]*)"$', one) for one in matchers if "alertname" in one]
    return str(found[0]).split("|")


def labels_of(alert: str) -> set[str]:
    """The labels that every variant of an alert carries."""
    exprs = [expanded(rule["expr"]) for rule in ALERTS if rule["alert"] == alert]
    summed = [re.findall(r"sum by \(([^)]*)\)", expr) for expr in exprs]
    kept = [set(found[0].split(", ")) if found else INSTANT_LABELS for found in summed]
    return set.intersection(*kept)


def test_alertmanager_takes_it():
    if not shutil.which("amtool"):
        pytest.skip("amtool: apt-get install prometheus-alertmanager")
    asked = subprocess.run(
        ["amtool", "check-config", FILE], capture_output=True, text=True, check=False, timeout=30
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["source_matchers"][0])
def test_it_is_about_alerts_that_exist_and_labels_that_both_sides_have(rule):
    for side in ("source_matchers", "target_matchers"):
        for alert in named(rule[side]):
            assert set(rule["equal"]) <= labels_of(alert), (alert, rule["equal"])


def test_an_alert_that_only_holds_back_others_reaches_nobody():
    silent = {rule["alert"] for rule in ALERTS if rule["labels"]["severity"] == "none"}
    assert silent == {"TidegateBreakerExplainsErrors"}
    assert CONFIG["route"]["routes"] == [{"receiver": "nobody", "matchers": ['severity = "none"']}]
    assert {"name": "nobody"} in CONFIG["receivers"]


def posted(alert: str, severity: str, **labels: str) -> dict[str, object]:
    own = {"alertname": alert, "severity": severity, "namespace": "shop", "job": "gateway", **labels}
    return {"labels": own, "startsAt": datetime.now(UTC).isoformat()}


@needs_alertmanager
@pytest.mark.timeout(60)
async def test_one_dead_upstream_is_one_page(tmp_path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    child = Child(
        [
            "prometheus-alertmanager",
            f"--config.file={FILE}",
            f"--storage.path={tmp_path}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]
    )
    alerts = [
        posted("TidegateBreakerOpen", "critical", upstream="orders"),
        posted("TidegateBreakerFlapping", "warning", upstream="orders", instance="gw-1"),
        posted("TidegateBreakerFlapping", "warning", upstream="users", instance="gw-1"),
        posted("TidegateBreakerExplainsErrors", "none", route="orders"),
        posted("TidegateErrorBudgetBurn", "critical", route="orders"),
        posted("TidegateErrorBudgetBurn", "warning", route="orders"),
        posted("TidegateErrorBudgetBurn", "critical", route="users"),
        posted("TidegateRefusalsHigh", "warning", reason="breaker_open"),
        posted("TidegateRefusalsHigh", "warning", reason="key_unknown"),
    ]
    async with child, httpx.AsyncClient(base_url=url, trust_env=False, timeout=10) as client:
        await child.wait_port(port)
        assert (await client.post("/api/v2/alerts", json=alerts)).is_success
        heard: list[tuple[str, ...]] = []

        async def settled() -> bool:
            found = (await client.get("/api/v2/alerts")).json()
            heard[:] = sorted(
                tuple(one["labels"].get(label, "") for label in ("alertname", "upstream", "route", "reason"))
                for one in found
                if one["status"]["state"] == "active" and one["receivers"] == [{"name": "on-call"}]
            )
            return len(found) == len(alerts) and all(one["status"]["state"] != "unprocessed" for one in found)

        async with asyncio.timeout(20):
            while not await settled():  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.05)
    assert heard == [
        ("TidegateBreakerFlapping", "users", "", ""),
        ("TidegateBreakerOpen", "orders", "", ""),
        ("TidegateErrorBudgetBurn", "", "users", ""),
        ("TidegateRefusalsHigh", "", "", "key_unknown"),
    ]

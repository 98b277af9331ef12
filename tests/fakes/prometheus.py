"""A real Prometheus server (Debian's package) on loopback, with short intervals and the rules of `grafana/`.

    async with Prometheus(tmp_path, {"gateway": ["127.0.0.1:9080"]}) as prometheus:
        await prometheus.query("up")

`hasten` makes copies of rule files whose alerts do not wait for minutes: `for` becomes a moment, or what a test
gives as `wait`. Windows stay: rates over hours are computed over what there is.
"""

import asyncio
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.fakes.exchange import within
from tests.fakes.process import ROOT, Child, free_port

__all__ = ["MISSING", "RULES", "SCRAPE_S", "Prometheus", "hasten", "shown"]

RULES = sorted((ROOT / "grafana" / "rules").glob("*.yaml"))
SCRAPE_S = 0.5
MISSING = None if shutil.which("prometheus") else "prometheus: apt-get install prometheus"
"""Why it cannot run here; None where it can."""

_VARIABLES = {
    "$__rate_interval": "10s",
    "$__interval": "1s",
    "$namespace": ".*",
    "$job": ".+",
    "$instance": ".+",
    "$route": ".*",
    "$upstream": ".*",
}


def shown(expr: str) -> str:
    """A dashboard's expression as Grafana sends it with everything chosen."""
    for name, value in _VARIABLES.items():
        expr = expr.replace(name, value)
    assert "$" not in expr, expr
    return expr


def hasten(text: str, wait: str = "1s") -> str:
    """A rule file whose alerts fire once they were true for `wait`; by default at two evaluations."""
    return re.sub(r"^(\s+for:) \w+$", rf"\1 {wait}", text, flags=re.MULTILINE)


class Prometheus:
    """`jobs`: job → addresses of its `/metrics`; it scrapes itself as job `prometheus`, as servers mostly do."""

    def __init__(self, folder: Path, jobs: Mapping[str, Sequence[str]], wait: str = "1s") -> None:
        self.port = free_port()
        self._folder = folder
        rules = folder / "rules"
        rules.mkdir(parents=True)
        for path in RULES:
            (rules / path.name).write_text(hasten(path.read_text(), wait))
        (folder / "prometheus.yaml").write_text(
            yaml.safe_dump(
                {
                    "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
                    "rule_files": [f"{rules}/*.yaml"],
                    "scrape_configs": [
                        {
                            "job_name": job,
                            "static_configs": [{"targets": list(targets)}],
                            "scrape_timeout": "500ms",
                        }
                        for job, targets in {**jobs, "prometheus": [f"127.0.0.1:{self.port}"]}.items()
                    ],
                }
            )
        )
        self._client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}", timeout=10, trust_env=False
        )
        self._child = Child(
            [
                "prometheus",
                f"--config.file={folder}/prometheus.yaml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--enable-feature=exemplar-storage",
                "--log.level=warn",
            ]
        )

    async def __aenter__(self) -> "Prometheus":
        self._child.start()
        await self._child.wait_port(self.port)
        async with within("Prometheus to be ready"):
            while not await self._is_ready():  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.05)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()
        await self._child.stop()
        await self._child.kill()

    async def _is_ready(self) -> bool:
        try:
            return (await self._client.get("/-/ready")).is_success
        except httpx.HTTPError:
            return False

    async def query(self, expr: str) -> list[Any]:
        """The instant vector now."""
        return await self._result("query", query=expr)

    async def query_range(self, expr: str, seconds: float) -> list[Any]:
        """The matrix of the last `seconds`, a point a second, without NaN."""
        now_s = await self._now_s()
        series = await self._result(
            "query_range", query=expr, start=str(now_s - seconds), end=str(now_s), step="1"
        )
        return [one for one in series if any(value != "NaN" for _, value in one["values"])]

    async def exemplars(self, expr: str) -> list[Any]:
        """Series with exemplars of the last minute."""
        now_s = await self._now_s()
        found: list[Any] = await self._data(
            "query_exemplars", query=expr, start=str(now_s - 60), end=str(now_s)
        )
        return found

    async def names(self) -> set[str]:
        """Every series' name of the last hour, without the server's own."""
        return set(
            await self._data("label/__name__/values", **{"match[]": '{job!="prometheus",instance=~".+"}'})
        )

    async def alerts(self) -> list[Any]:
        """Alerts that fire now, with labels and annotations."""
        found = await self._data("alerts")
        return [alert for alert in found["alerts"] if alert["state"] == "firing"]

    async def faulty_rules(self) -> list[Any]:
        """Rules whose last evaluation failed."""
        groups = (await self._data("rules"))["groups"]
        return [rule for group in groups for rule in group["rules"] if rule["health"] == "err"]

    async def _now_s(self) -> float:
        (value,) = (await self._data("query", query="time()"))["result"][1:]
        return float(value)

    async def _result(self, path: str, **parameters: str) -> list[Any]:
        found: list[Any] = (await self._data(path, **parameters))["result"]
        return found

    async def _data(self, path: str, **parameters: str) -> Any:
        answer = await self._client.get(f"/api/v1/{path}", params=parameters)
        body = answer.json()
        assert body["status"] == "success", (parameters, body)
        return body["data"]

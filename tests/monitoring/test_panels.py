"""Every query of every panel and mark has data in a real Prometheus that scraped the system under load."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fakes.prometheus import MISSING, shown
from tests.grafana.metric_names import documented, metrics_in
from tests.monitoring.stage import CONFIG, Load, Stage, cache_calls, calls, running_stage
from tools.boards.build import FOLDER

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(MISSING is not None, reason=str(MISSING)),
]

WINDOW_S = 60
DEADLINE_S = 45.0
NEEDS_MEMORY_LIMIT = {("saturation", "Memory of its limit")}


def queries() -> list[tuple[str, str, str]]:
    """(dashboard, panel or mark, expression)."""
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        page = json.loads(path.read_text())
        for panel in [panel for one in page["panels"] for panel in (one, *(one.get("panels") or ()))]:
            found += [(path.stem, panel["title"], target["expr"]) for target in panel.get("targets") or ()]
        found += [(path.stem, mark["name"], mark["expr"]) for mark in page["annotations"].get("list", [])]
    return found


def operator_work(stage: Stage) -> Load:
    async def one(_: object) -> None:
        stage.operator.advance()

    return one


async def drive(stage: Stage) -> None:
    """Traffic of every kind, two reloads and a rejected file."""
    nobody = "https://127.0.0.1:9"
    tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": nobody}  # only exemplars are wanted
    store = {"REDIS_URL": f"redis://127.0.0.1:{stage.valkey.port}/0"}
    plain = await stage.start_plain(**tracing, **store)
    strict = await stage.start_strict(90, MAX_IN_FLIGHT="2", WORKERS="2", CONTROL_PLANE_URL=nobody, **store)
    stage.load(operator_work(stage), 0.2)
    stage.load(cache_calls(stage.cache_port), 0.02)
    stage.load(calls(plain.url, "/orders/ok", "/orders/slow?ms=50", "/limited/ok", "/nowhere"), 0.02)
    stage.load(calls(plain.url, "/failing/status/503", "/shaky/status/503"), 0.05)
    stage.load(calls(plain.url, "/flapping/status/500", "/flapping/status/500", "/flapping/ok"), 0.06, 2)
    stage.load(calls(plain.url, "/orders/ok", key="unknown"), 0.2)
    stage.load(calls(strict.url, "/orders/slow?ms=200"), 0.01, 4)
    await asyncio.sleep(4)
    for text in (CONFIG.replace("100000", "100001"), "routes: [", CONFIG):
        plain.file.write_text(text.format(port=stage.upstream_port, open="1s"))
        await asyncio.sleep(3)


@dataclass
class Seen:
    """`unanswered`: queries without data; `names`: of all series but Prometheus's own; `faulty`: rules without
    a result; `foreign`: queries that returned a series of Prometheus itself, which is scraped, too."""

    unanswered: set[tuple[str, str, str]]
    names: set[str]
    exemplars: list[Any]
    faulty: list[Any]
    limits_memory: bool
    foreign: list[tuple[str, str]]


async def watch(folder: Any) -> Seen:
    async with running_stage(folder) as stage:
        await drive(stage)
        prometheus, waiting = stage.prometheus, set(queries())
        foreign: list[tuple[str, str]] = []
        loop = asyncio.get_running_loop()
        end_s = loop.time() + DEADLINE_S
        while waiting and loop.time() < end_s:
            for one in sorted(waiting):
                if found := await prometheus.query_range(shown(one[2]), WINDOW_S):
                    waiting.discard(one)
                    if any(series["metric"].get("job") == "prometheus" for series in found):
                        foreign.append(one[:2])
            await asyncio.sleep(1)
        return Seen(
            waiting,
            await prometheus.names(),
            await prometheus.exemplars("tidegate_request_duration_seconds_bucket"),
            await prometheus.faulty_rules(),
            stage.memory_group is not None,
            foreign,
        )


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return asyncio.run(watch(tmp_path_factory.mktemp("stage")))


@pytest.mark.parametrize(("page", "title", "expr"), queries())
def test_every_query_of_every_panel_has_data(seen, page, title, expr):
    if (page, title) in NEEDS_MEMORY_LIMIT and not seen.limits_memory:
        pytest.skip("this user may make no control group with a memory limit")
    assert (page, title, expr) not in seen.unanswered, shown(expr)


@pytest.mark.parametrize("name", documented())
def test_every_metric_of_the_documentation_was_scraped(seen, name):
    if name == "tidegate_memory_limit_bytes" and not seen.limits_memory:
        pytest.skip("this user may make no control group with a memory limit")
    assert seen.names & {name, f"{name}_bucket"}


def test_nothing_was_scraped_that_is_not_documented(seen):
    own = {name for name in seen.names if name.startswith(("tidegate_", "process_"))}
    assert metrics_in(" ".join(own)) <= set(documented())


def test_slow_requests_lead_to_their_traces(seen):
    assert seen.exemplars
    found = [one for series in seen.exemplars for one in series["exemplars"]]
    assert all(len(one["labels"]["trace_id"]) == 32 for one in found)


def test_every_rule_can_be_evaluated(seen):
    assert seen.faulty == []


def test_no_panel_counts_a_process_that_is_not_of_this_project(seen):
    assert seen.foreign == []

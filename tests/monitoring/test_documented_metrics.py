"""`docs/observability.md` and what a scrape tells: the same metrics, with the same labels."""

import re

import httpx
from prometheus_client.parser import text_string_to_metric_families

from app.gateway.breaker_cells import breaker_numbers
from app.policy.model import CircuitBreaker, FailureRate, SlowCalls
from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway
from tests.fakes.process import ROOT, Child, free_port
from tests.fakes.upstream import RecorderUpstream
from tests.grafana.metric_names import documented, exported
from tests.monitoring.operator_page import OperatorPage

PAGE = ROOT / "docs" / "observability.md"
EVERY_SETTING = CircuitBreaker(3, FailureRate(50), SlowCalls(80, 2.0))


def told(text: str) -> dict[str, set[str]]:
    """Metric → its labels, of one scrape in the text format."""
    found = {}
    for family in text_string_to_metric_families(text):
        name = family.name + "_total" * (family.type == "counter")
        found[name] = {label for sample in family.samples for label in sample.labels} - {"le"}
    return found


async def scrape(port: int) -> dict[str, set[str]]:
    async with httpx.AsyncClient(trust_env=False) as client:
        return told((await client.get(f"http://127.0.0.1:{port}/metrics")).text)


def check(scraped: dict[str, set[str]], *expected: str) -> None:
    assert set(expected) <= set(scraped)
    assert set(scraped) <= set(documented())
    for name, labels in scraped.items():
        assert labels <= set(documented()[name]), name


def test_the_page_names_every_metric_of_the_code_and_no_other():
    assert {name: set(labels) for name, labels in documented().items()} == {
        name: set(labels) for name, labels in exported().items()
    }


async def test_what_a_gateway_tells_is_documented():
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, ADMIN_PORT=str(free_port())) as gateway,
    ):
        async with RawClient(gateway.port) as client:
            await client.request("GET", "/")
        check(
            await scrape(gateway.admin_port),
            "tidegate_requests_total",
            "tidegate_loop_lag_seconds",
            "tidegate_breaker_setting",
            "process_resident_memory_bytes",
            "process_cpu_seconds_total",
            "process_open_fds",
        )


async def test_what_the_cache_service_tells_is_documented():
    port = free_port()
    async with Child.module("cache", env={"PORT": str(port), "HOST": "127.0.0.1"}) as child:
        await child.wait_port(port)
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.put(f"http://127.0.0.1:{port}/cache/a?ttl=60", content=b"x")
        check(
            await scrape(port),
            "tidegate_cache_requests_total",
            "tidegate_cache_bytes",
            "tidegate_cache_entries",
            "tidegate_cache_evictions_total",
            "tidegate_cache_store_up",
            "tidegate_cache_backlog_bytes",
            "process_resident_memory_bytes",
        )


async def test_what_the_operator_tells_is_documented():
    port = free_port()
    with OperatorPage(port) as page:
        page.advance()
        check(await scrape(port), "tidegate_operator_policy_lag_seconds", "tidegate_operator_nacks_total")


def test_every_breaker_setting_is_named_on_the_page():
    names = {name for name, _ in breaker_numbers(EVERY_SETTING)}
    assert len(names) == 6
    assert names <= set(re.findall(r"`(\w+)`", PAGE.read_text()))

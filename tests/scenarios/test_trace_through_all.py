"""One trace from the caller through gateway and cache service to Redis, and the way to it from a metric."""

import re

import httpx

from tests.fakes.collector import Collector, attributes
from tests.fakes.gateway import running_gateway
from tests.fakes.process import Child, free_ports
from tests.fakes.valkey import Valkey, eventually

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


async def is_in_redis(client: httpx.AsyncClient, port: int) -> bool:
    """Whether another value gets there in time, as the first may not on a busy machine; in no sampled trace."""
    fields = {"traceparent": f"00-{'2' * 32}-{'1' * 16}-00"}
    answer = await client.put(f"http://127.0.0.1:{port}/cache/other", content=b"0", headers=fields)
    return answer.headers["cache-durability"] == "redis"


async def test_one_trace_leads_from_the_caller_to_redis_and_stands_in_the_metric(tmp_path, monkeypatch):
    collector = Collector()
    port, admin_port = free_ports(2)
    with Valkey(tmp_path) as valkey:
        async with collector.running() as url:
            tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "50"}
            for name, value in tracing.items():
                monkeypatch.setenv(name, value)
            env = {"PORT": str(port), "HOST": "127.0.0.1", "REDIS_URL": valkey.url, **tracing}
            async with Child.module("cache", env=env) as cache:
                await cache.wait_port(port)
                async with (
                    running_gateway(f"http://127.0.0.1:{port}", ADMIN_PORT=str(admin_port)) as gateway,
                    httpx.AsyncClient(trust_env=False) as client,
                ):
                    await eventually(lambda: is_in_redis(client, port))
                    fields = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
                    called = f"http://127.0.0.1:{gateway.port}/cache/a"
                    answer = await client.put(called, content=b"1", headers=fields)
                    assert answer.status_code == 201
                    assert answer.headers["cache-durability"] == "redis"
                    await eventually(lambda: len(collector.spans) >= 3)
                    metrics = f"http://127.0.0.1:{admin_port}/metrics"
                    page = (await client.get(metrics, headers={"accept": OPENMETRICS})).text
    services = {attributes(resource)["service.name"] for resource in collector.resources}
    assert services == {"tidegate", "tidegate-cache"}
    assert {span["traceId"] for span in collector.spans} == {TRACE}
    at_cache = next(span for span in collector.spans if span["name"] == "PUT /cache/{key}")
    at_redis = next(span for span in collector.spans if span["name"] == "redis put")
    (at_gateway,) = (span for span in collector.spans if span not in (at_cache, at_redis))
    parents = [at_gateway["parentSpanId"], at_cache["parentSpanId"], at_redis["parentSpanId"]]
    assert parents == [CALLER, at_gateway["spanId"], at_cache["spanId"]]
    assert attributes(at_cache)["tidegate.request_id"] == answer.headers["x-request-id"]
    exemplars = re.findall(r'tidegate_request_duration_seconds_bucket\{.*# \{trace_id="(\w+)"\}', page)
    assert exemplars == [TRACE]

import pytest

from app.foundation.errors import ConfigFaults
from tests.fakes.gateway_parts import ONE_ROUTE, GatewayParts

TWO = ONE_ROUTE.replace("upstreams: {", 'upstreams: {spare: {endpoints: ["http://127.0.0.1:8"]}, ')


async def reload(parts: GatewayParts, config: str) -> None:
    path = str(parts.file)
    prepared = parts.configuration.prepare({path: config.encode()}, None)
    for _ in parts.configuration.bind(prepared):
        pass
    parts.configuration.enter(prepared)
    parts.configuration.put_in_force(prepared, None, 0.0)


async def test_an_unchanged_upstream_goes_on_and_a_dropped_one_is_closed(tmp_path):
    parts = GatewayParts(tmp_path, TWO)
    kept, dropped = parts.bindings.upstreams["cache"], parts.bindings.upstreams["spare"]
    await reload(parts, ONE_ROUTE)
    assert parts.bindings.upstreams == {"cache": kept}
    assert {number for _, _, number in dropped.connections()} == {0}
    await parts.close()


async def test_a_changed_upstream_is_another_one_with_the_same_breaker(tmp_path):
    parts = GatewayParts(tmp_path)
    before, breaker = parts.bindings.upstreams["cache"], parts.breakers.known("cache")
    await reload(parts, ONE_ROUTE.replace(":9", ":10"))
    assert parts.bindings.upstreams["cache"] is not before
    assert parts.breakers.known("cache") is breaker
    await parts.close()


async def test_what_was_prepared_changes_nothing_that_is_in_force(tmp_path):
    parts = GatewayParts(tmp_path)
    policy = "policies: [{name: p, spec: {targetRefs: [{kind: Gateway}], circuitBreaker: {consecutiveFailures: 7}}}]"
    prepared = parts.configuration.prepare({str(parts.file): (ONE_ROUTE + policy).encode()}, None)
    for _ in parts.bindings.bind(prepared):
        pass
    breaker = parts.breakers.known("cache")
    assert breaker is not None
    assert breaker.settings.consecutive_failures == 3
    parts.bindings.put_in_force(prepared)
    assert breaker.settings.consecutive_failures == 7
    await parts.close()


async def test_a_ca_file_that_cannot_be_read_is_a_fault_with_its_place(tmp_path):
    tls = '{cache: {endpoints: ["https://127.0.0.1:9"], tls: {caFile: /nowhere.pem}}}'
    parts = GatewayParts(tmp_path)
    config = ONE_ROUTE.replace('{cache: {endpoints: ["http://127.0.0.1:9"]}}', tls)
    with pytest.raises(ConfigFaults, match=r"upstreams\.cache\.tls\.caFile"):
        parts.configuration.prepare({str(parts.file): config.encode()}, None)
    await parts.close()


async def test_connections_are_those_of_all_upstreams(tmp_path):
    parts = GatewayParts(tmp_path, TWO)
    assert {name for name, _, _ in parts.bindings.connections()} == {"cache", "spare"}
    parts.bindings.look_up_names()
    parts.bindings.close_stale(1e9)
    await parts.close()

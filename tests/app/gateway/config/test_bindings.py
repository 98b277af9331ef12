from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from app.config.model import Upstream, UpstreamName, UpstreamTls
from app.foundation.errors import ConfigFaults
from app.foundation.key_pair import KeyPair
from app.foundation.reasons import Reason
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


def pair_of(name: str) -> KeyPair:
    issued = trustme.CA().issue_cert(name)
    return KeyPair(issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes())


def mutual(folder: Path, pair: KeyPair) -> str:
    """A configuration with one upstream that sees `pair`."""
    (folder / "own.crt").write_bytes(pair.certificate)
    (folder / "own.key").write_bytes(pair.private_key)
    files = f"{{name: own, certFile: {folder / 'own.crt'}, keyFile: {folder / 'own.key'}}}"
    tls = '{cache: {endpoints: ["https://127.0.0.1:9"], tls: {clientCertificate: own}}}'
    return (
        ONE_ROUTE.replace('{cache: {endpoints: ["http://127.0.0.1:9"]}}', tls) + f"certificates: [{files}]\n"
    )


async def test_an_upstream_sees_the_certificate_of_the_file_as_soon_as_it_is_in_force(tmp_path):
    first, second = pair_of("one.example"), pair_of("two.example")
    parts = GatewayParts(tmp_path, mutual(tmp_path, first))
    connector = parts.bindings.upstreams["cache"].connector
    assert connector.shown == first
    await reload(parts, mutual(tmp_path, second))
    assert parts.bindings.upstreams["cache"].connector is connector
    assert connector.shown == second
    await parts.close()


async def test_an_upstream_sees_the_newest_certificate_that_was_delivered_and_is_good(tmp_path, caplog):
    parts = GatewayParts(tmp_path, mutual(tmp_path, pair_of("file.example")))
    bindings, connector = parts.bindings, parts.bindings.upstreams["cache"].connector
    bindings._pairs_of_files = {}  # as for an upstream of the cluster
    held, changed = {"own": pair_of("one.example")}, list[Callable[[], None]]()
    bindings.follow_certificates(held.get, changed.append)
    assert connector.shown == held["own"]
    held["own"] = pair_of("two.example")
    changed[0]()
    assert connector.shown == held["own"]
    held.clear()
    changed[0]()
    assert connector.shown is not None
    held["own"] = KeyPair(b"nothing", b"nothing")
    changed[0]()
    assert "certificate own cannot be shown" in caplog.text
    await parts.close()


async def test_a_ca_that_is_none_is_a_fault_with_its_place(tmp_path):
    text = "-----BEGIN CERTIFICATE-----\\nbm90aGluZw==\\n-----END CERTIFICATE-----"
    tls = f'{{cache: {{endpoints: ["https://127.0.0.1:9"], tls: {{ca: "{text}"}}}}}}'
    parts = GatewayParts(tmp_path)
    config = ONE_ROUTE.replace('{cache: {endpoints: ["http://127.0.0.1:9"]}}', tls)
    with pytest.raises(ConfigFaults, match=r"upstreams\.cache\.tls\.ca: cannot be used"):
        parts.configuration.prepare({str(parts.file): config.encode()}, None)
    await parts.close()


async def test_an_unusable_ca_of_the_cluster_costs_its_own_upstream_only(tmp_path, caplog):
    text = "-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----"
    parts = GatewayParts(tmp_path)
    table = parts.context.plans.table
    name = UpstreamName("service/shop/orders/443")
    bad = Upstream(name, (), UpstreamTls(ca=text), is_discovered=True, is_discovered_tls=True)
    made = parts.bindings.upstreams_of(replace(table, upstreams={**table.upstreams, name: bad}))
    assert made["cache"] is parts.bindings.upstreams["cache"]
    rejection = made[name].rejection
    assert rejection is not None
    assert rejection.reason is Reason.NO_BACKEND
    assert "tls.ca: cannot be used" in rejection.detail
    assert "tls.ca: cannot be used" in caplog.text
    await parts.close()

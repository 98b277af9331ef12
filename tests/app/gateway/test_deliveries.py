import asyncio
from unittest.mock import Mock

import pytest
import trustme

from app.config.sources.endpoints_file import read_endpoints
from app.config.sync.newest import Addresses, CertificatePem, Delta, Held
from app.config.sync.newest_codec import CERTIFICATES, ENDPOINTS, encode_delta
from app.config.table_items import kept_tables
from app.gateway import deliveries as module
from app.gateway.certificates import Certificates
from app.gateway.config.discovered import Discovered
from app.gateway.deliveries import Deliveries, needs_of
from tests.fakes.waiting import until, without_waiting

UPSTREAM = "service/shop/orders/80"
TABLES = {
    "listeners": [
        {"name": "shop/web/https", "certificates": ["secret/shop/cert"]},
        {"name": "shop/web/http"},
    ],
    "upstreams": [
        {"name": UPSTREAM, "discovered": True, "tls": {"clientCertificate": "secret/shop/client"}},
        {"name": "service/shop/gone/80", "missing": "no such Service"},
    ],
}
ROUTES_ONLY = {"upstreams": [{"name": UPSTREAM, "discovered": True}]}
ONE: Delta[Addresses] = Delta(Held("boot", 1), True, {UPSTREAM: (("10.0.0.1", 80),)})


class Delivered:
    """Deliveries whose operator is the test."""

    def __init__(self, copy_path: str | None = None) -> None:
        self.discovered, self.certificates = Discovered(), Certificates()
        self.deliveries = Deliveries(self.discovered, self.certificates, copy_path)

    async def endpoints(self, delta: Delta[Addresses]) -> None:
        async def call(*_: object) -> bytes:
            return encode_delta(ENDPOINTS, delta)

        self.deliveries.endpoints.wanted.set()
        await self.deliveries.endpoints.poll(call)

    async def pems(self, delta: Delta[CertificatePem]) -> None:
        async def call(*_: object) -> bytes:
            return encode_delta(CERTIFICATES, delta)

        self.deliveries.certificates.wanted.set()
        await self.deliveries.certificates.poll(call)


def pem() -> CertificatePem:
    issued = trustme.CA().issue_cert("a.example")
    chain = b"".join(part.bytes() for part in issued.cert_chain_pems)
    return CertificatePem(chain.decode(), issued.private_key_pem.bytes().decode())


@pytest.mark.parametrize(
    ("tables", "endpoints", "certificates"),
    [
        ({}, set(), set()),
        (TABLES, {UPSTREAM}, {"secret/shop/cert", "secret/shop/client"}),
        (kept_tables(TABLES), {UPSTREAM}, {"secret/shop/cert", "secret/shop/client"}),
        ({"upstreams": 5, "listeners": [7]}, set(), set()),
    ],
)
def test_what_tables_need_is_read_from_what_they_name(tables, endpoints, certificates):
    needs = needs_of(tables)
    assert (needs.endpoints, needs.certificates) == (endpoints, certificates)


async def test_without_tables_nothing_is_asked_for():
    deliveries = Delivered().deliveries
    deliveries.want({})
    assert not deliveries.endpoints.wanted.is_set()
    deliveries.want(ROUTES_ONLY)
    assert (deliveries.endpoints.wanted.is_set(), deliveries.certificates.wanted.is_set()) == (True, False)


async def test_what_is_needed_is_read_again_only_when_listeners_or_upstreams_are_others(monkeypatch):
    read = Mock(wraps=needs_of)
    monkeypatch.setattr(module, "needs_of", read)
    deliveries = Delivered().deliveries
    deliveries.want({**TABLES, "routes": ["one"]})
    deliveries.want({**TABLES, "routes": ["another"]})
    assert read.call_count == 1
    assert deliveries.waiting() == "waiting for endpoints"
    deliveries.want({"listeners": TABLES["listeners"], "upstreams": []})
    assert deliveries.waiting() == "waiting for certificates"
    deliveries.want({})
    assert deliveries.waiting() is None


async def test_a_snapshot_waits_for_the_endpoints_of_its_new_routes():
    at = Delivered()
    at.deliveries.want(ROUTES_ONLY)
    assert at.deliveries.waiting() == "waiting for endpoints"
    waiting = asyncio.ensure_future(at.deliveries.complete())
    await asyncio.sleep(0)
    assert not waiting.done()
    await at.endpoints(ONE)
    await waiting
    assert at.deliveries.waiting() is None


async def test_it_does_not_wait_for_ever_nor_a_second_time(monkeypatch):
    monkeypatch.setattr(module, "WAIT_S", 0.001)
    deliveries = Delivered().deliveries
    deliveries.want(ROUTES_ONLY)
    await deliveries.complete()
    monkeypatch.setattr(module, "WAIT_S", 3600.0)
    await deliveries.complete()
    assert deliveries.waiting() == "waiting for endpoints"


async def test_certificates_are_used_acknowledged_and_waited_for():
    at, heard = Delivered(), []
    at.deliveries.subscribe(lambda: heard.append(at.deliveries.certificates_held))
    at.deliveries.want({"listeners": TABLES["listeners"]})
    assert (at.deliveries.waiting(), at.deliveries.certificates_held) == ("waiting for certificates", None)
    made = pem()
    await at.pems(Delta(Held("boot", 1), True, {"secret/shop/cert": made}))
    assert (at.deliveries.waiting(), at.deliveries.certificates_held) == (None, Held("boot", 1))
    held = at.certificates.pair("secret/shop/cert")
    assert held is not None
    assert held.certificate.decode() == made.certificate
    assert heard == [Held("boot", 1)]
    await at.pems(Delta(Held("boot", 2), False, {}, ("secret/shop/cert",)))
    assert at.deliveries.waiting() == "waiting for certificates"


async def test_a_certificate_that_cannot_be_used_is_not_waited_for(caplog):
    at = Delivered()
    at.deliveries.want({"listeners": TABLES["listeners"]})
    await at.pems(Delta(Held("boot", 1), True, {"secret/shop/cert": CertificatePem("no PEM", "no PEM")}))
    assert (at.deliveries.waiting(), at.certificates.pair("secret/shop/cert")) == (None, None)
    assert "certificate secret/shop/cert cannot be used" in caplog.text


async def test_only_what_changed_is_handed_on():
    at = Delivered()
    spread: list[Delta[Addresses]] = []
    at.deliveries.spread_to(spread.append)
    await at.endpoints(ONE)
    await at.endpoints(Delta(Held("boot", 2), False, dict(ONE.values)))
    assert spread == [Delta(Held("boot", 1), False, dict(ONE.values))]


async def test_a_copy_of_endpoints_is_kept(tmp_path):
    path = str(tmp_path / "endpoints.gz")
    at = Delivered(path)
    running = asyncio.ensure_future(at.deliveries.run())
    await at.endpoints(ONE)
    await until(lambda: read_endpoints(path) == ONE, "the copy")
    assert not running.done()
    running.cancel()


async def test_without_a_place_for_it_no_copy_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    at = Delivered()
    await at.endpoints(ONE)
    without_waiting(at.deliveries.run())
    assert at.discovered.whole == ONE
    assert list(tmp_path.iterdir()) == []

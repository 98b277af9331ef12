"""Ports of listeners: opened, renewed and closed while traffic flows, each with its own certificates and routes."""

import asyncio
import contextlib
import logging
import socket
import ssl
import time
from pathlib import Path

import pytest

from app.foundation.key_pair import KeyPair
from tests.fakes.certificates import Authority
from tests.fakes.client import RawClient
from tests.fakes.gateway import begin_drain, running_gateway
from tests.fakes.http2_client import Http2Client
from tests.fakes.process import free_port, free_ports
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until


@pytest.fixture(scope="module")
def authority():
    return Authority()


def config(upstream, listeners, *, certificates="", routes=""):
    lines = "".join(f"  - {each}\n" for each in listeners) or "  []"
    return f"""\
upstreams: {{one: {{endpoints: ["{upstream.url}"]}}}}
listeners:
{lines}
{certificates}
routes:
  - {{name: own, match: {{path: {{prefix: /own}}}}, upstream: one, auth: none}}
{routes}"""


def route(listener, prefix="/"):
    match = f"match: {{path: {{prefix: {prefix}}}}}"
    return f"  - {{name: to-{listener}, {match}, listeners: [{listener}], upstream: one, auth: none}}\n"


class Files:
    """A certificate in two files, and the configuration's lines for it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.cert_file, self.key_file = folder / f"{name}.crt", folder / f"{name}.key"

    def hold(self, pair: KeyPair) -> None:
        self.cert_file.write_bytes(pair.certificate)
        self.key_file.write_bytes(pair.private_key)

    @property
    def line(self) -> str:
        return f"  - {{name: {self.name}, certFile: {self.cert_file}, keyFile: {self.key_file}}}\n"


@contextlib.asynccontextmanager
async def serving(folder, text_of, **variables):
    async with RecorderUpstream() as upstream:
        text = text_of(upstream)
        async with running_gateway(upstream.url, config=text, folder=folder, **variables) as gateway:
            yield upstream, gateway


async def put_in_force(gateway, folder, text):
    sequence = gateway.context.plans.table.sequence
    (folder / "gateway.yaml").write_text(text)
    await until(lambda: gateway.configuration.prepared.plans.table.sequence > sequence, "the edit in force")


async def status_of(port, path="/", **of):
    async with RawClient(port, **of) as client:
        return (await client.request("GET", path)).status


async def seen_certificate(port, client, name):
    async with RawClient(port, tls=client, server_name=name) as connected:
        assert (await connected.request("GET", "/", [("Host", name)])).status == 200
        return connected.writer.get_extra_info("ssl_object").getpeercert()["serialNumber"]


async def test_ports_open_and_close_as_the_file_says(tmp_path):
    first, second = free_ports(2)
    one, other = f"{{name: first, port: {first}}}", f"{{name: second, port: {second}}}"
    async with serving(tmp_path, lambda u: config(u, [one], routes=route("first"))) as (upstream, gateway):
        assert gateway.listeners.ports.bound == (first,)
        assert await status_of(first) == 200
        await put_in_force(gateway, tmp_path, config(upstream, [one, other], routes=route("second")))
        assert gateway.listeners.ports.bound == tuple(sorted((first, second)))
        assert await status_of(second) == 200
        await put_in_force(gateway, tmp_path, config(upstream, [other], routes=route("second")))
        assert gateway.listeners.ports.bound == (second,)
        with pytest.raises(ConnectionRefusedError):
            await status_of(first)
        assert await status_of(second) == 200


async def test_a_connection_of_a_port_that_closes_is_ended_by_its_next_response(tmp_path):
    port = free_port()
    text = config_of(f"{{name: web, port: {port}}}", route("web"))
    async with (
        serving(tmp_path, text) as (upstream, gateway),
        RawClient(port) as client,
        Http2Client(port) as h2,
    ):
        assert (await client.request("GET", "/")).get("connection") == ""
        assert (await h2.request("GET", "/")).status == 200
        await put_in_force(gateway, tmp_path, config(upstream, []))
        assert (await client.request("GET", "/")).get("connection") == "close"
        await client.expect_closed()
        await h2.expect_closed()
        await until(lambda: not gateway.context.open_clients, "the end of all connections")


def config_of(listener, routes="", certificates=""):
    return lambda upstream: config(upstream, [listener], routes=routes, certificates=certificates)


async def test_a_request_under_way_when_its_port_closes_ends_as_it_began(tmp_path):
    port = free_port()
    async with (
        serving(tmp_path, config_of(f"{{name: web, port: {port}}}", route("web"))) as (upstream, gateway),
        RawClient(port) as client,
    ):
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        await upstream.wait_for(1)
        await put_in_force(gateway, tmp_path, config(upstream, []))
        assert gateway.listeners.ports.bound == ()
        await client.send(b"cd")
        response = await client.read_response()
        assert (response.status, response.get("connection")) == (200, "close")


async def test_a_taken_port_is_told_and_opened_once_it_is_free(tmp_path, caplog):
    good = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        lines = [f"{{name: taken, port: {port}}}", f"{{name: good, port: {good}}}"]
        routes = route("taken") + route("good")
        with caplog.at_level(logging.ERROR, "tidegate"):
            async with serving(tmp_path, lambda u: config(u, lines, routes=routes)) as (_, gateway):
                ports = gateway.listeners.ports
                assert ports.bound == (good,)
                assert "the port of listener taken" in ports.faults[port]
                assert await status_of(good) == 200
                is_ready, checks = gateway.readiness.check()
                assert is_ready
                assert checks["listeners"] == f"1 of 2 ports open; {port}: {ports.faults[port]}"
                taken.close()
                ports.retry(0.0)
                await until(lambda: not ports.faults, "the port")
                assert await status_of(port) == 200
                assert gateway.readiness.check()[1]["listeners"] == "2 of 2 ports open"
    assert len(caplog.records) == 1


async def test_the_gateways_own_pages_are_on_its_own_port_only(tmp_path):
    port = free_port()
    async with serving(tmp_path, config_of(f"{{name: web, port: {port}}}", route("web"))) as (
        upstream,
        gateway,
    ):
        assert await status_of(gateway.port, "/metrics") == 200
        before = len(upstream.requests)
        assert await status_of(port, "/metrics") == 200  # the upstream's own
        async with Http2Client(port) as client:
            assert (await client.request("GET", "/monitor")).status == 200
        assert [each.target for each in upstream.requests[before:]] == ["/metrics", "/monitor"]


async def test_each_listener_of_a_port_shows_its_certificate(tmp_path, authority):
    port, shop, rest = free_port(), Files(tmp_path, "shop"), Files(tmp_path, "rest")
    shop.hold(authority.pair("shop.example"))
    rest.hold(authority.pair("other.example", "*.any.example"))
    lines = [
        f"{{name: shop, port: {port}, protocol: https, hosts: [shop.example], certificates: [shop]}}",
        f"{{name: rest, port: {port}, protocol: https, hosts: ['*.any.example'], certificates: [rest]}}",
    ]
    certificates = "certificates:\n" + shop.line + rest.line
    routes = route("shop") + route("rest")

    def text(upstream):
        return config(upstream, lines, certificates=certificates, routes=routes)

    async with serving(tmp_path, text) as (upstream, gateway):
        client = authority.client()
        serials = {await seen_certificate(port, client, name) for name in ("shop.example", "b.any.example")}
        assert len(serials) == 2
        with pytest.raises((ConnectionError, ssl.SSLEOFError)):
            await seen_certificate(port, client, "nobody.example")
        async with Http2Client(port, tls=authority.client(alpn="h2"), server_name="shop.example") as h2:
            assert (await h2.request("GET", "/", [("Host", "shop.example")])).status == 200
        assert upstream.requests[-1].get("X-Forwarded-Proto") == "https"
        shop.hold(authority.pair("shop.example"))
        await until(lambda: gateway.context.plans.table.sequence > 1, "the renewed file")
        assert await seen_certificate(port, client, "shop.example") not in serials


async def test_a_request_for_a_host_of_another_listener_is_misdirected(tmp_path, authority):
    port, both = free_port(), Files(tmp_path, "both")
    both.hold(authority.pair("a.example", "b.example", "c.example"))
    lines = [
        f"{{name: a, port: {port}, protocol: https, hosts: [a.example], certificates: [both]}}",
        f"{{name: rest, port: {port}, protocol: https, certificates: [both]}}",
    ]
    certificates, routes = "certificates:\n" + both.line, route("a") + route("rest")

    def text(upstream):
        return config(upstream, lines, certificates=certificates, routes=routes)

    async with (
        serving(tmp_path, text),
        Http2Client(port, tls=authority.client(alpn="h2"), server_name="a.example") as h2,
        RawClient(port, tls=authority.client(), server_name="c.example") as client,
    ):
        assert (await h2.request("GET", "/", [("Host", "a.example")])).status == 200
        rejected = await h2.request("GET", "/", [("Host", "b.example")])
        assert (rejected.status, rejected.get("tidegate-reason")) == (421, "misdirected_request")
        assert (await client.request("GET", "/", [("Host", "b.example")])).status == 200
        assert (await client.request("GET", "/", [("Host", "a.example")])).status == 421


async def test_renewed_files_that_do_not_fit_keep_the_last_good_pair(tmp_path, authority):
    port, shop = free_port(), Files(tmp_path, "shop")
    shop.hold(authority.pair("shop.example"))
    line = f"{{name: shop, port: {port}, protocol: https, certificates: [shop]}}"
    text = config_of(line, route("shop"), "certificates:\n" + shop.line)
    async with serving(tmp_path, text) as (_, gateway):
        client = authority.client()
        serial = await seen_certificate(port, client, "shop.example")
        renewed = authority.pair("shop.example")
        shop.cert_file.write_bytes(renewed.certificate)
        await until(lambda: gateway.counts.config_applies["rejected"] == 1, "the rejected pair")
        assert await seen_certificate(port, client, "shop.example") == serial
        shop.key_file.write_bytes(renewed.private_key)
        await until(lambda: gateway.context.plans.table.sequence > 1, "the renewed files")
        assert await seen_certificate(port, client, "shop.example") != serial


@pytest.mark.one_process(
    "hands it over inside; delivered to workers: tests/scenarios/test_worker_listeners.py"
)
async def test_a_delivered_certificate_is_shown_from_then_on(tmp_path, authority):
    port, shop = free_port(), Files(tmp_path, "shop")
    shop.hold(authority.pair("shop.example"))
    line = f"{{name: shop, port: {port}, protocol: https, certificates: [shop]}}"
    text = config_of(line, route("shop"), "certificates:\n" + shop.line)
    async with serving(tmp_path, text) as (_, gateway):
        client = authority.client()
        serial = await seen_certificate(port, client, "shop.example")
        gateway.listeners.certificates.use({}, ["shop"])
        with pytest.raises((ConnectionError, ssl.SSLEOFError)):
            await seen_certificate(port, client, "shop.example")
        await gateway.listeners.certificates.take({"shop": authority.pair("shop.example")})
        assert await seen_certificate(port, client, "shop.example") != serial


async def test_clients_of_a_listener_may_have_to_show_a_certificate(tmp_path, authority):
    port, shop = free_port(), Files(tmp_path, "shop")
    shop.hold(authority.pair("shop.example"))
    (tmp_path / "clients.pem").write_text(authority.pem)
    asked = f"clientCertificates: {{caFile: {tmp_path / 'clients.pem'}}}"
    line = f"{{name: shop, port: {port}, protocol: https, certificates: [shop], {asked}}}"
    text = config_of(line, route("shop"), "certificates:\n" + shop.line)
    async with serving(tmp_path, text):
        known = authority.client(authority.pair("me"))
        await seen_certificate(port, known, "shop.example")
        for client in (authority.client(), authority.client(Authority().pair("me"))):
            with pytest.raises((ConnectionError, ssl.SSLError, asyncio.IncompleteReadError, AssertionError)):
                await seen_certificate(port, client, "shop.example")


async def test_sigterm_drains_the_ports_of_listeners_as_well(tmp_path):
    port = free_port()
    text = config_of(f"{{name: web, port: {port}}}", route("web"))
    async with serving(tmp_path, text, drain_s=5.0) as (_, gateway), RawClient(port) as client:
        assert (await client.request("GET", "/")).status == 200
        stopping = await begin_drain(gateway, 0.0, 5.0)
        assert (await client.request("GET", "/")).get("connection") == "close"
        await client.expect_closed()
        await stopping
        with pytest.raises(ConnectionRefusedError):
            await status_of(port)


async def test_the_end_of_each_certificate_in_use_is_a_metric(tmp_path, authority):
    port, files, unused = free_port(), Files(tmp_path, "shop"), Files(tmp_path, "unused")
    for each in (files, unused):
        each.hold(authority.pair(f"{each.name}.example"))
    line = f"{{name: shop, port: {port}, protocol: https, certificates: [shop]}}"
    given = f"certificates:\n{files.line}{unused.line}"
    text = config_of(line, route("shop"), given)
    async with (
        serving(tmp_path, text, ADMIN_PORT=str(free_port())) as (_, gateway),
        RawClient(gateway.admin_port) as admin,
    ):
        page = (await admin.request("GET", "/metrics")).body.decode()
    (sample,) = [
        each for each in page.splitlines() if each.startswith("tidegate_listener_certificate_expiry")
    ]
    name, value = sample.split()
    assert name == 'tidegate_listener_certificate_expiry_timestamp_seconds{certificate="shop"}'
    assert float(value) > time.time()

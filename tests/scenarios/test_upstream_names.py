"""Endpoints by name, over IPv6 and over TLS."""

import asyncio
import os
import socket
import ssl
import threading
from typing import Any

import pytest
import trustme
import yaml

from app.gateway.process import Gateway
from tests.fakes.client import RawClient, Truncated
from tests.fakes.config import config_text
from tests.fakes.exchange import DEADLINE_S, Exchange
from tests.fakes.gateway import running_gateway
from tests.fakes.upstream import RecorderUpstream
from tests.fakes.waiting import until

SYSTEM = socket.getaddrinfo


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def labels(gateway: Gateway) -> set[str]:
    return {address.ip for address in gateway.bindings.upstreams["main"].addresses}


@pytest.mark.one_process("has a name service of its own")
async def test_every_address_of_a_name_is_used(tmp_path, monkeypatch):
    async with RecorderUpstream() as four, RecorderUpstream(host="::1", port=four.port) as six:
        names(monkeypatch, {"two.example": ["127.0.0.1", "::1"]})
        text = config_text(f"http://two.example:{four.port}")
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            await gateway.bindings.upstreams["main"].resolve()
            assert labels(gateway) == {"127.0.0.1", "::1"}
            for _ in range(4):
                assert (await client.request("GET", "/")).status == 200
        assert (len(four.requests), len(six.requests)) == (2, 2)


def names(monkeypatch, known: dict[str, list[str]], dead: threading.Event | None = None) -> None:
    """Another name service for `*.example`; what it does not know has no answer before `dead` is set."""

    def getaddrinfo(name: str | bytes, port: int, **options: Any) -> list[Any]:
        host = name.decode() if isinstance(name, bytes) else name
        if not host.endswith(".example"):
            return SYSTEM(name, port, **options)
        if host not in known:
            assert dead is None or dead.wait(DEADLINE_S)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(0, 0, 0, "", (ip, port)) for ip in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.one_process("has a name service of its own")
async def test_names_without_an_answer_delay_no_other(tmp_path, monkeypatch):
    """Neither those of other upstreams nor those beside them in the same one."""
    dead = threading.Event()
    async with RecorderUpstream() as upstream:
        gone = [f"http://dead{number}.example:{upstream.port}" for number in range(10)]
        live = f"http://live.example:{upstream.port}"
        config = {
            "upstreams": {
                "gone": {"endpoints": gone},
                "live": {"endpoints": [live]},
                "both": {"endpoints": [*gone, live]},
            },
            "routes": [
                {"name": name, "match": {"path": {"prefix": f"/{name}"}}, "upstream": name, "auth": "none"}
                for name in ("live", "both")
            ],
        }
        names(monkeypatch, {"live.example": ["127.0.0.1"]}, dead)
        try:
            async with (
                running_gateway(config=yaml.safe_dump(config), folder=tmp_path) as gateway,
                RawClient(gateway.port) as client,
            ):
                assert (await client.request("GET", "/live")).status == 200
                assert (await client.request("GET", "/both")).status == 200
                names(monkeypatch, {"live.example": ["127.0.0.1", "::1"]}, dead)
                both = gateway.bindings.upstreams["both"]
                both.look_up()
                await until(lambda: len(both.addresses) == 2, "the new address")
        finally:
            dead.set()


async def test_localhost_answers_though_only_one_of_its_addresses_listens(tmp_path):
    async with RecorderUpstream() as upstream:
        text = config_text(f"http://localhost:{upstream.port}")
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            for _ in range(4):
                assert (await client.request("GET", "/")).status == 200


async def test_a_name_without_address_does_not_keep_the_gateway_from_starting(tmp_path):
    text = config_text("http://nowhere.invalid:80")
    async with running_gateway(config=text, folder=tmp_path) as gateway, RawClient(gateway.port) as client:
        answer = await client.request("GET", "/")
        assert (answer.status, answer.get("tidegate-reason")) == (502, "upstream_connect")
        assert (await client.request("GET", "/")).status == 502


async def test_an_ipv6_endpoint_is_reached(tmp_path):
    async with RecorderUpstream(host="::1") as upstream:
        text = config_text(upstream.url)
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            assert (await client.request("GET", "/")).status == 200


async def ask_over_tls(tmp_path, tls: ssl.SSLContext, settings: dict[str, str], host: str = "localhost"):
    async with RecorderUpstream(tls=tls) as upstream:
        text = config_text(f"https://{host}:{upstream.port}", upstream={"tls": settings} if settings else {})
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            answer = await client.request("PUT", "/", (), b"x" * 300_000)
            return answer, upstream.requests


@pytest.fixture
def authority(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return authority


async def test_an_https_endpoint_with_its_own_authority_is_reached(tmp_path, authority):
    tls = server_context(authority, "localhost", "127.0.0.1")
    answer, requests = await ask_over_tls(tmp_path, tls, {"caFile": str(tmp_path / "ca.pem")})
    assert (answer.status, requests[0].body_size_bytes) == (200, 300_000)


async def test_the_server_name_can_be_another_than_the_host(tmp_path, authority):
    tls = server_context(authority, "orders.example")
    settings = {"caFile": str(tmp_path / "ca.pem"), "serverName": "orders.example"}
    answer, _ = await ask_over_tls(tmp_path, tls, settings, "127.0.0.1")
    assert answer.status == 200


@pytest.mark.parametrize("fault", ["another name", "an unknown authority"])
async def test_a_certificate_that_does_not_hold_is_upstream_connect(tmp_path, authority, fault):
    issuer = trustme.CA() if fault == "an unknown authority" else authority
    name = "other.example" if fault == "another name" else "localhost"
    tls = server_context(issuer, name)
    answer, requests = await ask_over_tls(tmp_path, tls, {"caFile": str(tmp_path / "ca.pem")})
    assert (answer.status, answer.get("tidegate-reason")) == (502, "upstream_connect")
    assert "certificate" in answer.json()["detail"].lower() or "hostname" in answer.json()["detail"].lower()
    assert requests == []


async def test_an_endpoint_that_speaks_no_tls_is_upstream_connect(tmp_path, authority):
    async with RecorderUpstream() as upstream:
        text = config_text(f"https://localhost:{upstream.port}", timeout={"connect": "300ms"})
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            upstream.errors.clear()
            answer = await client.request("GET", "/")
            assert (answer.status, answer.get("tidegate-reason")) == (502, "upstream_connect")


async def test_a_cut_tls_stream_is_no_end_of_a_body(tmp_path, authority):
    # RFC 9112 §9.8: without the closing alert anybody on the way may have cut it
    async def cut(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        await passed.wait()
        exchange.closing = True
        with socket.socket(fileno=os.dup(exchange.writer.get_extra_info("socket").fileno())) as plain:
            plain.shutdown(socket.SHUT_RDWR)  # below TLS, which then cannot say goodbye

    passed = asyncio.Event()
    async with RecorderUpstream(tls=server_context(authority, "localhost")) as upstream:
        upstream.answer(cut)
        tls = {"tls": {"caFile": str(tmp_path / "ca.pem")}}
        text = config_text(f"https://localhost:{upstream.port}", upstream=tls)
        async with (
            running_gateway(config=text, folder=tmp_path) as gateway,
            RawClient(gateway.port) as client,
        ):
            await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            head = await client.read_head()
            passed.set()
            with pytest.raises(Truncated):
                await client.read_body(head)

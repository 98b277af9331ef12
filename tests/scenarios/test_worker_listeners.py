"""Ports of listeners where workers accept: every worker has them, and what it is delivered; the parent knows."""

import asyncio
import os
import signal
import socket
import ssl
from typing import Any

import pytest

from app.config.sync.snapshot import seal
from app.foundation.key_pair import KeyPair
from tests.fakes.certificates import Authority
from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway
from tests.fakes.process import START_S, free_port, free_ports
from tests.fakes.waiting import until

LINEAGE = "11111111-2222-4333-8444-555555555555"
SECRET = "secret/shop/cert"


@pytest.fixture(scope="module")
def authority():
    return Authority()


def snapshot_of(sequence: int, *listeners: dict[str, Any]):
    route = {
        "name": "httproute/shop/web/0",
        "listeners": [each["name"] for each in listeners],
        "match": {"path": {"prefix": "/"}},
        "redirect": {"path": "/there", "status": 307},
        "auth": "none",
    }
    tables = {
        "listeners": list(listeners),
        "routes": [route] if listeners else [],
    }
    return seal(LINEAGE, sequence, [], complete=True, tables=tables)


def plain(port: int) -> dict[str, Any]:
    return {"name": "shop/web/http", "port": port}


def secure(port: int) -> dict[str, Any]:
    hosts = ["shop.example"]
    return {
        "name": "shop/web/https",
        "port": port,
        "protocol": "https",
        "hosts": hosts,
        "certificates": [SECRET],
    }


OWN = """
upstreams: {one: {endpoints: ["http://127.0.0.1:9"]}}
routes: [{name: own, match: {path: {prefix: /own}}, upstream: one, auth: none}]
"""


@pytest.fixture
def serving(tmp_path):
    return lambda: running_gateway(config=OWN, folder=tmp_path, WORKERS="2")


async def statuses(port, count=12, **of):
    """Of as many connections, which the kernel spreads over the workers."""

    async def one():
        async with RawClient(port, **of) as client:
            host = [("Host", "shop.example")] if of else []
            return (await client.request("GET", "/", host)).status

    return set(await asyncio.gather(*(one() for _ in range(count))))


async def test_all_workers_open_and_close_the_ports_of_listeners(serving):
    port = free_port()
    async with serving() as gateway:
        ports = gateway.listeners.ports
        assert ports.bound == ()
        assert await gateway.reloads.take(snapshot_of(1, plain(port)), "sync")
        assert (ports.bound, dict(ports.faults)) == ((port,), {})
        assert await statuses(port) == {307}
        async with RawClient(port) as client:
            assert (await client.request("GET", "/")).status == 307
            assert await gateway.reloads.take(snapshot_of(2), "sync")
            assert ports.bound == ()
            assert (await client.request("GET", "/")).get("connection") == "close"
        with pytest.raises(ConnectionRefusedError):
            await statuses(port, 1)


async def test_delivered_certificates_reach_workers_that_run_and_those_that_start_later(serving, authority):
    port, client = free_port(), authority.client()
    async with serving() as gateway:
        assert await gateway.reloads.take(snapshot_of(1, secure(port)), "sync")
        certificates, ports = gateway.listeners.certificates, gateway.listeners.ports
        assert (ports.bound, certificates.missing) == ((port,), (SECRET,))
        with pytest.raises((ConnectionError, ssl.SSLEOFError)):
            await statuses(port, 1, tls=client, server_name="shop.example")
        await certificates.take({SECRET: authority.pair("shop.example")})
        assert certificates.missing == ()
        assert await statuses(port, tls=client, server_name="shop.example") == {307}
        await certificates.take({SECRET: KeyPair(b"bad", b"bad")})
        killed = gateway.parent.workers.each[0]
        os.kill(killed.pid, signal.SIGKILL)
        await until(lambda: killed.restarts == 1 and killed.is_ready, "the successor", START_S)
        assert ports.bound == (port,)
        assert await statuses(port, tls=client, server_name="shop.example") == {307}


async def test_a_taken_port_is_told_by_the_parent_and_opened_once_it_is_free(serving):
    good = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with serving() as gateway:
            ports, both = gateway.listeners.ports, (plain(port), {"name": "shop/web/two", "port": good})
            assert await gateway.reloads.take(snapshot_of(1, *both), "sync")
            assert (ports.bound, list(ports.faults)) == ((good,), [port])
            assert await statuses(good) == {307}
            taken.close()
            ports.retry(0.0)
            await until(lambda: not ports.faults, "the port")
            assert ports.bound == tuple(sorted((good, port)))
            assert await statuses(port) == {307}


async def test_another_program_cannot_slip_in_between(serving):
    first, second = free_ports(2)
    async with serving() as gateway:
        listeners = (plain(first), secure(second))
        assert await gateway.reloads.take(snapshot_of(1, *listeners), "sync")
        for port in (first, second):
            with pytest.raises(OSError, match="in use"):
                socket.create_server(("127.0.0.1", port))

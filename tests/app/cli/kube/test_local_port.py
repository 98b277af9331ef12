"""The local port before a pod that is played; with an API server: `tests/scenarios/test_dashboard.py`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from app.cli.kube.forward_target import Target
from app.cli.kube.local_port import LocalPort
from app.foundation.errors import ClusterError

OPERATOR = Target("shop", "operator-0")
HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class PlayedTunnel:
    """`says`: what the pod sends, then its end, or what goes wrong."""

    def __init__(self, *says: bytes | ClusterError) -> None:
        self.says, self.heard, self.is_closed = list(says), b"", False

    async def send(self, data: bytes) -> None:
        self.heard += data

    async def receive(self) -> bytes:
        said = self.says.pop(0) if self.says else b""
        if isinstance(said, ClusterError):
            raise said
        return said

    async def close(self) -> None:
        self.is_closed = True


class Pods:
    def __init__(self, *tunnels: PlayedTunnel | ClusterError) -> None:
        self.tunnels = list(tunnels)
        self.asked: list[Target] = []

    async def open(self, target: Target) -> PlayedTunnel:
        self.asked.append(target)
        made = self.tunnels.pop(0)
        if isinstance(made, ClusterError):
            raise made
        return made


@asynccontextmanager
async def local(pods: Pods) -> AsyncIterator[int]:
    port = LocalPort(pods.open, OPERATOR)
    number = await port.start(0)
    try:
        yield number
    finally:
        await port.close()


async def exchange(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    response = await reader.read()
    writer.close()
    return response


async def test_bytes_go_both_ways_as_they_are():
    tunnel = PlayedTunnel(b"HTTP/1.1 200 OK\r\n", b"\r\n\x00\xff")
    pods = Pods(tunnel)
    async with local(pods) as port:
        assert await exchange(port, HEAD) == b"HTTP/1.1 200 OK\r\n\r\n\x00\xff"
    assert (pods.asked, tunnel.heard, tunnel.is_closed) == ([OPERATOR], HEAD, True)


async def test_a_name_below_localhost_leads_to_its_pod():
    pods = Pods(PlayedTunnel(b"x"))
    async with local(pods) as port:
        await exchange(port, HEAD.replace(b"localhost", b"gw-0.team.localhost:80"))
    assert pods.asked == [Target("team", "gw-0")]


async def test_a_foreign_name_is_rejected_without_a_look_at_the_cluster():
    pods = Pods()
    async with local(pods) as port:
        response = await exchange(port, HEAD.replace(b"localhost", b"evil.example"))
    assert response.startswith(b"HTTP/1.1 403 Forbidden")
    assert pods.asked == []


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_pod_that_cannot_be_reached_is_said(at_once):
    fault = ClusterError("open a connection to", "pod operator-0", 0, "refused")
    async with local(Pods(fault if at_once else PlayedTunnel(fault))) as port:
        response = await exchange(port, HEAD)
    assert response.startswith(b"HTTP/1.1 502 Bad Gateway")
    assert response.endswith(b"cannot open a connection to pod operator-0: refused\n")


async def test_a_fault_in_the_midst_of_a_response_ends_it():
    fault = ClusterError("open a connection to", "pod operator-0", 0, "lost")
    async with local(Pods(PlayedTunnel(b"HTTP/1.1 200 OK\r\n", fault))) as port:
        assert await exchange(port, HEAD) == b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize("request_", [b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, b""])
async def test_what_is_no_head_is_dropped(request_):
    pods = Pods()
    async with local(pods) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_)
        writer.write_eof()
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
    assert pods.asked == []


async def test_no_more_than_64_connections_are_kept(monkeypatch):
    monkeypatch.setattr("app.cli.kube.local_port._MAX_CONNECTIONS", 1)
    pods = Pods(PlayedTunnel(b"x"))
    async with local(pods) as port:
        _, first = await asyncio.open_connection("127.0.0.1", port)
        first.write(b"GET")
        await asyncio.sleep(0.05)
        with suppress(ConnectionError):  # closed with what was sent unread
            assert await exchange(port, HEAD) == b""
        assert pods.asked == []
        first.close()

"""A port on this machine behind which stand pods: each connection of a browser becomes one to the pod that it asks for.

The first head of a connection decides: a browser keeps one connection for one name. Bounded: 64 connections, a head of
32 KiB within 10 s.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from app.cli.kube.forward_target import Target, host_of, target_of
from app.cli.kube.port_forward import Tunnel
from app.foundation.errors import ClusterError

__all__ = ["LocalPort", "OpenTunnel"]

OpenTunnel = Callable[[Target], Awaitable[Tunnel]]

LOOPBACK = "127.0.0.1"
_MAX_CONNECTIONS = 64
_MAX_HEAD_BYTES = 32 << 10
_HEAD_S = 10.0
_CHUNK_BYTES = 64 << 10
_FOREIGN = (
    "this port is reached as 127.0.0.1, localhost or POD.NAMESPACE.localhost alone: behind another name "
    "may be a site that reads along"
)


class LocalPort:
    """`open_`: a connection to a pod, or a ClusterError; `default`: the pod behind 127.0.0.1."""

    def __init__(self, open_: OpenTunnel, default: Target) -> None:
        self._open, self._default = open_, default
        self._running: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> int:
        """Its number; `port` 0 takes a free one. Raises OSError."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, port, limit=_MAX_HEAD_BYTES)
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._running) >= _MAX_CONNECTIONS:
            writer.close()
            return
        self._running.add(task)
        try:
            with contextlib.suppress(ConnectionError, TimeoutError, asyncio.CancelledError):
                await self._forward(reader, writer)
        finally:
            self._running.discard(task)
            writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_S):
                head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        target = target_of(host_of(head), self._default)
        if target is None:
            return await _reject(writer, "403 Forbidden", _FOREIGN)
        try:
            tunnel = await self._open(target)
        except ClusterError as error:
            return await _reject(writer, "502 Bad Gateway", str(error))
        try:
            await tunnel.send(head)
            await _join(tunnel, reader, writer)
        finally:
            await tunnel.close()
        return None


async def _join(tunnel: Tunnel, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until one side ends."""
    up = asyncio.ensure_future(_up(reader, tunnel))
    down = asyncio.ensure_future(_down(tunnel, writer))
    try:
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in (up, down):
            each.cancel()
        await asyncio.gather(up, down, return_exceptions=True)


async def _up(reader: asyncio.StreamReader, tunnel: Tunnel) -> None:
    while data := await reader.read(_CHUNK_BYTES):
        await tunnel.send(data)


async def _down(tunnel: Tunnel, writer: asyncio.StreamWriter) -> None:
    has_begun = False
    try:
        while data := await tunnel.receive():
            has_begun = True
            writer.write(data)
            await writer.drain()
    except ClusterError as error:
        if not has_begun:
            await _reject(writer, "502 Bad Gateway", str(error))


async def _reject(writer: asyncio.StreamWriter, status: str, detail: str) -> None:
    body = f"{detail}\n".encode()
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {len(body)}\r\n"
        "x-content-type-options: nosniff\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    writer.write(head.encode("latin-1") + body)
    await writer.drain()

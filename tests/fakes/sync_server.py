"""The operator's sync port as gateways meet it: parks polls, hands out snapshots, keeps what it heard.

async with SyncServer() as server:
    server.publish(server.snapshot(entry("orders", {...})))
    async with running_gateway(CONTROL_PLANE_URL=server.url, POD_NAMESPACE="shop") as gateway:
        await server.applied(1)
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.config.sync.message_codec import decode_request
from app.config.sync.messages import Attempt, SyncRequest
from app.config.sync.newest import NewestRequest
from app.config.sync.newest_codec import decode_newest_request
from app.config.sync.snapshot import PolicyEntry, Snapshot, pack, seal
from app.config.sync.summary import SUMMARY_PATH, Summary
from app.config.sync.summary_codec import decode_summary
from app.operator.sync.feeds import Feed, new_feeds
from tests.fakes.waiting import until

__all__ = ["BESIDE_OPERATOR", "IN_POD", "LINEAGE", "OTHER_LINEAGE", "Heard", "SyncServer", "entry"]

LINEAGE = "00000000-0000-4000-8000-000000000001"
OTHER_LINEAGE = "00000000-0000-4000-8000-000000000002"

IN_POD: dict[str, Any] = {
    "POD_NAME": "gw-1",
    "POD_UID": "uid-1",
    "POD_NAMESPACE": "shop",
    "BOOTSTRAP_GRACE": "0s",
}
"""What a gateway beside it is told of its pod; ready without waiting for a snapshot."""

BESIDE_OPERATOR = {**IN_POD, "POD_NAMESPACE": "tidegate"}
"""Likewise of one in the operator's own namespace, where the gateways of the cluster's Gateways run."""


@dataclass(frozen=True)
class Heard:
    path: str
    headers: dict[str, str]
    request: SyncRequest


def entry(name: str, spec: dict[str, Any], generation: int = 1, namespace: str = "shop") -> PolicyEntry:
    """A policy of the snapshot; `targetRefs` default to every gateway."""
    whole = {"targetRefs": [{"kind": "Gateway"}], **spec}
    return PolicyEntry(namespace, name, f"uid-{name}", generation, whole)


class SyncServer:
    """`faults`: what the next calls get instead: a status, or bytes sent as they are (b"": a close).

    `watch`: what replies carry as `Tidegate-Watch`; `summaries`: what came then. `feeds`: endpoints and certificates.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.heard: list[Heard] = []
        self.watch: str | None = None
        self.summaries: list[Summary] = []
        self.feeds = new_feeds()
        self.faults: list[int | bytes] = []
        self.offer: bytes | None = None
        self.delta: bytes | None = None
        self._offered: Snapshot | None = None
        self._news = asyncio.Condition()
        self._port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._port}"

    async def __aenter__(self) -> "SyncServer":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listens, on the port it had before if there was one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, ssl=self._tls)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Closes the port and every connection."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def snapshot(self, *entries: PolicyEntry, sequence: int | None = None, **more: Any) -> Snapshot:
        """The next one of the lineage."""
        if sequence is None:
            sequence = self._offered.sequence + 1 if self._offered is not None else 1
        return seal(
            more.pop("lineage", LINEAGE), sequence, entries, complete=more.pop("complete", True), **more
        )

    async def publish(
        self, snapshot: Snapshot, packed: bytes | None = None, delta: bytes | None = None
    ) -> Snapshot:
        """Offers it to every gateway that does not say it applied it; `packed`: other bytes in its place, `delta`:
        what those get that take deltas."""
        async with self._news:
            self._offered, self.offer = snapshot, pack(snapshot) if packed is None else packed
            self.delta = delta
            self._news.notify_all()
        return snapshot

    async def give(self, *entries: PolicyEntry, **more: Any) -> Snapshot:
        """Publishes the next snapshot with these policies, and waits until it is acknowledged."""
        snapshot = await self.publish(self.snapshot(*entries, **more))
        await self.applied(snapshot.sequence)
        return snapshot

    async def applied(self, sequence: int) -> None:
        await until(lambda: self._applied() >= sequence, f"snapshot {sequence} to be acknowledged")

    def _applied(self) -> int:
        said = [each.request.applied.sequence for each in self.heard if each.request.applied is not None]
        return said[-1] if said else 0

    async def attempted(self, wanted: Callable[[Attempt], bool], what: str) -> Attempt:
        """The first attempt said of which `wanted` is true."""

        def found() -> list[Attempt]:
            said = [each.request.attempt for each in self.heard]
            return [attempt for attempt in said if attempt is not None and wanted(attempt)]

        await until(lambda: bool(found()), what)
        return found()[0]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while True:
                    await self._exchange(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        path = head[0].split(" ")[1]
        body = await reader.readexactly(int(headers["content-length"]))
        if path == SUMMARY_PATH:
            self.summaries.append(decode_summary(body))
            writer.write(self._said(204, f"Tidegate-Settings: {self.summaries[-1].settings_digest}\r\n"))
            return await writer.drain()
        feed = self.feeds.of(path)
        if feed is not None:
            newer = await _newer_of(feed, decode_newest_request(body))
            length = "" if newer is None else f"Content-Length: {len(newer)}\r\n"
            writer.write(self._said(204 if newer is None else 200, length) + (newer or b""))
            return await writer.drain()
        request = decode_request(body)
        self.heard.append(Heard(path, headers, request))
        if self.faults:
            await self._break(writer, self.faults.pop(0))
        elif path == "/v1/sync" and (packed := await self._newer(request)) is not None:
            writer.write(self._said(200, f"Content-Length: {len(packed)}\r\n") + packed)
        else:
            writer.write(self._said(204))
        return await writer.drain()

    def _said(self, status: int, more: str = "") -> bytes:
        watch = "" if self.watch is None else f"Tidegate-Watch: {self.watch}\r\n"
        return f"HTTP/1.1 {status} Said\r\n{watch}{more}\r\n".encode()

    async def _break(self, writer: asyncio.StreamWriter, fault: int | bytes) -> None:
        if isinstance(fault, int):
            writer.write(b"HTTP/1.1 %d Fault\r\nContent-Length: 0\r\n\r\n" % fault)
            return
        writer.write(fault)
        await writer.drain()
        raise ConnectionError("meant to be")

    async def _newer(self, request: SyncRequest) -> bytes | None:
        """What this gateway lacks, as soon as there is something."""

        def lacks() -> bool:
            offered, applied = self._offered, request.applied
            if offered is None:
                return False
            return applied is None or (applied.lineage, applied.sequence) != (
                offered.lineage,
                offered.sequence,
            )

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(request.wait_s), self._news:
                await self._news.wait_for(lacks)
                return self.delta if self.delta is not None and request.takes_deltas else self.offer
        return None


async def _newer_of(feed: Feed[Any], request: NewestRequest) -> bytes | None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(request.wait_s):
            while True:
                change = feed.next_change()
                if (packed := feed.newer_than(request.held)) is not None:
                    return packed
                await change.wait()
    return None

"""A collector of spans: takes OTLP over HTTP in JSON on loopback and keeps what it got."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

__all__ = ["Collector", "attributes"]


class Collector:
    """Takes OTLP/HTTP; `status`: what it answers."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        self.resources: list[dict[str, Any]] = []
        self.headers = ""
        self.status = 200

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.headers = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                (length,) = (
                    line[16:] for line in self.headers.split("\r\n") if line.startswith("content-length")
                )
                body = json.loads(await reader.readexactly(int(length)))
                for resource in body["resourceSpans"]:
                    self.resources.append(resource["resource"])
                    self.spans += resource["scopeSpans"][0]["spans"]
                writer.write(b"HTTP/1.1 %d x\r\ncontent-length: 2\r\n\r\n{}" % self.status)
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()


def attributes(span: dict[str, Any]) -> dict[str, str]:
    return {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}

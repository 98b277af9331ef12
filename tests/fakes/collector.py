"""A collector of spans: takes OTLP over HTTP on loopback and keeps what it got, as OTLP's JSON would have it."""

import asyncio
import base64
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

__all__ = ["Collector", "ThreadedCollector", "attributes", "decoded"]


class Collector:
    """Takes OTLP/HTTP; `status`: of its responses."""

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
                body = decoded(await reader.readexactly(int(length)))
                for resource in body["resourceSpans"]:
                    self.resources.append(resource["resource"])
                    self.spans += resource["scopeSpans"][0]["spans"]
                writer.write(b"HTTP/1.1 %d x\r\ncontent-length: 0\r\n\r\n" % self.status)
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()


class ThreadedCollector:
    """A receiver of OTLP/HTTP on loopback that keeps requests, as Collector does, and
    sends `responses` in turn; then 200. In a thread of its own, for what blocks."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.responses: list[tuple[int, dict[str, str], bytes]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.requests.append(
                    (self.path, {name.lower(): value for name, value in self.headers.items()}, decoded(body))
                )
                status, headers, body = collector.responses.pop(0) if collector.responses else (200, {}, b"")
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def spans(self) -> list[Any]:
        return [
            span
            for _, _, body in self.requests
            for resource in body["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]


def decoded(body: bytes) -> Any:
    """An ExportTraceServiceRequest in OTLP's JSON form: ids in hex, enums as numbers."""
    message = ExportTraceServiceRequest.FromString(body)
    request = MessageToDict(message, use_integers_for_enums=True)
    for resource in request["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in {"traceId", "spanId", "parentSpanId"} & span.keys():
                    span[name] = base64.b64decode(span[name]).hex()
    return request


def attributes(span: dict[str, Any]) -> dict[str, str]:
    return {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}

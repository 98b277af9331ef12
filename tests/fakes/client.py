"""A client of raw bytes: sends exactly what it is given and reads answers strictly (RFC 9112 §§4–7).

    async with RawClient(port) as client:
        await client.send(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
        answer = await client.read_response()

Everything waits five seconds at most, then the test fails with what it waited for.
"""

import asyncio
import json
import re
import socket
import ssl
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.exchange import DEADLINE_S, parse_fields, within

__all__ = ["BadAnswer", "RawClient", "Response", "Truncated"]

_STATUS_LINE = re.compile(rb"(HTTP/1\.[01]) ([1-9][0-9]{2})(?: (.*))?")


class BadAnswer(AssertionError):
    """The bytes that came are no well-formed answer."""


class Truncated(BadAnswer):
    """The connection ended before the answer did; `head` is None when not even that came."""

    def __init__(self, head: "Response | None", body: bytes) -> None:
        self.head, self.body = head, body
        super().__init__(f"the connection ended within an answer: {head!r}, {len(body)} bytes of body")


@dataclass
class Response:
    """`raw`: all its bytes as they came, 1xx answers before it aside; these stand in `interim`, in order."""

    status: int
    reason: str
    version: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)
    interim: list["Response"] = field(default_factory=list)
    raw: bytes = field(default=b"", repr=False)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str:
        """The only field of that name; "" if there is none."""
        found = self.all(name)
        assert len(found) <= 1, f"{name} came {len(found)} times: {found}"
        return found[0] if found else ""

    def json(self) -> Any:
        return json.loads(self.body)


class RawClient:
    """`reader_limit_bytes` and `receive_buffer_bytes` small make a slow reader; `timeout_s`: each wait."""

    def __init__(
        self,
        port: int,
        host: str = "127.0.0.1",
        *,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
        reader_limit_bytes: int = 1 << 20,
        receive_buffer_bytes: int = 0,
        timeout_s: float = DEADLINE_S,
    ) -> None:
        self.host, self.port = host, port
        self._tls, self._server_name = tls, server_name
        self._limit_bytes, self._buffer_bytes = reader_limit_bytes, receive_buffer_bytes
        self._timeout_s = timeout_s
        self._taken = bytearray()
        self.was_reset = False

    async def __aenter__(self) -> "RawClient":
        await self.connect()
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()

    async def connect(self) -> None:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        if self._buffer_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer_bytes)
        name = (self._server_name or self.host) if self._tls else None
        try:
            async with within(f"a connection to {self.host}:{self.port}", self._timeout_s):
                await asyncio.get_running_loop().sock_connect(sock, (self.host, self.port))
                self.reader, self.writer = await asyncio.open_connection(
                    sock=sock, ssl=self._tls, server_hostname=name, limit=self._limit_bytes
                )
        except BaseException:
            sock.close()
            raise

    async def close(self) -> None:
        self.writer.close()
        try:
            async with within("the client's close", self._timeout_s):
                await self.writer.wait_closed()
        except OSError:
            pass  # the other side was faster: closed is closed

    def half_close(self) -> None:
        """FIN for our side; answers can still be read (not over TLS)."""
        with suppress(OSError):  # the other side was faster, and reset the connection
            self.writer.write_eof()

    def abort(self) -> None:
        """RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        async with within("the sent bytes to be taken", self._timeout_s):
            await self.writer.drain()

    async def request(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Response:
        """A plain request with `Host` (unless given) and Content-Length, and its answer."""
        fields = list(headers)
        names = {name.lower() for name, _ in fields}
        if "host" not in names:
            fields.insert(0, ("Host", f"{self.host}:{self.port}"))
        if body and not names & {"content-length", "transfer-encoding"}:
            fields.append(("Content-Length", str(len(body))))
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
        await self.send("\r\n".join(lines).encode("latin-1") + body)
        return await self.read_response(head=method == "HEAD")

    async def read_response(self, *, head: bool = False) -> Response:
        """The next final answer, whole; `head`: it answers a HEAD request. Raises BadAnswer, Truncated."""
        response = await self.read_head()
        await self.read_body(response, head=head)
        return response

    async def read_head(self) -> Response:
        """The next final head (or 101) only; 1xx answers before it are kept in `interim`."""
        interim: list[Response] = []
        while True:
            response = await self._one_head()
            if response.status >= 200 or response.status == 101:
                response.interim = interim
                return response
            interim.append(response)

    async def read_interim(self) -> Response:
        """The next head, which must be a 1xx."""
        response = await self._one_head()
        if response.status >= 200:
            raise BadAnswer(f"a 1xx was due, {response!r} came")
        return response

    async def read_body(self, response: Response, *, head: bool = False) -> None:
        """The body that belongs to `response`, by RFC 9112 §6.3, put into it."""
        self._taken = bytearray()
        codings, lengths = response.all("Transfer-Encoding"), response.all("Content-Length")
        if codings and lengths:
            raise BadAnswer("both Transfer-Encoding and Content-Length")
        if response.status < 200 or response.status == 204:
            if codings or lengths:
                raise BadAnswer(f"a {response.status} with framing fields")  # RFC 9110 §8.6
        elif not head and response.status != 304:
            await self._framed_body(response, codings, lengths)
        response.raw += bytes(self._taken)

    async def read(self, count: int) -> bytes:
        """Exactly `count` bytes of whatever comes (tunnels, frames, bodies in pieces)."""
        async with within(f"{count} bytes", self._timeout_s):
            try:
                data = await self.reader.readexactly(count)
            except asyncio.IncompleteReadError as error:
                raise Truncated(None, error.partial) from None
        return data

    async def read_until_closed(self) -> bytes:
        """All bytes up to FIN or RST (`was_reset` tells which)."""
        parts: list[bytes] = []
        async with within(f"the end of the connection (so far {len(parts)} pieces)", self._timeout_s):
            try:
                while part := await self.reader.read(65536):
                    parts.append(part)
            except ConnectionError:
                self.was_reset = True
        return b"".join(parts)

    async def expect_closed(self) -> None:
        """The connection ends now, without one more byte."""
        rest = await self.read_until_closed()
        if rest:
            raise BadAnswer(f"{len(rest)} bytes came before the close: {rest[:200]!r}")

    async def _one_head(self) -> Response:
        async with within("the head of an answer", self._timeout_s):
            try:
                block = await self.reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError as error:
                raise Truncated(None, error.partial) from None
            except ConnectionError:
                self.was_reset = True
                raise Truncated(None, b"") from None
        line, _, rest = block.partition(b"\r\n")
        found = _STATUS_LINE.fullmatch(line)
        if found is None:
            raise BadAnswer(f"bad status line {line!r}")
        version, status, reason = (part.decode("latin-1") for part in found.groups(b""))
        return Response(int(status), reason, version, parse_fields(rest), raw=block)

    async def _framed_body(self, response: Response, codings: list[str], lengths: list[str]) -> None:
        if codings:
            if [coding.lower() for coding in codings] != ["chunked"]:
                raise BadAnswer(f"unknown transfer coding {codings}")
            await self._chunked_body(response)
        elif lengths:
            if len(lengths) != 1 or not lengths[0].isdecimal():
                raise BadAnswer(f"bad Content-Length {lengths}")
            await self._add(response, int(lengths[0]))
        else:
            response.body = await self.read_until_closed()
            self._taken += response.body
            if self.was_reset:
                raise Truncated(response, response.body)

    async def _chunked_body(self, response: Response) -> None:
        while True:
            size = (await self._line(response)).split(b";")[0]
            if not re.fullmatch(rb"[0-9A-Fa-f]+", size):
                raise BadAnswer(f"bad chunk size {size!r}")
            if int(size, 16) == 0:
                break
            await self._add(response, int(size, 16))
            if await self._line(response) != b"":
                raise BadAnswer("a chunk is longer than its size")
        while line := await self._line(response):
            response.trailers += parse_fields(line)

    async def _add(self, response: Response, count: int) -> None:
        try:
            data = await self.read(count)
        except Truncated as error:
            raise Truncated(response, response.body + error.body) from None
        except ConnectionError:
            self.was_reset = True
            raise Truncated(response, response.body) from None
        response.body += data
        self._taken += data

    async def _line(self, response: Response) -> bytes:
        async with within("a line of chunk framing", self._timeout_s):
            try:
                line = await self.reader.readuntil(b"\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                raise Truncated(response, response.body) from None
        self._taken += line
        return line[:-2]

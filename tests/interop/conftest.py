"""A gateway for clients of other makers: before an upstream that returns what they send, over TLS and in clear."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from tests.fakes.exchange import Exchange
from tests.fakes.gateway import running_gateway
from tests.fakes.process import ROOT
from tests.fakes.upstream import RecorderUpstream

RUN_S = 120.0
LATER_S = 0.05
"""On a busy machine a program of another maker sends its next frame so much later, and nothing tells when."""
GO_MODULE = ROOT / "tests" / "interop" / "go"


def pytest_asyncio_loop_factories(config, item):
    return {"uvloop": uvloop.new_event_loop}


class Served:
    """`url`: the gateway's. `ca_file`: who signed its certificate."""

    def __init__(self, url: str, port: int, ca_file: Path, upstream: RecorderUpstream) -> None:
        self.url, self.port, self.ca_file, self.upstream = url, port, ca_file, upstream


async def respond(exchange: Exchange) -> None:
    """`/bytes/N`: so many bytes; `/later/N`: after `LATER_S`. `/echo`: the body as it comes. `/trailers`: one trailer,
    and those of the request.
    """
    target = exchange.request.target
    if target.startswith(("/bytes/", "/later/")):
        await exchange.whole_request()
        if target.startswith("/later/"):
            await asyncio.sleep(LATER_S)
        size_bytes = int(target[7:].partition("?")[0])
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size_bytes + b"b" * size_bytes)
        return
    request = await exchange.whole_request()
    if target == "/trailers":
        seen = dict(request.trailers).get("x-sum", "").encode()
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\nX-Seen: %b\r\n\r\n" % seen
        await exchange.send(head + b"2\r\nok\r\n0\r\nX-Sum: of the response\r\n\r\n")
        return
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body))
    await exchange.send(request.body)


@contextlib.asynccontextmanager
async def serving(folder: Path, *, tls: bool) -> AsyncIterator[Served]:
    authority = trustme.CA()
    ca_file, cert_file, key_file = folder / "ca.pem", folder / "tls.crt", folder / "tls.key"
    authority.cert_pem.write_to_path(str(ca_file))
    leaf = authority.issue_cert("127.0.0.1", "localhost")
    key_file.write_bytes(leaf.private_key_pem.bytes())
    cert_file.write_bytes(b"".join(part.bytes() for part in leaf.cert_chain_pems))
    files: dict[str, Any] = {"TLS_CERT_FILE": str(cert_file), "TLS_KEY_FILE": str(key_file)} if tls else {}
    async with RecorderUpstream() as upstream:
        upstream.default = respond
        async with running_gateway(upstream.url, **files) as gateway:
            scheme = "https" if tls else "http"
            url = f"{scheme}://127.0.0.1:{gateway.port}"
            yield Served(url, gateway.port, ca_file, upstream)


@pytest.fixture
async def over_tls(tmp_path):
    async with serving(tmp_path, tls=True) as served:
        yield served


@pytest.fixture
async def in_clear(tmp_path):
    async with serving(tmp_path, tls=False) as served:
        yield served


@pytest.fixture(params=["tls", "clear"])
async def served(request, tmp_path):
    async with serving(tmp_path, tls=request.param == "tls") as served:
        yield served


async def output_of(*argv: object, cwd: Path | None = None, may_fail: bool = False) -> str:
    """What a command prints that must end well, unless it `may_fail`."""
    command = [str(part) for part in argv]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(RUN_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        output, _ = await process.communicate()
        pytest.fail(f"{command[0]} did not end within {RUN_S:g} s:\n{output.decode()}")
    assert may_fail or process.returncode == 0, f"{' '.join(command)}:\n{output.decode()}"
    return output.decode()

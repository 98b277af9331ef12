"""gRPC's client for Go, as grpcurl and under load as ghz, through a gateway before gRPC's server for C."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from tests.fakes.gateway import running_gateway
from tests.fakes.grpc_peer import CALLS, GrpcUpstream
from tests.fakes.issued_certificate import IssuedCertificate
from tests.interop.conftest import GO_MODULE, output_of
from tests.interop.test_clients import FOLDER, needed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PROTO = ("-import-path", FOLDER, "-proto", "calls.proto")
CALLS_UNDER_LOAD = 2000


async def built(folder: Path, module: str) -> Path:
    program = folder / module.rpartition("/")[2]
    await output_of(needed("go", "golang-go"), "build", "-o", program, module, cwd=GO_MODULE)
    return program


class Served:
    """`trust`: what grpcurl says to trust the gateway, or to speak in clear."""

    def __init__(self, address: str, trust: tuple[object, ...], up: GrpcUpstream) -> None:
        self.address, self.trust, self.up = address, trust, up


@contextlib.asynccontextmanager
async def serving(folder: Path, *, tls: bool) -> AsyncIterator[Served]:
    certificate = IssuedCertificate(folder)
    with GrpcUpstream() as up:
        config = yaml.safe_dump(
            {
                "upstreams": {"calls": {"endpoints": [up.url], "protocol": "h2"}},
                "routes": [
                    {
                        "name": "calls",
                        "match": {"path": {"prefix": f"/{CALLS}"}},
                        "upstream": "calls",
                        "auth": "none",
                    }
                ],
            }
        )
        files = certificate.variables if tls else {}
        async with running_gateway(config=config, folder=folder, **files) as gateway:
            trust = ("-cacert", certificate.ca_file) if tls else ("-plaintext",)
            yield Served(f"localhost:{gateway.port}", trust, up)


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
async def test_grpcurl_calls(tmp_path, tls):
    program = await built(tmp_path, "github.com/fullstorydev/grpcurl/cmd/grpcurl")
    async with serving(tmp_path, tls=tls) as served:

        async def called(method: str, *texts: str) -> str:
            data = "".join(json.dumps({"text": text}) for text in texts)
            to = (served.address, f"{CALLS}/{method}")
            return await output_of(program, *served.trust, *PROTO, "-d", data, *to, may_fail=True)

        assert json.loads(await called("Unary", "hello")) == {"text": "hello"}
        assert json.loads(await called("ClientStream", "a", "b")) == {"text": "b"}
        assert "".join((await called("Bidi", "a", "b")).split()) == '{"text":"a"}{"text":"b"}'
        served.up.failures = 1
        failed = await called("Unary", "hello")
        assert "Code: Unavailable" in failed
        assert "Message: try again: 50 % of é" in failed


async def test_ghz_loses_no_call(tmp_path):
    program = await built(tmp_path, "github.com/bojand/ghz/cmd/ghz")
    async with serving(tmp_path, tls=False) as served:
        said = await output_of(
            program,
            "--insecure",
            "--import-paths",
            FOLDER,
            "--proto",
            FOLDER / "calls.proto",
            "--call",
            f"{CALLS}.Unary",
            "--data",
            '{"text": "hello"}',
            "--total",
            CALLS_UNDER_LOAD,
            "--concurrency",
            40,
            "--connections",
            4,
            "--timeout",
            "60s",
            "--format",
            "json",
            served.address,
        )
        report = json.loads(said)
        print(
            f"\nghz: {report['rps']:,.0f} calls/s, p99 {report['latencyDistribution'][-1]['latency'] / 1e6:.1f} ms"
        )
        assert report["statusCodeDistribution"] == {"OK": CALLS_UNDER_LOAD}
        assert len(served.up.named("Unary")) == CALLS_UNDER_LOAD

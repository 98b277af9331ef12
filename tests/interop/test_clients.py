"""Clients of other makers over HTTP/2, each with its own implementation: small, large, many at a time, trailers."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.fakes.process import ROOT
from tests.interop.conftest import GO_MODULE, output_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FOLDER = ROOT / "tests" / "interop"
WITH_NODE = ROOT / "app" / "admin" / "frontend" / "with-node.sh"
BODY_BYTES = 8 << 20


def needed(program: str, package: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"no {program}: apt-get install {package}")
    return found


@pytest.fixture
def large_file(tmp_path):
    """What is uploaded: too large for any window."""
    file = tmp_path / "large"
    file.write_bytes(bytes(range(256)) * (BODY_BYTES // 256))
    return file


async def test_gos_client(over_tls, tmp_path):
    program = tmp_path / "client"
    await output_of(needed("go", "golang-go"), "build", "-o", program, "./client", cwd=GO_MODULE)
    seen = await output_of(program, over_tls.url, over_tls.ca_file)
    assert seen.split() == ["get", "post", "streams", "trailers"]


async def test_javas_client(over_tls):
    needed("javac", "default-jdk-headless")  # `java` alone runs no source
    seen = await output_of("java", FOLDER / "Client.java", over_tls.url, over_tls.ca_file)
    assert seen.split() == ["get", "post", "streams"]


async def test_nodes_client(served):
    venv = Path(sys.prefix)
    seen = await output_of(
        WITH_NODE, venv, "node", FOLDER / "client.mjs", served.url, served.ca_file, cwd=ROOT
    )
    assert seen.split() == ["get", "post", "streams", "trailers"]


def curl(served, *options: object) -> list[object]:
    asked = "--http2" if served.url.startswith("https") else "--http2-prior-knowledge"
    return [needed("curl", "curl"), "-sS", "--fail", asked, "--cacert", served.ca_file, *options]


async def test_curl_gets_over_http2(served):
    out = await output_of(
        *curl(served, "-w", "%{http_version} %{size_download}", "-o", "/dev/null"), f"{served.url}/bytes/1000"
    )
    assert out == "2 1000"


async def test_curl_posts_a_large_body_and_gets_it_back(served, large_file, tmp_path):
    back = tmp_path / "back"
    command = curl(
        served, "-w", "%{http_version} %{response_code}", "-o", back, "--data-binary", f"@{large_file}"
    )
    assert await output_of(*command, f"{served.url}/echo") == "2 200"
    assert back.read_bytes() == large_file.read_bytes()


async def test_curl_gets_a_large_body_slowly(served, tmp_path):
    back = tmp_path / "back"
    command = curl(served, "-w", "%{http_version}", "-o", back, "--limit-rate", "8M")
    assert await output_of(*command, f"{served.url}/bytes/{BODY_BYTES}") == "2"
    assert back.stat().st_size == BODY_BYTES


async def test_curl_has_many_requests_on_one_connection(over_tls):
    """Over TLS only: curl before 8 fails at its second request at a time by prior knowledge, with any server."""
    command = curl(
        over_tls, "-w", "connects=%{num_connects}\n", "--parallel", "--parallel-max", 50, "-o", "/dev/null"
    )
    out = await output_of(*command, f"{over_tls.url}/bytes/1000?[1-60]")
    connects = [int(count) for count in re.findall(r"connects=(\d+)", out)]
    assert len(connects) == 60
    assert sum(connects) <= 2


async def test_curl_is_upgraded_to_nothing_in_clear(in_clear):
    out = await output_of(
        needed("curl", "curl"),
        "-sS",
        "--http2",
        "-w",
        "%{http_version}",
        "-o",
        "/dev/null",
        f"{in_clear.url}/bytes/10",
    )
    assert out == "1.1"


async def test_curl_keeps_to_http1_where_it_is_asked_to(over_tls):
    command = [
        needed("curl", "curl"),
        "-sS",
        "--http1.1",
        "--cacert",
        over_tls.ca_file,
        "-w",
        "%{http_version}",
    ]
    assert await output_of(*command, "-o", "/dev/null", f"{over_tls.url}/bytes/10") == "1.1"


@pytest.mark.parametrize("upload", [False, True])
async def test_h2load_finds_no_request_that_fails(served, upload, tmp_path):
    small = tmp_path / "small"
    small.write_bytes(b"s" * 100_000)
    more = ["-d", small] if upload else []
    path = "/echo" if upload else "/bytes/1000"
    requests = 200 if upload else 2000
    out = await output_of(
        needed("h2load", "nghttp2-client"), "-n", requests, "-c", 4, "-m", 25, *more, f"{served.url}{path}"
    )
    assert f"{requests} total, {requests} started, {requests} done, {requests} succeeded, 0 failed" in out
    assert re.search(rf"status codes: {requests} 2xx", out)


async def test_nghttp_sends_and_gets_trailers(served, large_file):
    out = await output_of(
        needed("nghttp", "nghttp2-client"),
        "-nv",
        "--no-dep",
        "--no-content-length",
        "--trailer",
        "x-sum: of nghttp",
        "-d",
        large_file,
        f"{served.url}/trailers",
    )
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out)
    assert re.search(r"recv \(stream_id=\d+\) x-seen: of nghttp", plain)
    assert re.search(r"recv \(stream_id=\d+\) x-sum: of the response", plain)

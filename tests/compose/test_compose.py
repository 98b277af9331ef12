"""compose.yaml on a real engine, run by `make e2e-compose`.

COMPOSE_MONITORING: services of the profile `monitoring` whose images can be had here (default: both).
"""

import json
import os
import subprocess
import time

import httpx
import pytest
import trustme

from tests.compose.stack import Stack, run
from tests.fakes.process import ROOT

pytestmark = [pytest.mark.compose, pytest.mark.timeout(300)]

CORE = ("valkey", "cache", "gateway")
MONITORING = tuple(os.environ.get("COMPOSE_MONITORING", "prometheus grafana").split())
KEY = "a-key-of-the-test-0123456789abcdef"
every_service = pytest.mark.parametrize("service", [*CORE, *MONITORING])


@pytest.fixture(scope="module")
def stack():
    stack = Stack("tidegate-e2e", (*CORE, *MONITORING), ("compose.yaml",), {"API_KEY": KEY})
    try:
        stack.build()
        stack.up()
        yield stack
    finally:
        stack.down("--volumes")


def call(stack: Stack, method: str, path: str, **options: object) -> httpx.Response:
    url = f"http://localhost:{stack.env['PORT']}{path}"
    return httpx.request(method, url, headers={"X-API-Key": KEY}, trust_env=False, timeout=10, **options)  # type: ignore[arg-type]


def smoke(stack: Stack, *services: str, **env: str) -> str:
    return run("tests/compose/smoke.sh", *services, env={**stack.env, **env})


def store(stack: Stack, name: str, value: bytes) -> None:
    """Returns when the value is in the store, which the cache finds again within seconds of its return."""
    end_s = time.monotonic() + 30
    while (answer := call(stack, "PUT", f"/cache/{name}?ttl=3600", content=value)).headers.get(
        "cache-durability"
    ) != "redis":
        assert time.monotonic() < end_s, (answer.status_code, answer.headers, answer.text)
        time.sleep(0.2)


def test_what_a_user_tries_first_works(stack):
    assert "work at" in smoke(stack, *MONITORING)


def test_the_smoke_test_fails_where_something_is_wrong(stack):
    words = ["tests/compose/smoke.sh"]
    env = {**os.environ, **stack.env, "API_KEY": "another-key-that-nobody-knows-0123"}
    told = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "401 instead of 201" in told.stderr


@every_service
def test_a_service_runs_without_rights(stack, service):
    status = dict(
        line.split(":\t", 1) for line in stack.inside(service, "cat", "/proc/1/status").stdout.splitlines()
    )
    assert status["Uid"].split()[0] != "0"
    assert int(status["CapEff"], 16) == 0
    assert int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"


@every_service
def test_a_service_cannot_write_into_its_image(stack, service):
    refused = stack.inside(service, "touch", "/probe")
    assert refused.returncode != 0
    assert "Read-only file system" in refused.stderr
    assert stack.inside(service, "touch", "/tmp/probe").returncode == 0  # noqa: S108 - the container's own


@every_service
def test_a_service_has_limits_and_comes_back(stack, service):
    host = stack.inspected(service)["HostConfig"]
    assert host["Memory"] > 0
    assert host["NanoCpus"] > 0
    assert host["PidsLimit"] > 0
    assert host["RestartPolicy"]["Name"] == "unless-stopped"


def test_only_the_public_ports_are_published_and_only_on_this_machine(stack):
    published = {
        (service, inner, place["HostIp"])
        for service in stack.services
        for inner, places in stack.inspected(service)["NetworkSettings"]["Ports"].items()
        for place in places or []
    }
    public = {"gateway": "8080/tcp", "prometheus": "9090/tcp", "grafana": "3000/tcp"}
    assert published == {(name, public[name], "127.0.0.1") for name in stack.services if name in public}


def test_the_store_and_the_cache_stand_in_a_network_without_a_way_out(stack):
    for service in ("valkey", "cache"):
        (network,) = stack.inspected(service)["NetworkSettings"]["Networks"]
        (found,) = json.loads(run("docker", "network", "inspect", network))
        assert found["Internal"] is True


@pytest.mark.parametrize("service", CORE)
def test_a_killed_service_comes_back_and_all_works_again(stack, service):
    before = stack.inspected(service)["RestartCount"]
    stack.kill(service)
    end_s = time.monotonic() + 60
    while stack.inspected(service)["RestartCount"] == before:
        assert time.monotonic() < end_s
        time.sleep(0.2)
    stack.wait_healthy()
    store(stack, "after", service.encode())
    assert call(stack, "GET", "/cache/after").content == service.encode()


def test_values_outlive_the_containers(stack):
    store(stack, "kept", b"kept")
    stack.down()
    stack.up()
    assert call(stack, "GET", "/cache/kept").content == b"kept"


@pytest.mark.usefixtures("stack")  # which builds the images
def test_https_is_a_second_file(tmp_path):
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    folder = tmp_path / "tls"
    folder.mkdir()
    certificate.private_key_pem.write_to_path(folder / "tls.key")
    (folder / "tls.crt").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    for path in (*tmp_path.parents[:2], tmp_path, folder, *folder.iterdir()):
        path.chmod(0o755)
    files = ("compose.yaml", "compose.tls.yaml")
    secure = Stack("tidegate-e2e-tls", CORE, files, {"API_KEY": KEY, "TLS_FOLDER": str(folder)})
    try:
        secure.up()
        url = f"https://localhost:{secure.env['HTTPS_PORT']}"
        assert f"work at {url}" in smoke(secure, URL=url, CA=str(tmp_path / "ca.pem"))
    finally:
        secure.down("--volumes")

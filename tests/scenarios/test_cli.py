"""Bad input to the real process: exit code 2, and a line that names the place and the cure."""

import asyncio
import json
import socket

import pytest
import trustme

from tests.fakes.client import RawClient
from tests.fakes.process import Child, free_port
from tests.fakes.upstream import RecorderUpstream

GOOD = """\
upstreams: {one: {endpoints: ["http://127.0.0.1:9"]}}
routes: [{name: r, match: {path: {prefix: /}}, upstream: one, auth: none}]
"""
POLICY = "policies: [{name: p, spec: {targetRefs: [{kind: Gateway}], timeout: {idle: %s}}}]\n"
ROUTE = "{name: r, match: {path: {prefix: /b}}, upstream: one, auth: none}"


async def ended(env=None, config=None, tmp_path=None):
    """Exit code and lines of `gateway`, which must not start."""
    given = {"PORT": "0", "ADMIN_PORT": "0", "HOST": "127.0.0.1", **(env or {})}
    words = ["gateway"]
    if config is not None:
        (tmp_path / "gw.yaml").write_text(config)
        words += ["--config", str(tmp_path / "gw.yaml")]
    async with Child.app(*words, env=given) as child:
        return await child.wait(), child.lines


@pytest.mark.parametrize(
    ("config", "place", "says"),
    [
        (GOOD + "routs: []\n", ":3: routs", "did you mean routes?"),
        (GOOD.replace("/}}", "[1]}}"), ":2: routes[0].match.path.prefix", "text"),
        (GOOD + POLICY % "soon", ":3: policies[0].spec.timeout.idle", "such as"),
        (GOOD.replace("http://", ""), ":1: upstreams.one.endpoints[0]", "http://"),
        (GOOD.replace("}]\n", "}, " + ROUTE + "]\n"), ":2: routes[1].name", "its own name"),
    ],
    ids=["unknown key", "wrong type", "bad duration", "endpoint without scheme", "duplicate route"],
)
async def test_a_faulty_file_is_told_with_line_path_and_cure(config, place, says, tmp_path):
    code, lines = await ended(config=config, tmp_path=tmp_path)
    assert code == 2
    (line,) = lines
    assert line.startswith(f"error: {tmp_path}/gw.yaml{place}")
    assert says in line


async def test_all_faults_of_a_file_are_told_at_once(tmp_path):
    code, lines = await ended(config=GOOD + "routs: []\n" + POLICY % "soon", tmp_path=tmp_path)
    assert (code, len(lines)) == (2, 2)


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"AUTH": "none", "RATE_LIMIT": "100 per minute"}, "RATE_LIMIT: is '100 per minute'; write COUNT-S"),
        ({"AUTH": "none", "RATE_LIMIT": "0-M"}, "RATE_LIMIT: is '0-M'; "),
        ({}, "API_KEY: is unset and no other key is configured, but route default wants a key; set API_KEY"),
        ({"AUTH": "none", "CACHE_SERVICE_URL": "localhost:8081"}, "CACHE_SERVICE_URL: "),
        ({"AUTH": "none", "HEADER_TIMEOUT": "soon"}, "HEADER_TIMEOUT: "),
        ({"AUTH": "none", "CONFIG_FILE": "/none.yaml"}, "/none.yaml: does not exist; check the path"),
        ({"AUTH": "none", "CONFIG_FILE": "/"}, "/: is a folder; give the path of a YAML file"),
        ({"AUTH": "none", "HOST": "192.0.2.1"}, "PORT: 192.0.2.1:0 cannot be opened"),
    ],
)
async def test_a_faulty_variable_is_one_line_with_its_name_and_the_cure(env, says):
    code, lines = await ended(env)
    assert (code, len(lines)) == (2, 1)
    assert lines[0].startswith(f"error: {says}")


async def test_a_config_file_of_100_mb_is_refused_unread(tmp_path):
    with (tmp_path / "big.yaml").open("wb") as file:
        file.truncate(100 << 20)
    code, (line,) = await ended({"CONFIG_FILE": str(tmp_path / "big.yaml")})
    assert code == 2
    assert line.startswith(
        f"error: {tmp_path}/big.yaml: is 104,857,600 bytes long; a file must be at most 16 MiB"
    )


async def test_an_unreadable_tls_file_is_told(tmp_path):
    leaf = trustme.CA().issue_cert("localhost")
    leaf.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    files = {"TLS_CERT_FILE": str(tmp_path / "none.pem"), "TLS_KEY_FILE": str(tmp_path / "key.pem")}
    code, (line,) = await ended({"AUTH": "none", **files})
    assert code == 2
    assert line.startswith(f"error: TLS_CERT_FILE: '{tmp_path}/none.pem' cannot be used: No such file")


@pytest.mark.parametrize("variable", ["PORT", "ADMIN_PORT"])
async def test_a_taken_port_is_told(variable):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, (line,) = await ended({"AUTH": "none", variable: str(port)})
    assert code == 1
    assert line == (
        f"error: {variable}: 127.0.0.1:{port} cannot be opened (Address already in use); "
        f"stop the program that uses it, or set {variable} to a free port"
    )


async def test_an_upstream_that_is_away_at_start_is_told_and_the_gateway_serves_all_the_same(tmp_path):
    port, away = free_port(), free_port()
    (tmp_path / "gw.yaml").write_text(GOOD.replace("127.0.0.1:9", f"127.0.0.1:{away}"))
    env = {
        "PORT": str(port),
        "ADMIN_PORT": "0",
        "HOST": "127.0.0.1",
        "CONFIG_FILE": str(tmp_path / "gw.yaml"),
    }
    async with Child.app("gateway", env=env) as child:
        await child.wait_line("no endpoint is reachable yet")
        told = [json.loads(line) for line in child.lines if "no endpoint" in line]
        assert len(told) == 1
        assert told[0]["level"] == "warning"
        assert (
            f"upstream one: no endpoint is reachable yet (127.0.0.1:{away}: Connection refused)"
            in told[0]["message"]
        )
        async with RawClient(port) as client:
            assert (await client.request("GET", "/")).get("Tidegate-Reason") == "upstream_connect"
            async with RecorderUpstream(port=away):
                assert (await client.request("GET", "/")).status == 200
        assert await child.stop() == 0


async def test_an_upstream_that_answers_is_not_warned_about():
    port = free_port()
    async with RecorderUpstream() as upstream:
        env = {"PORT": str(port), "ADMIN_PORT": "0", "HOST": "127.0.0.1", "AUTH": "none"}
        async with Child.app("gateway", env={**env, "CACHE_SERVICE_URL": upstream.url}) as child:
            await child.wait_line("listening on")
            await upstream.until(lambda: len(upstream.connections) == 1, "the look at the upstream")
            await asyncio.to_thread(lambda: None)
            assert await child.stop() == 0
        assert "no endpoint" not in child.output


async def test_a_misspelt_variable_and_a_key_that_can_be_guessed_are_warned_of_at_start():
    env = {"PORT": str(free_port()), "ADMIN_PORT": "0", "HOST": "127.0.0.1", "API_KEY": "hunter2"}
    async with Child.app("gateway", env={**env, "HEADER_TIMOUT": "5s"}) as child:
        await child.wait_line("listening on")
        warned = [one["message"] for line in child.lines if (one := json.loads(line))["level"] == "warning"]
        assert "HEADER_TIMOUT: is not a variable of this program; did you mean HEADER_TIMEOUT?" in warned
        assert any(message.startswith("API_KEY: has 7 characters and can be guessed") for message in warned)
        assert "hunter2" not in child.output
        assert await child.stop() == 0

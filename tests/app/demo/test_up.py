import os
import shlex
import signal
import socket
import threading
from pathlib import Path

import pytest

from app.config.model import Auth, PathKind
from app.config.parsing.config_file import parse_config
from app.demo import up
from app.foundation.errors import ConfigFaults, StartFault
from app.policy.model import TargetKind
from app.settings import load_settings
from tests.fakes.process import free_ports


def plan(**env):
    own = set(env)
    settings = load_settings(env)
    return up.Plan(settings, Path("st"), "the-key", "API_KEY" in own, "tok", "ADMIN_TOKEN" in own, 1, 2, 3)


def config(**env):
    return parse_config(up.gateway_config(plan(**env)).encode(), "gateway.yaml")


def test_the_configuration_passes_the_parser_with_all_routes_asking_for_a_key():
    routes = {route.name: route for route in config().routes or ()}
    assert {
        name: (route.match.path_kind, route.match.path, route.upstreams[0].name)
        for name, route in routes.items()
    } == {
        "cache": (PathKind.PREFIX, "/cache", "cache"),
        "cache-purge": (PathKind.EXACT, "/cache:purge", "cache"),
        "demo": (PathKind.PREFIX, "/demo", "demo"),
        "demo-mode": (PathKind.EXACT, "/demo/mode", "demo-mode"),
    }
    assert {route.auth for route in routes.values()} == {Auth.KEY}
    assert (routes["demo"].rewrite.prefix, routes["demo-mode"].rewrite.path) == ("/", "/mode")


def test_auth_none_opens_the_routes():
    assert {route.auth for route in config(AUTH="none").routes or ()} == {Auth.NONE}


def test_the_breaker_is_the_default_one_and_limits_are_left_to_the_environment():
    (policy,) = config().policies
    breaker = policy.spec.circuit_breaker
    assert breaker is not None
    assert (breaker.consecutive_failures, breaker.open_duration_s, breaker.half_open_requests) == (3, 10, 1)
    assert policy.spec.targets[0].kind is TargetKind.GATEWAY
    assert policy.spec.rate_limit is None


def test_the_upstreams_are_the_inner_ports():
    ports = {upstream.name: upstream.endpoints[0].port for upstream in config().upstreams}
    assert ports == {"cache": 1, "demo": 2, "demo-mode": 2}


def test_the_curl_lines_carry_the_made_key():
    put, get, fail = (shlex.split(line) for line in up.curl_lines(plan(PORT="81")))
    for words in (put, get, fail):
        assert words[:4] == ["curl", "-i", "-H", "X-API-Key: the-key"]
    assert put[4:] == [
        *("-X", "PUT", "-H", "Content-Type: text/plain", "-d", "hello"),
        "http://localhost:81/cache/greeting?ttl=60",
    ]
    assert get[4:] == ["http://localhost:81/cache/greeting"]
    assert fail[4:] == ["http://localhost:81/demo/status/503?try=[1-4]"]


def test_a_key_of_the_user_is_never_printed():
    text = up.announcement(plan(API_KEY="secret", ADMIN_TOKEN="hidden"))
    assert "$API_KEY" in text
    assert "the one in ADMIN_TOKEN" in text
    assert not {"secret", "hidden", "the-key"} & set(text.split())


def test_without_auth_the_curl_lines_carry_no_key():
    assert not any("-H 'X-API-Key" in line for line in up.curl_lines(plan(AUTH="none")))


def test_tls_is_seen_in_the_urls():
    lines = up.curl_lines(plan(TLS_CERT_FILE="a", TLS_KEY_FILE="b"))
    assert all("https://localhost:8080" in line and " -k " in line for line in lines)


def test_the_announcement_names_urls_and_files():
    text = up.announcement(plan())
    for part in (
        "http://localhost:8080/cache/",
        "http://localhost:9080",
        "the-key  (kept in st/api-key)",
        "st/admin-token",
    ):
        assert part in text
    assert "ADMIN_PORT=0" in up.announcement(plan(ADMIN_PORT="0"))
    assert "http://10.0.0.1:9080" in up.announcement(plan(ADMIN_HOST="10.0.0.1"))


@pytest.mark.parametrize(
    ("env", "message"),
    [({"PORT": "x"}, "PORT: 'x' cannot be used"), ({"CONFIG_FILE": "f"}, "CONFIG_FILE: .*unset it, or run")],
)
def test_a_bad_environment_is_told_before_anything_is_made(env, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigFaults, match=message):
        up.run_up(env)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("variable", ["PORT", "ADMIN_PORT"])
def test_a_port_in_use_is_told_before_anything_is_made(variable, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    port, admin_port = free_ports(2)
    env = {"PORT": str(port), "ADMIN_PORT": str(admin_port)}
    with (
        socket.create_server(("127.0.0.1", int(env[variable]))),
        pytest.raises(StartFault, match=rf"port {env[variable]} is in use; .*{variable}=\d+"),
    ):
        up.run_up(env)
    assert list(tmp_path.iterdir()) == []


def run_until(url_printed, env, capfd):
    """`run_up` in this process, ended by SIGTERM when that text is printed; status and output."""
    printed, ended = "", threading.Event()

    def watch():
        nonlocal printed
        while not ended.wait(0.05):
            printed += capfd.readouterr().out
            if url_printed in printed:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        status = up.run_up(env)
    finally:
        ended.set()
        watcher.join()
    return status, printed


@pytest.mark.parametrize("free_choice", [False, True])
def test_a_whole_run_ends_well_on_sigterm(free_choice, tmp_path, capfd):
    port, admin_port = free_ports(2)
    state = {"TIDEGATE_STATE": str(tmp_path), "PATH": os.environ["PATH"]}
    env = {
        **state,
        "PORT": "0" if free_choice else str(port),
        "ADMIN_PORT": "0" if free_choice else str(admin_port),
    }
    status, printed = run_until("[1-4]", env, capfd)
    assert status == 0
    assert "http://localhost:0" not in printed
    assert ("none (ADMIN_PORT=0)" in printed) == free_choice

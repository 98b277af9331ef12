import os
import signal
import socket
import threading

import pytest

from app.demo import up
from app.foundation.errors import ConfigFaults, StartFault
from tests.fakes.process import free_ports


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

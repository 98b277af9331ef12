"""The process: starts, serves, drains on SIGTERM, says what is wrong in one line each."""

import signal
import socket
import sys

import httpx
import pytest

from tests.fakes.process import Child, free_port
from tests.fakes.valkey import Valkey, eventually


def service(port, **env):
    return Child.module("cache", env={"PORT": str(port), "HOST": "127.0.0.1", **env})


async def test_it_serves_and_ends_with_0_on_sigterm():
    port = free_port()
    async with service(port) as child:
        await child.wait_port(port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            assert (await http.put("/cache/a?ttl=60", content=b"1")).status_code == 201
            assert (await http.get("/cache/a")).content == b"1"
        assert await child.stop() == 0


async def test_it_ends_with_0_on_ctrl_c():
    port = free_port()
    async with service(port) as child:
        await child.wait_port(port)
        assert await child.stop(signal.SIGINT) == 0


SIGNALLED = """
import os, signal, socket, sys
import cache.__main__ as process
owner, name = {"listening": (process, "listen"), "loop": (socket, "socketpair")}[sys.argv[1]]
usual = getattr(owner, name)
def signalled(*args, **options):
    os.kill(os.getpid(), int(sys.argv[2]))
    return usual(*args, **options)
setattr(owner, name, signalled)
sys.exit(process.main())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", ["listening", "loop"])
async def test_a_signal_while_it_starts_ends_it_as_cleanly(moment, number):
    env = {"PORT": str(free_port()), "HOST": "127.0.0.1"}
    async with Child([sys.executable, "-c", SIGNALLED, moment, str(int(number))], env) as child:
        assert await child.wait() == 0, child.output
        assert "Traceback" not in child.output


async def test_a_request_that_runs_at_sigterm_is_answered():
    port = free_port()
    async with service(port) as child:
        await child.wait_port(port)
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"PUT /cache/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n1")
            async with httpx.AsyncClient() as http:  # answered: so the connection before it was accepted too
                await http.get(f"http://127.0.0.1:{port}/livez")
            child.signal(signal.SIGTERM)
            await eventually(lambda: refuses(port))
            connection.sendall(b"2")
            assert connection.recv(100).startswith(b"HTTP/1.1 201 ")
        assert await child.wait() == 0, child.output


def refuses(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


async def test_with_redis_values_survive_kill_9_of_the_service(tmp_path):
    port = free_port()
    with Valkey(tmp_path, append_only=True) as valkey:
        for attempt in ("before", "after"):
            async with service(port, REDIS_URL=valkey.url) as child:
                await child.wait_port(port)
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
                    if attempt == "before":
                        stored = await http.put("/cache/a?ttl=60", content=b"1")
                        assert stored.headers["cache-durability"] == "redis"
                    else:
                        assert (await http.get("/cache/a")).content == b"1"
                await child.kill()


async def test_without_its_redis_it_starts_degraded(tmp_path):
    port = free_port()
    async with service(port, REDIS_URL=Valkey(tmp_path).url) as child:
        await child.wait_port(port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            answer = await http.get("/readyz")
            assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert await child.stop() == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PORT", "x"),
        ("REDIS_URL", "http://:pw@h"),
        ("REDIS_URL", "redis://:pw@h/0?socket_timeout=10"),
        ("REDIS_URL", "rediss://:pw@h?ssl_ca_certs=/nowhere.pem"),
        ("HOST", "a b"),
    ],
)
async def test_a_bad_environment_is_one_line_per_fault_and_exit_2(name, text):
    async with Child.module("cache", env={"CACHE_MAX_BYTES": "x", name: text}) as child:
        assert await child.wait() == 2
        assert sorted(line.split(": ")[1] for line in child.lines) == sorted([name, "CACHE_MAX_BYTES"])
        assert all(line.startswith("error: ") for line in child.lines)
        assert "pw" not in child.output


async def test_a_port_in_use_is_one_line_and_exit_1():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with service(port) as child:
            assert await child.wait() == 1
            (line,) = child.lines
            assert line.startswith(f"error: PORT: 127.0.0.1:{port} cannot be opened (Address already in use)")


async def test_a_misspelt_variable_is_warned_of_and_the_service_serves():
    port = free_port()
    async with service(port, CACHE_MAX_BYTE="1Mi") as child:
        await child.wait_line(r"CACHE_MAX_BYTE: .*did you mean CACHE_MAX_BYTES\?")
        await child.wait_port(port)
        assert await child.stop() == 0


async def test_token_and_address_of_redis_may_stand_in_files(tmp_path):
    token = tmp_path / "token"
    token.write_text("0123456789abcdef\n")
    port = free_port()
    async with service(port, CACHE_TOKEN_FILE=str(token)) as child:
        await child.wait_port(port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            assert (await http.get("/cache/a")).status_code == 401
            headers = {"authorization": "Bearer 0123456789abcdef"}
            assert (await http.get("/cache/a", headers=headers)).status_code == 404
        assert await child.stop() == 0
    async with Child.module("cache", env={"REDIS_URL_FILE": str(token)}) as child:
        assert await child.wait() == 2
        (line,) = child.lines
        assert line.startswith("error: REDIS_URL_FILE: ")
        assert "0123456789abcdef" not in child.output


async def test_an_address_of_another_machine_is_one_line_and_exit_2():
    async with Child.module("cache", env={"HOST": "no.such.host.invalid", "PORT": str(free_port())}) as child:
        assert await child.wait() == 2
        (line,) = child.lines
        assert line.startswith("error: PORT: no.such.host.invalid:")
        assert line.endswith("set HOST to an address of this machine")


async def test_it_listens_on_both_families_when_asked_for_all():
    port = free_port()
    async with service(port, HOST="::") as child:
        await child.wait_port(port)
        await child.wait_port(port, host="::1")

import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.fakes.process import Child, free_port, free_ports

SERVE = """
import signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
signal.pause()
"""
DEAF_CHILD = """
import signal, subprocess, sys
code = "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
signal.pause()
"""


def python(code: str, *arguments: str, env: Mapping[str, str] | None = None) -> Child:
    return Child([sys.executable, "-c", code, *arguments], env)


async def test_output_is_collected_and_the_status_told():
    async with python("import os, sys; print(os.environ['A']); sys.exit('bye')", env={"A": "hello"}) as child:
        assert await child.wait() == 1
    assert child.lines == ["hello", "bye"]


async def test_line_and_port_are_waited_for_and_sigterm_ends_it():
    port = free_port()
    async with python(SERVE, str(port)) as child:
        assert (await child.wait_line("listen(.*)")).group(1) == "ing"
        await child.wait_port(port)
        assert await child.stop() == 7


async def test_a_line_that_never_comes_fails_with_the_output():
    async with python("print('only this')") as child:
        with pytest.raises(AssertionError, match="only this"):
            await child.wait_line("something else")


async def test_a_port_of_a_dead_process_fails_at_once():
    async with python("print('gone')") as child:
        with pytest.raises(AssertionError, match="ended with 0"):
            await child.wait_port(free_port())


async def test_no_descendant_is_left_even_an_orphan_that_ignores_sigterm():
    async with python(DEAF_CHILD) as child:
        await child.wait_line("deaf")
        assert await child.stop(signal.SIGKILL) == -signal.SIGKILL
        assert len(child.children()) == 1
    assert child.left_over() == []


async def test_a_module_is_started_from_another_folder(tmp_path):
    async with Child.module("tests.fakes.process", cwd=tmp_path) as child:
        assert await child.wait() == 0


def test_free_ports_differ_and_are_none_that_the_kernel_gives():
    ports = [*free_ports(5), *free_ports(5)]
    assert len(set(ports)) == 10
    first, _ = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert max(ports) < first


def test_a_port_that_is_listened_on_is_not_free():
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        assert port not in free_ports(2_000 - 1)


OVERWRITES_ITS_ENVIRONMENT = """
import subprocess, signal
subprocess.Popen(["env", "-i", "sleep", "600"], start_new_session=True)
print("up", flush=True)
signal.pause()
"""


async def test_a_descendant_without_its_environment_is_found_by_its_parents():
    async with python(OVERWRITES_ITS_ENVIRONMENT) as child:
        await child.wait_line("up")
        await child.stop(signal.SIGKILL)
        assert len(child.left_over()) == 1
    assert child.left_over() == []

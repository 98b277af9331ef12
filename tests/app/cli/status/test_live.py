import io
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest
from websockets.sync.server import ServerConnection, serve

from app.cli.status.admin_client import show_status
from tests.fakes.client import RawClient
from tests.fakes.config import config_text
from tests.fakes.exchange import DEADLINE_S
from tests.fakes.process import ROOT, Child, free_ports


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.02)


class Terminal:
    """`status --watch` on a terminal of its own; `seen`: everything it wrote so far."""

    def __init__(self, url: str, words: Sequence[str] = ()) -> None:
        self.seen = ""
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", "status", *words, "--watch", "--admin", url],
            cwd=ROOT,
            stdin=slave,
            stdout=slave,
            stderr=subprocess.PIPE,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "220", "LINES": "50"},
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, text: str) -> None:
        """It is drawn from now on."""
        self.seen = ""
        wait_for(lambda: text in self.seen, f"{text!r} is not in {self.seen[-3000:]!r}")

    def close(self) -> tuple[int, bytes]:
        """Ctrl-C; its exit code and what it said on stderr."""
        self.process.send_signal(signal.SIGINT)
        _, err = self.process.communicate(timeout=DEADLINE_S)
        self._reader.join(DEADLINE_S)
        os.close(self._master)
        return self.process.returncode, err

    def press(self, keys: bytes) -> tuple[int, bytes]:
        """Types `keys`, which end it; its exit code and what it said on stderr."""
        os.write(self._master, keys)
        _, err = self.process.communicate(timeout=DEADLINE_S)
        self._reader.join(DEADLINE_S)
        os.close(self._master)
        return self.process.returncode, err

    def _read(self) -> None:
        with suppress(OSError):
            while data := os.read(self._master, 65536):
                self.seen += data.decode(errors="replace")


@contextmanager
def watching(url: str, *words: str) -> Iterator[Terminal]:
    terminal = Terminal(url, words)
    try:
        yield terminal
    finally:
        if terminal.process.returncode is None:
            terminal.close()


async def test_it_draws_what_happens_and_says_when_it_is_not_live():
    port, admin_port = free_ports(2)
    env = {
        "PORT": str(port), "ADMIN_PORT": str(admin_port), "AUTH": "none", "RATE_LIMIT": "off",
        "CACHE_SERVICE_URL": "http://127.0.0.1:9", "HOST": "127.0.0.1",
    }  # fmt: skip
    async with Child.app("gateway", env=env) as gateway:
        await gateway.wait_port(admin_port)
        with watching(f"http://127.0.0.1:{admin_port}") as terminal:
            terminal.wait_for("closed")
            async with RawClient(port) as client:
                for _ in range(3):
                    await client.request("GET", "/")
            terminal.wait_for("consecutive failures: upstream connect")
            await gateway.stop(signal.SIGKILL)
            terminal.wait_for("NOT LIVE")
            async with Child.app("gateway", env=env) as again:
                await again.wait_port(admin_port)
                terminal.wait_for("closed")
                assert terminal.close() == (0, b"")


async def test_one_topic_and_one_name_are_drawn_alone():
    port, admin_port = free_ports(2)
    env = {"PORT": str(port), "ADMIN_PORT": str(admin_port), "AUTH": "none", "HOST": "127.0.0.1"}
    async with Child.app("gateway", env=env) as gateway:
        await gateway.wait_port(admin_port)
        with watching(f"http://127.0.0.1:{admin_port}", "limits", "default") as terminal:
            terminal.wait_for("RATE_LIMIT/default")
            assert "closed" in terminal.seen
            assert "PROBE" not in terminal.seen
            assert terminal.close() == (0, b"")


async def test_a_rejected_configuration_is_drawn_first_until_the_file_is_valid(tmp_path):
    port, admin_port = free_ports(2)
    file = tmp_path / "gateway.yaml"
    file.write_text(good := config_text("http://127.0.0.1:9", timeout={"request": "30s"}))
    env = {"PORT": str(port), "ADMIN_PORT": str(admin_port), "HOST": "127.0.0.1", "CONFIG_FILE": str(file)}
    async with Child.app("gateway", env=env) as gateway:
        await gateway.wait_port(admin_port)
        with watching(f"http://127.0.0.1:{admin_port}") as terminal:
            terminal.wait_for("closed")
            file.write_text(good.replace('"30s"', "30"))
            terminal.wait_for("REJECTED configuration")
            terminal.wait_for("write 30s for seconds")
            assert "closed" in terminal.seen
            file.write_text(good.replace('"30s"', '"29s"'))
            terminal.wait_for("config applied")
            assert terminal.close() == (0, b"")


async def test_q_ends_it():
    port, admin_port = free_ports(2)
    env = {"PORT": str(port), "ADMIN_PORT": str(admin_port), "AUTH": "none", "HOST": "127.0.0.1"}
    async with Child.app("gateway", env=env) as gateway:
        await gateway.wait_port(admin_port)
        with watching(f"http://127.0.0.1:{admin_port}") as terminal:
            terminal.wait_for("closed")
            assert terminal.press(b"q") == (0, b"")


class AtTerminal(io.StringIO):
    """A stdout that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_gateway_at_first_is_one_line_and_exit_1(monkeypatch, capsys, scheme):
    (port,) = free_ports(1)
    monkeypatch.setattr(sys, "stdout", AtTerminal())
    assert show_status(f"{scheme}://127.0.0.1:{port}", watch=True) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: no monitor responds at ws{scheme[4:]}://127.0.0.1:{port}/monitor/ws: ")
    assert said.count("\n") == 1


@contextmanager
def feeding(handler: Callable[[ServerConnection], object]) -> Iterator[str]:
    """The URL of a server whose feed is `handler`."""

    def feed(socket: ServerConnection) -> None:
        handler(socket)

    with serve(feed, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


def stop_at_once(_: float) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("handler", "says"),
    [
        (lambda socket: socket.send("{}"), "no message of a monitor"),
        (lambda socket: socket.send('{"type": "history"}'), "the connection ended"),
        (lambda socket: socket.recv(), "nothing was heard"),
    ],
)
def test_a_feed_that_ends_or_is_none_is_said(monkeypatch, handler, says):
    terminal = AtTerminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("app.cli.status.live.SILENT_S", 0.0)
    with feeding(handler) as url:
        assert show_status(url, watch=True, pause=stop_at_once) == 0
    assert "NOT LIVE: " in terminal.getvalue()
    assert says in terminal.getvalue()

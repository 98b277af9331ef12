"""uvicorn on a socket of ours: it accepts when `open_server` returns, and ends when it is told to."""

import asyncio
import signal

import pytest

from app.foundation.errors import StartFault
from app.foundation.serving.listener import listen
from app.foundation.serving.server import open_server, server_config


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def ask(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    reply = await reader.read()
    writer.close()
    return reply


async def test_it_accepts_at_once_and_says_nothing_of_itself():
    sock = listen("127.0.0.1", 0, "PORT")
    before = signal.getsignal(signal.SIGTERM)
    server = await open_server(sock, server_config(app))
    port = sock.getsockname()[1]
    reply = await ask(port)
    assert reply.startswith(b"HTTP/1.1 200")
    assert b"server:" not in reply.lower()
    assert signal.getsignal(signal.SIGTERM) is before
    assert len(server.listeners) == 1
    server.end()
    await server.task
    with pytest.raises(ConnectionRefusedError):
        await ask(port)


async def test_one_that_cannot_serve_says_which_port():
    class Broken(asyncio.Protocol):
        pass

    sock = listen("127.0.0.1", 0, "PORT")
    port = sock.getsockname()[1]
    config = server_config(app, Broken, backlog=-(1 << 40))  # more than the system call takes
    with pytest.raises(StartFault, match=f"port {port} of 127.0.0.1 cannot be served"):
        await open_server(sock, config)
    sock.close()


async def test_settings_of_uvicorn_may_be_added():
    config = server_config(app, grace_s=0.5, keep_alive_s=7, backlog=9)
    assert (config.timeout_graceful_shutdown, config.timeout_keep_alive, config.backlog) == (0.5, 7, 9)

"""Nobody who is connected already is reset because a port closes."""

import asyncio
from types import SimpleNamespace

from app.foundation.serving import backlog
from app.foundation.serving.backlog import accept_backlog
from app.foundation.serving.listener import listen
from tests.fakes.unaccepted import unaccepted


async def test_all_who_wait_are_accepted():
    accepted = []

    class Client(asyncio.Protocol):
        def connection_made(self, transport):
            accepted.append(transport)

    serve = asyncio.get_running_loop().create_server
    servers = [await serve(Client, "127.0.0.1", 0) for _ in range(2)]
    first, second = (server.sockets[0].getsockname()[1] for server in servers)
    with unaccepted(first, 20), unaccepted(second, 3):
        await accept_backlog(servers)
        assert len(accepted) == 23
        for transport in accepted:
            transport.abort()
    for server in servers:
        server.close()
        await server.wait_closed()
    await accept_backlog(servers)  # nothing is open any more


async def test_it_waits_no_longer_than_its_time_for_one_that_accepts_nobody(monkeypatch):
    time = iter([100.0, 100.5, 100.9, 101.0])
    monkeypatch.setattr(backlog, "now_s", lambda: next(time))
    with listen("127.0.0.1", 0, "PORT") as sock, unaccepted(sock.getsockname()[1], 1):
        await accept_backlog([SimpleNamespace(sockets=[sock])])
    assert list(time) == []

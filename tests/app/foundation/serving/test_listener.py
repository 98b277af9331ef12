import asyncio
import contextlib
import errno
import socket

import pytest

from app.foundation.errors import ConfigFaults, StartFault
from app.foundation.serving.listener import listen, listen_beside, listen_shared, reserve


def fault(host, port, variable="PORT"):
    with pytest.raises(ConfigFaults) as caught:
        listen(host, port, variable)
    (only,) = caught.value.faults
    return str(only)


def test_a_socket_that_accepts_is_made():
    with listen("127.0.0.1", 0, "PORT") as sock, socket.create_connection(sock.getsockname()):
        assert sock.getblocking() is False


async def test_what_is_written_to_a_connection_leaves_at_once():
    loop, delays = asyncio.get_running_loop(), asyncio.Queue[bool]()

    class Connection(asyncio.Protocol):
        def connection_made(self, transport):
            option = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            delays.put_nowait(not option)
            transport.close()

    with listen("127.0.0.1", 0, "PORT") as sock:
        server = await loop.create_server(Connection, sock=sock)
        async with server:
            _, writer = await asyncio.open_connection(*sock.getsockname())
            assert await delays.get() is False
            writer.close()
            await writer.wait_closed()


def test_a_reserved_port_is_served_by_those_who_share_it_alone():
    with reserve("127.0.0.1", 0, "PORT") as reserved:
        port = reserved.getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        with listen_shared("127.0.0.1", port, "PORT") as one, listen_shared("127.0.0.1", port, "PORT"):
            socket.create_connection(("127.0.0.1", port)).close()
            with pytest.raises(StartFault, match="in use"):
                listen("127.0.0.1", port, "PORT")
            with pytest.raises(StartFault, match="in use"):
                reserve("127.0.0.1", port, "PORT")
            assert one.getblocking() is False


def test_the_wildcard_of_ipv6_takes_ipv4_too():
    with (
        listen("::", 0, "PORT") as sock,
        socket.create_connection(("127.0.0.1", sock.getsockname()[1])),
        socket.create_connection(("::1", sock.getsockname()[1])),
    ):
        assert sock.family == socket.AF_INET6


def test_a_taken_port_is_the_machines_fault_and_names_the_variable():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartFault) as caught:
            listen("127.0.0.1", port, "ADMIN_PORT")
        assert str(caught.value) == (
            f"ADMIN_PORT: 127.0.0.1:{port} cannot be opened (Address already in use); "
            "stop the program that uses it, or set ADMIN_PORT to a free port"
        )


def test_a_port_without_the_right_to_open_it_is_the_machines_fault(monkeypatch):
    def denied(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("app.foundation.serving.listener.socket.socket.bind", denied)
    with pytest.raises(
        StartFault, match="set PORT to a port that this user may open, such as one above 1023"
    ):
        listen("127.0.0.1", 80, "PORT")


def test_an_address_of_another_machine_is_a_fault_that_names_the_host_variable():
    assert fault("192.0.2.1", 0).endswith("set HOST to an address of this machine")


def test_a_host_that_is_no_address_is_a_fault():
    assert fault("no host", 0).startswith("PORT: no host:0 cannot be opened (")


@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
def test_sockets_side_by_side_share_connections_and_the_port_stays_taken_for_others(host):
    sockets = listen_beside(listen(host, 0, "PORT"), 3, "PORT")
    port = sockets[0].getsockname()[1]
    with pytest.raises(StartFault, match="PORT"):
        listen(host, port, "PORT")
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(64)]
    accepted = []
    for listener in sockets:
        with contextlib.suppress(BlockingIOError):
            while True:
                accepted.append((listener, listener.accept()[0]))
    assert len(accepted) == 64
    assert {listener for listener, _ in accepted} == set(sockets)
    for each in (*sockets, *clients, *(connection for _, connection in accepted)):
        each.close()


def test_a_port_that_cannot_be_shared_leaves_no_socket_open(monkeypatch):
    first = listen("127.0.0.1", 0, "PORT")

    def denied(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("app.foundation.serving.listener.socket.socket.bind", denied)
    with pytest.raises(StartFault, match="PORT"):
        listen_beside(first, 2, "PORT")
    assert first.fileno() == -1

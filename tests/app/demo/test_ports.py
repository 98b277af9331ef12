import errno
import socket

import pytest

from app.demo import ports
from app.foundation.errors import StartFault


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use_is_told_with_the_variable_to_set(taken):
    with pytest.raises(
        StartFault, match=rf"^PORT: port {taken} is in use; set another one, for example PORT=\d+$"
    ):
        ports.claim("PORT", "0.0.0.0", taken)  # noqa: S104


def test_a_stranger_on_ipv6_loopback_counts_because_of_localhost():
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        with pytest.raises(StartFault, match="is in use; set another one, for example ADMIN_PORT="):
            ports.claim("ADMIN_PORT", "127.0.0.1", port)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::", "::1"])  # noqa: S104
def test_a_free_port_is_claimed_and_left_free(host):
    (port,) = ports.free_ports(1)
    ports.claim("PORT", host, port)
    ports.claim("PORT", host, port)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as server:
        assert server.getsockname()[1] == port


def test_an_address_of_another_machine_is_told_with_its_variable():
    with pytest.raises(
        StartFault, match=r"^HOST: cannot listen on 192\.0\.2\.1 port \d+ .*set it to an address"
    ):
        ports.claim("PORT", "192.0.2.1", ports.free_ports(1)[0])
    with pytest.raises(StartFault, match=r"^ADMIN_HOST: "):
        ports.claim("ADMIN_PORT", "192.0.2.1", ports.free_ports(1)[0])


def test_a_missing_right_is_told_with_the_cure(monkeypatch):
    class Socket(socket.socket):
        def bind(self, *_):
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "socket", Socket)
    with pytest.raises(
        StartFault, match=r"^PORT: no right to listen on port 80; set another one, for example PORT=8080"
    ):
        ports.claim("PORT", "127.0.0.1", 80)


def test_wanted_ports_come_first_when_they_are_free(taken):
    free, other = ports.free_ports(2)
    assert ports.free_ports(1, [free]) == [free]
    assert ports.free_ports(1, [free], taken={free}) != [free]
    found = ports.free_ports(3, [taken, other])
    assert found[0] == other
    assert taken not in found
    assert len(set(found)) == 3


def test_a_wildcard_listener_is_reached_on_loopback():
    assert [ports.reachable_host(host) for host in ("0.0.0.0", "::", "10.0.0.1")] == [  # noqa: S104
        "127.0.0.1",
        "::1",
        "10.0.0.1",
    ]


def test_a_port_that_wants_more_rights_is_told_with_the_variable_to_set(monkeypatch):
    def denied(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("app.demo.ports.socket.socket.bind", denied)
    with pytest.raises(
        StartFault, match=r"^PORT: no right to listen on port 80; set another one, for example PORT=8080$"
    ):
        ports.claim("PORT", "127.0.0.1", 80)

import errno
import socket

import pytest

from app.demo import ports
from app.foundation.errors import StartFault
from tests.fakes.process import free_ports


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
    (port,) = free_ports(1)
    ports.claim("PORT", host, port)
    ports.claim("PORT", host, port)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as server:
        assert server.getsockname()[1] == port


def test_an_address_of_another_machine_is_told_with_its_variable():
    with pytest.raises(
        StartFault, match=r"^HOST: cannot listen on 192\.0\.2\.1 port \d+ .*set it to an address"
    ):
        ports.claim("PORT", "192.0.2.1", free_ports(1)[0])
    with pytest.raises(StartFault, match=r"^ADMIN_HOST: "):
        ports.claim("ADMIN_PORT", "192.0.2.1", free_ports(1)[0])


def test_a_missing_right_is_told_with_the_cure(monkeypatch):
    class Socket(socket.socket):
        def bind(self, *_):
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "socket", Socket)
    with pytest.raises(
        StartFault, match=r"^PORT: no right to listen on port 80; set another one, for example PORT=8080"
    ):
        ports.claim("PORT", "127.0.0.1", 80)


@pytest.fixture
def found():
    with ports.FreePorts() as found:
        yield found


def test_wanted_ports_come_first_when_they_are_free(found, taken):
    free, other = free_ports(2)
    assert found.take(1, [free]) == [free]
    assert found.take(1, [other], taken={other}) != [other]
    several = found.take(3, [taken, other])
    assert several[0] == other
    assert taken not in several
    assert len(set(several)) == 3


def test_no_more_than_asked_for_are_taken(found):
    first, second = free_ports(2)
    assert found.take(1, [first, second]) == [first]
    assert found.take(1, [second]) == [second]


def test_a_port_found_is_no_other_runs_until_this_one_ends(found):
    (port,) = free_ports(1)
    with ports.FreePorts() as before:
        assert before.take(1, [port]) == [port]
        assert before.take(1, [port]) != [port]
        assert found.take(1, [port]) != [port]
    assert found.take(1, [port]) == [port]


def test_a_port_found_can_be_listened_on(found):
    (port,) = found.take(1)
    with socket.create_server(("127.0.0.1", port)) as server:
        assert server.getsockname()[1] == port


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

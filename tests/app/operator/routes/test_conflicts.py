from app.operator.routes.conflicts import find_conflicts
from app.operator.routes.objects.fields import Reading
from app.operator.routes.objects.listeners import read_listeners


def group(*listeners: tuple[int, str, str | None]):
    values = [
        {"name": str(number), "port": port, "protocol": protocol, "hostname": host}
        for number, (port, protocol, host) in enumerate(listeners)
    ]
    return read_listeners(Reading("x").top({"listeners": values}))


def reasons(*groups):
    return {place: conflict.reason for place, conflict in find_conflicts(groups).items()}


def test_listeners_with_hosts_or_ports_of_their_own_do_not_conflict():
    assert reasons(group((80, "HTTP", "a"), (80, "HTTP", "b"), (80, "HTTP", None), (443, "HTTPS", "a"))) == {}


def test_within_a_gateway_nobody_wins():
    assert reasons(group((80, "HTTP", "a"), (80, "HTTPS", "b"), (81, "HTTP", "c"))) == {
        (0, 0): "ProtocolConflict",
        (0, 1): "ProtocolConflict",
    }
    assert reasons(group((80, "HTTP", "a"), (80, "HTTP", "A"))) == {
        (0, 0): "HostnameConflict",
        (0, 1): "HostnameConflict",
    }


def test_an_earlier_group_keeps_its_listeners():
    first, second = group((80, "HTTP", None)), group((80, "HTTP", ""), (80, "HTTPS", "a"), (80, "HTTP", "b"))
    found = find_conflicts([first, second])
    assert {place: one.reason for place, one in found.items()} == {
        (1, 0): "HostnameConflict",
        (1, 1): "ProtocolConflict",
    }
    assert found[1, 0].message == "another listener with no hostname has port 80; change hostname or port"
    assert found[1, 1].message == "another listener has port 80 for HTTP; give each protocol its own port"


def test_a_listener_that_lost_takes_nobodys_place():
    first = group((80, "HTTP", "a"), (80, "HTTPS", "a"))
    assert reasons(first, group((80, "HTTP", "a"))) == {
        (0, 0): "ProtocolConflict",
        (0, 1): "ProtocolConflict",
    }


def test_a_protocol_that_we_do_not_speak_takes_nobodys_place():
    assert reasons(group((80, "TCP", None)), group((80, "HTTP", "a"), (80, "TCP", None))) == {
        (1, 1): "ProtocolConflict"
    }

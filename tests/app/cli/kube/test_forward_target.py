import pytest

from app.cli.kube.forward_target import Target, host_of, target_of

OPERATOR = Target("shop", "operator-0")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ("Host: 127.0.0.1:4711", "127.0.0.1"),
        ("host:LOCALHOST", "localhost"),
        ("Host: [::1]:80", "[::1]"),
        ("Host: [::1]", "[::1]"),
        ("Accept: */*", None),
        ("Host: a\r\nHost: b", None),
        ("Host", None),
    ],
)
def test_the_name_that_is_asked_for(fields, name):
    assert host_of(f"GET / HTTP/1.1\r\n{fields}\r\n\r\n".encode()) == name


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_this_machine_means_the_pod_that_was_chosen(host):
    assert target_of(host, OPERATOR) == OPERATOR


@pytest.mark.parametrize(
    ("host", "target"),
    [
        ("gw-0.shop.localhost", Target("shop", "gw-0")),
        ("gw-0.a.team.localhost", Target("team", "gw-0.a")),
        ("shop.localhost", None),
        (".localhost", None),
        ("gw_0.shop.localhost", None),
        ("evil.example", None),
        ("localhost.evil.example", None),
        ("10.0.0.1", None),
        (None, None),
    ],
)
def test_a_name_below_localhost_is_a_pod_and_any_other_is_foreign(host, target):
    assert target_of(host, OPERATOR) == target

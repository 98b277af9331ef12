import pytest

from app.routing.host import normal_host, split_port, valid_host


@pytest.mark.parametrize(
    "value",
    [
        b"example.com",
        b"EXAMPLE.com:80",
        b"example.com.",
        b"example.com:",
        b"10.0.0.1:65535",
        b"[::1]",
        b"[::1]:8080",
        b"[::ffff:10.0.0.1]",
        b"a_b.local",
        b"caf%C3%A9.example",
        b"x" * 250 + b":12345",
    ],
)
def test_a_host_with_or_without_port_is_valid(value):
    assert valid_host(value)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b":80",
        b"a b",
        b"a,b",
        b"a/b",
        b"a?b",
        b"a#b",
        b"user@example.com",
        b"user:pw@example.com",
        b"example.com:65536",
        b"example.com:1234567",
        b"example.com:8a",
        b"example.com:80:80",
        b"::1",
        b"[::1",
        b"[]",
        b"[::g]",
        b"[1::2::3]",
        b"[v1.fe]",
        b"[::1%25eth0]",
        b"[::1]x",
        b"caf\xe9.example",
        b"%zz",
        b"a\x00",
        b"a\n",
        b"x" * 262,
    ],
)
def test_anything_else_is_no_valid_host(value):
    assert not valid_host(value)


@pytest.mark.parametrize(
    ("authority", "expected"),
    [
        (b"a.example", (b"a.example", b"")),
        (b"a.example:", (b"a.example", b"")),
        (b"a.example:81", (b"a.example", b"81")),
        (b"[::1]", (b"[::1]", b"")),
        (b"[::1]:81", (b"[::1]", b"81")),
    ],
)
def test_port_is_split_off_and_brackets_stay(authority, expected):
    assert split_port(authority) == expected


@pytest.mark.parametrize(
    ("authority", "expected"),
    [
        (b"a.example", b"a.example"),
        (b"A.Example:8080", b"a.example"),
        (b"a.example.", b"a.example"),
        (b"a.example.:80", b"a.example"),
        (b"[0:0:0:0:0:0:0:A]:80", b"[::a]"),
        (b"[zz]", b"[zz]"),
        (b"", b""),
    ],
)
def test_hosts_are_compared_without_case_port_and_trailing_dot(authority, expected):
    assert normal_host(authority) == expected

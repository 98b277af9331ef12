import re
from ipaddress import ip_network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.dataplane.codec.forwarded import client_address
from app.dataplane.codec.forwarded_hops import forwarded_hops

ELEMENT = re.compile(rb'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
FOR = re.compile(rb'(?:^|;)\s*for=("?)([^";]*)\1\s*(?:;|$)', re.IGNORECASE)
QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"')
PIECES = [
    b'"',
    b"\\",
    b'\\"',
    b",",
    b";",
    b" ",
    b"=",
    b"x",
    b"for=",
    b"For=",
    b"192.0.2.9",
    b'"[2001:db8::1]"',
]


def backtracking(value: bytes) -> list[bytes]:
    """The oracle: two expressions that say the same in quadratic time."""
    found = [FOR.search(element.strip()) for element in ELEMENT.findall(value)]
    return [match[2] if match else b"" for match in found]


@given(st.lists(st.sampled_from(PIECES), max_size=9).map(b"".join))
def test_it_says_what_the_expressions_say(value):
    # that they took a pair inside a quoted string for one is the next test
    assume(not any(b";" in quoted[0] for quoted in QUOTED.finditer(value)))
    assert [hop.strip() for hop in forwarded_hops([value])] == [hop.strip() for hop in backtracking(value)]


def test_a_pair_inside_a_quoted_string_is_no_pair():
    value = b'host="a;for=127.0.0.1;b";for=192.0.2.9'
    assert forwarded_hops([value]) == [b"192.0.2.9"]
    assert forwarded_hops([b'host="a\\";for=127.0.0.1;b"']) == [b""]


@pytest.mark.parametrize(
    ("values", "hops"),
    [
        ([], []),
        ([b"for=192.0.2.1", b"proto=https; FOR=192.0.2.2 ;by=x"], [b"192.0.2.1", b"192.0.2.2"]),
        ([b'for="[2001:db8::1]:80", for=_hidden'], [b"[2001:db8::1]:80", b"_hidden"]),
        ([b"for=a,,for=b, "], [b"a", b"b", b""]),
        ([b'for="a,b"'], [b"a,b"]),
        ([b'for="a;b"'], [b""]),
        ([b'for="'], [b""]),
        ([b'for="a, for=192.0.2.9'], [b"", b"", b"192.0.2.9"]),
        ([b'for=a"b";for=c'], [b"c"]),
        ([b"for"], [b""]),
    ],
)
def test_an_element_gives_one_hop(values, hops):
    assert forwarded_hops(values) == hops


@pytest.mark.parametrize(
    "value",
    [
        b'"' + b'\\"' * 500_000,
        b'"' * 1_000_001,
        b"for=" + b" " * 1_000_000 + b'"x"',
        b'for="' + b"\\" * 1_000_001,
        b";" * 1_000_000 + b'"',
        b'"a' * 500_000,
    ],
    ids=["escaped quotes", "quotes", "blanks", "backslashes", "semicolons", "quotes and text"],
)
def test_a_megabyte_of_anything_is_read_at_once(value):
    """Quadratic time would take these hours; the test's time limit tells."""
    networks = (ip_network("10.0.0.0/8"),)
    assert client_address("10.0.0.1", (), networks, [value]) == "10.0.0.1"

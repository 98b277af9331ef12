from ipaddress import ip_network

import pytest

from app.dataplane.codec.forwarded import (
    PeerIdentity,
    client_address,
    forwarding_lines,
    parse_networks,
)
from app.foundation.errors import ConfigFaults

Pairs = list[tuple[bytes, bytes]]

UNTRUSTED = PeerIdentity("192.0.2.1", "http")
TRUSTED = PeerIdentity("10.0.0.1", "https", (ip_network("10.0.0.0/8"),))
OWN = [
    (b"x-forwarded-for", b"192.0.2.1"),
    (b"x-forwarded-proto", b"http"),
    (b"via", b"1.1 tidegate"),
    (b"x-forwarded-host", b"a.example"),
]


def told(brought: Pairs, peer: PeerIdentity = UNTRUSTED, host: bytes = b"a.example") -> Pairs:
    block = forwarding_lines(peer, host, brought)
    assert block.endswith(b"\r\n")
    return [(name, value) for name, _, value in (line.partition(b": ") for line in block.split(b"\r\n")[:-1])]


def test_a_client_that_says_nothing_gets_the_gateways_view():
    assert told([]) == OWN


def test_a_trusted_proxys_fields_are_kept_and_its_address_appended():
    brought = [
        (b"x-forwarded-for", b"192.0.2.9"),
        (b"x-forwarded-for", b" 10.0.0.7 "),
        (b"x-forwarded-proto", b"http"),
        (b"x-forwarded-host", b"public.example"),
        (b"x-forwarded-port", b"80"),
        (b"forwarded", b"for=192.0.2.9"),
    ]
    assert dict(told(brought, TRUSTED)) == {
        b"x-forwarded-for": b"192.0.2.9, 10.0.0.7, 10.0.0.1",
        b"x-forwarded-proto": b"http",
        b"x-forwarded-host": b"public.example",
        b"x-forwarded-port": b"80",
        b"forwarded": b"for=192.0.2.9",
        b"via": b"1.1 tidegate",
    }


def test_a_trusted_proxy_that_says_nothing_gets_the_gateways_view():
    fields = dict(told([(b"x-forwarded-for", b"")], TRUSTED))
    assert fields[b"x-forwarded-for"] == b"10.0.0.1"
    assert fields[b"x-forwarded-proto"] == b"https"
    assert fields[b"x-forwarded-host"] == b"a.example"


def test_via_is_appended_to():
    fields = told([(b"via", b"1.0 fred"), (b"via", b"1.1 proxy")])
    assert [value for name, value in fields if name == b"via"] == [b"1.0 fred, 1.1 proxy, 1.1 tidegate"]


def test_via_says_the_version_of_the_message_received():
    old = UNTRUSTED.http10
    assert dict(told([], old))[b"via"] == b"1.0 tidegate"
    assert old is UNTRUSTED.http10 is old.http10
    assert (old.peer_ip, old.scheme) == (UNTRUSTED.peer_ip, UNTRUSTED.scheme)


def test_a_peer_that_speaks_http2_is_the_same_peer():
    young = TRUSTED.http2
    assert dict(told([], young))[b"via"] == b"2 tidegate"
    assert young is TRUSTED.http2 is young.http2
    assert (young.peer_ip, young.scheme, young.trusted) == (TRUSTED.peer_ip, TRUSTED.scheme, True)


def test_a_peer_that_speaks_http10_is_as_trusted_as_before():
    assert TRUSTED.http10.trusted
    assert TRUSTED.http10.networks == TRUSTED.networks


def test_without_via_the_gateway_adds_none_and_the_clients_passes():
    silent = PeerIdentity("192.0.2.1", "http", with_via=False)
    assert told([], silent) == [field for field in OWN if field[0] != b"via"]
    for peer in (silent, silent.http10):
        assert dict(told([(b"via", b"1.0 fred")], peer))[b"via"] == b"1.0 fred"
        assert b"via" not in dict(told([], peer, b""))


def test_without_a_host_no_forwarded_host_is_said():
    assert set(told([], host=b"")) == set(OWN) - {(b"x-forwarded-host", b"a.example")}


@pytest.mark.parametrize(
    ("peer", "shown"),
    [("::ffff:192.0.2.1", b"192.0.2.1"), ("2001:DB8::1", b"2001:db8::1"), ("unix", b"unix")],
)
def test_peers_are_shown_in_canonical_form(peer, shown):
    assert dict(told([], PeerIdentity(peer, "http")))[b"x-forwarded-for"] == shown


@pytest.mark.parametrize(
    ("peer", "trusted"), [("::ffff:10.1.2.3", True), ("10.1.2.3", True), ("11.0.0.1", False), ("unix", False)]
)
def test_a_peer_is_trusted_by_its_address(peer, trusted):
    assert PeerIdentity(peer, "http", (ip_network("10.0.0.0/8"),)).trusted is trusted


NETWORKS = parse_networks("10.0.0.0/8, fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        ("192.0.2.1", [b"127.0.0.1"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [b"192.0.2.9"], "192.0.2.9"),
        ("10.0.0.1", [b"127.0.0.1, 192.0.2.9"], "192.0.2.9"),
        ("10.0.0.1", [b"127.0.0.1, 192.0.2.9, 10.0.0.2"], "192.0.2.9"),
        ("10.0.0.1", [b"127.0.0.1", b"192.0.2.9", b"10.0.0.2"], "192.0.2.9"),
        ("10.0.0.1", [b"10.0.0.3,10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [b"192.0.2.9, garbage, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [b"192.0.2.9, "], "10.0.0.1"),
        ("10.0.0.1", [b"192.0.2.9:4711"], "192.0.2.9"),
        ("10.0.0.1", [b"192.0.2.9:47x"], "10.0.0.1"),
        ("10.0.0.1", [b"[2001:DB8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", [b"[2001:db8::1]"], "2001:db8::1"),
        ("10.0.0.1", [b"2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", [b"[2001:db8::1"], "10.0.0.1"),
        ("10.0.0.1", [b"[2001:db8::1]4711"], "10.0.0.1"),
        ("10.0.0.1", [b"fe80::1%eth0"], "10.0.0.1"),
        ("10.0.0.1", [b"\xff"], "10.0.0.1"),
        ("fd00::1", [b"::ffff:192.0.2.9"], "192.0.2.9"),
        ("::ffff:10.0.0.1", [b"192.0.2.9"], "192.0.2.9"),
        ("", [b"192.0.2.9"], ""),
    ],
)
def test_the_client_is_the_rightmost_untrusted_hop(peer, forwarded_for, expected):
    assert client_address(peer, forwarded_for, NETWORKS) == expected


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ([b"for=192.0.2.9;proto=http;by=203.0.113.43"], "192.0.2.9"),
        ([b'proto=http ; For="[2001:db8::1]:4711"'], "2001:db8::1"),
        ([b"for=127.0.0.1, for=192.0.2.9", b"for=10.0.0.2"], "192.0.2.9"),
        ([b'for=192.0.2.9;by="a,b;c"'], "192.0.2.9"),
        ([b"for=192.0.2.9, for=_hidden"], "10.0.0.1"),
        ([b"for=192.0.2.9, for=unknown"], "10.0.0.1"),
        ([b"for=192.0.2.9, proto=http"], "10.0.0.1"),
        ([b'for="192.0.2.9'], "10.0.0.1"),
        ([b""], "10.0.0.1"),
    ],
)
def test_forwarded_is_read_when_there_is_no_x_forwarded_for(forwarded, expected):
    assert client_address("10.0.0.1", [], NETWORKS, forwarded) == expected


def test_x_forwarded_for_wins_over_forwarded():
    assert client_address("10.0.0.1", [b"192.0.2.9"], NETWORKS, [b"for=127.0.0.1"]) == "192.0.2.9"


@pytest.mark.parametrize("text", ["", " ", "none", "None"])
def test_no_networks_trust_nobody(text):
    assert parse_networks(text) == ()


def test_networks_are_divided_by_commas_and_blanks():
    assert parse_networks("10.0.0.0/8,::1 192.0.2.7/24") == (
        ip_network("10.0.0.0/8"),
        ip_network("::1/128"),
        ip_network("192.0.2.0/24"),
    )


def test_every_bad_network_is_named():
    with pytest.raises(ConfigFaults) as caught:
        parse_networks("10.0.0.0/8, 10.0.0.0/33, nonsense")
    assert [fault.path for fault in caught.value.faults] == ["TRUSTED_PROXIES"] * 2
    assert "'nonsense' is no network" in str(caught.value)

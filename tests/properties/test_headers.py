"""Header rewriting against the plain way: one pass for each rule."""

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from app.dataplane.codec.fields import (
    Hop,
    allowed_trailer,
    client_address,
    parse_networks,
    request_fields,
    response_fields,
)
from app.routing.host import normal_host, valid_host

Pairs = list[tuple[bytes, bytes]]

NAMES = [
    b"accept",
    b"authorization",
    b"connection",
    b"content-length",
    b"cookie",
    b"date",
    b"expect",
    b"forwarded",
    b"host",
    b"keep-alive",
    b"set-cookie",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"via",
    b"x-api-key",
    b"x-custom",
    b"x-forwarded-for",
    b"x-forwarded-port",
    b"x-forwarded-proto",
    b"x-request-id",
    b"x_forwarded_for",
]
HOP_BY_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"te",
    b"transfer-encoding",
    b"upgrade",
    b"content-length",
}
KEY = b"s3cret"
NETWORKS = (ip_network("10.0.0.0/8"),)
HOPS = {trusted: Hop("10.0.0.1" if trusted else "192.0.2.1", "http", NETWORKS) for trusted in (True, False)}

values = st.one_of(
    st.sampled_from([b"", b"close", b"keep-alive, X-Custom", b"cookie,date", b"Bearer s3cret", b"1.0 fred"]),
    st.binary(max_size=12).filter(lambda value: not set(value) & set(b"\r\n\x00")),
)
fields = st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=12)


def named(headers: Pairs) -> set[bytes]:
    return {
        option.strip().lower()
        for name, value in headers
        if name == b"connection"
        for option in value.split(b",")
    }


def lines(out: list[bytes]) -> Pairs:
    found = [line.partition(b": ") for line in b"".join(out).split(b"\r\n")[:-1]]
    return [(name, value) for name, _, value in found]


@given(fields, st.booleans())
def test_a_request_keeps_exactly_what_no_rule_takes_away(headers, trusted):
    out: list[bytes] = []
    request_fields(headers, out, HOPS[trusted], b"a.example", b"id", KEY)
    own = {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"via", b"x-request-id"}
    aside = own | {b"x-forwarded-port", b"forwarded", b"x_forwarded_for"}
    kept = [
        field for field in headers if field[0] not in HOP_BY_HOP | aside | {b"host", b"expect", b"x-api-key"}
    ]
    kept = [field for field in kept if field[0] not in named(headers)]
    kept = [field for field in kept if field[0] != b"authorization" or field[1].split()[-1:] != [KEY]]
    assert [field for field in lines(out) if field[0] not in aside] == kept


@given(fields, st.booleans())
def test_a_request_tells_each_thing_of_the_gateway_once(headers, trusted):
    out: list[bytes] = []
    request_fields(headers, out, HOPS[trusted], b"a.example", b"id", KEY)
    names = [name for name, _ in lines(out)]
    for name in (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"via", b"x-request-id"):
        assert names.count(name) == 1
    told = dict(lines(out))
    assert told[b"via"].endswith(b"1.1 tidegate")
    assert told[b"x-forwarded-for"].endswith(HOPS[trusted].peer_ip.encode())


@given(fields)
def test_an_untrusted_client_says_nothing_about_where_it_comes_from(headers):
    out: list[bytes] = []
    request_fields(headers, out, HOPS[False], b"a.example", b"id", KEY)
    told = [
        field
        for field in lines(out)
        if field[0].replace(b"_", b"-").startswith((b"x-forwarded-", b"forwarded"))
    ]
    assert told == [
        (b"x-forwarded-for", b"192.0.2.1"),
        (b"x-forwarded-proto", b"http"),
        (b"x-forwarded-host", b"a.example"),
    ]


@given(fields)
def test_an_answer_keeps_exactly_what_no_rule_takes_away(headers):
    out: list[bytes] = []
    dated = response_fields(headers, out, b"id")
    gone = HOP_BY_HOP | named(headers) | {b"x-request-id"}
    protected = {b"host", b"via", b"forwarded", b"x-forwarded-for", b"x-forwarded-port", b"x-forwarded-proto"}
    kept = [field for field in headers if field[0] not in gone or field[0] in protected]
    assert lines(out) == [*kept, (b"x-request-id", b"id")]
    assert dated == any(name == b"date" for name, _ in kept)


@given(st.sampled_from(NAMES))
def test_what_never_leaves_in_a_head_never_leaves_in_a_trailer(name):
    out: list[bytes] = []
    request_fields([(name, b"x")], out, HOPS[False], b"a.example", b"id")
    if (name, b"x") not in lines(out):
        assert not allowed_trailer(name)


@given(st.lists(st.ip_addresses().map(str), max_size=5), st.ip_addresses(v=4, network="10.0.0.0/8").map(str))
def test_the_client_is_never_left_of_an_untrusted_hop(hops, peer):
    found = ip_address(client_address(peer, [", ".join(hops).encode()] if hops else [], NETWORKS))
    chain = [getattr(ip_address(hop), "ipv4_mapped", None) or ip_address(hop) for hop in [*hops, peer]]
    untrusted = [address for address in chain if address not in NETWORKS[0]]
    assert found == (untrusted[-1] if untrusted else chain[0])


@given(st.lists(st.binary(max_size=40), max_size=4), st.lists(st.binary(max_size=40), max_size=4))
def test_no_forwarded_garbage_makes_anything_but_an_address(forwarded_for, forwarded):
    ip_address(client_address("10.0.0.1", forwarded_for, NETWORKS, forwarded))


@given(st.lists(st.ip_addresses().map(str), max_size=5))
def test_networks_come_back_as_written(addresses):
    assert [str(network.network_address) for network in parse_networks(",".join(addresses))] == addresses


@given(st.binary(max_size=30))
def test_a_valid_host_holds_nothing_that_splits_a_line_or_a_list(value):
    if valid_host(value):
        assert not set(value) & set(b" \t\r\n\x00,/?#@\\")
        assert normal_host(normal_host(value)) == normal_host(value) or value.endswith(b"..")

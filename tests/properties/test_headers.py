"""Header rewriting against the plain way: one pass for each rule."""

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from app.dataplane.codec.fields import allowed_trailer
from app.dataplane.codec.forwarded import PeerIdentity, client_address, parse_networks
from app.routing.host import normal_host, valid_host
from tests.fakes.rewriting import Pairs, answered, sent

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
PEERS = {
    trusted: PeerIdentity("10.0.0.1" if trusted else "192.0.2.1", "http", NETWORKS)
    for trusted in (True, False)
}

CONTROLS = set(range(0x20)) - {0x09} | {0x7F}
VALID = {b"content-length": b"0", b"transfer-encoding": b"chunked", b"expect": b"100-continue"}
"""Any other value rejects the whole request (test_framing.py)."""

values = st.one_of(
    st.sampled_from([b"", b"close", b"keep-alive, X-Custom", b"cookie,date", b"Bearer s3cret", b"1.0 fred"]),
    st.binary(max_size=12).filter(lambda value: not set(value) & CONTROLS).map(lambda value: value.strip()),
)


@st.composite
def fields(draw) -> Pairs:
    """Fields of a message that is well-formed: without Host, and framed once at most."""
    framed, made = False, list[tuple[bytes, bytes]]()
    for name, value in draw(st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=12)):
        if name in (b"content-length", b"transfer-encoding"):
            if framed:
                continue
            framed = True
        if name != b"host":
            made.append((name, VALID.get(name, value)))
    return made


def named(headers: Pairs) -> set[bytes]:
    return {
        option.strip().lower()
        for name, value in headers
        if name == b"connection"
        for option in value.split(b",")
    }


@given(fields(), st.booleans())
def test_a_request_keeps_exactly_what_no_rule_takes_away(headers, trusted):
    fields = sent(headers, PEERS[trusted], key=KEY)
    own = {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"via", b"x-request-id"}
    aside = own | {b"x-forwarded-port", b"forwarded", b"x_forwarded_for", b"authorization"}
    kept = [field for field in headers if field[0] not in HOP_BY_HOP | aside | {b"expect", b"x-api-key"}]
    kept = [field for field in kept if field[0] not in named(headers)]
    if (b"transfer-encoding", b"chunked") in headers:
        kept.append((b"transfer-encoding", b"chunked"))
    assert [field for field in fields if field[0] not in aside] == kept


@given(fields(), st.booleans())
def test_an_authorization_passes_unless_it_holds_the_key_or_connection_names_it(headers, trusted):
    """Several are one list (RFC 9110 §5.3), which no scheme can read: with the key anywhere in it, it stays here."""
    values = [value for name, value in headers if name == b"authorization"]
    joined = b", ".join(values)
    passes = values and KEY not in joined and b"authorization" not in named(headers)
    found = [value for name, value in sent(headers, PEERS[trusted], key=KEY) if name == b"authorization"]
    assert found == ([joined] if passes else [])


@given(fields(), st.booleans())
def test_a_request_tells_each_thing_of_the_gateway_once(headers, trusted):
    fields = sent(headers, PEERS[trusted], key=KEY)
    names = [name for name, _ in fields]
    for name in (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"via", b"x-request-id"):
        assert names.count(name) == 1
    told = dict(fields)
    assert told[b"via"].endswith(b"1.1 tidegate")
    assert told[b"x-forwarded-for"].endswith(PEERS[trusted].peer_ip.encode())


@given(fields())
def test_an_untrusted_client_says_nothing_about_where_it_comes_from(headers):
    told = [
        field
        for field in sent(headers, PEERS[False], key=KEY)
        if field[0].replace(b"_", b"-").startswith((b"x-forwarded-", b"forwarded"))
    ]
    assert told == [
        (b"x-forwarded-for", b"192.0.2.1"),
        (b"x-forwarded-proto", b"http"),
        (b"x-forwarded-host", b"a.example"),
    ]


@given(fields())
def test_a_response_keeps_exactly_what_no_rule_takes_away(headers):
    fields, dated = answered(headers)
    gone = HOP_BY_HOP | named(headers) | {b"x-request-id"}
    protected = {b"host", b"via", b"forwarded", b"x-forwarded-for", b"x-forwarded-port", b"x-forwarded-proto"}
    protected |= {b"x_forwarded_for"}
    kept = [field for field in headers if field[0] not in gone or field[0] in protected]
    assert fields == [*kept, (b"x-request-id", b"id-1")]
    assert dated == any(name == b"date" for name, _ in kept)


@given(st.sampled_from([name for name in NAMES if name != b"host"]))
def test_what_never_leaves_in_a_head_never_leaves_in_a_trailer(name):
    if (name, b"x") not in sent([(name, VALID.get(name, b"x"))]):
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

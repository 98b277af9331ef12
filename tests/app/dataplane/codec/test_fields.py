from ipaddress import ip_network

import pytest

from app.config.model import HeaderEdits, Match, Route, RouteName
from app.dataplane.codec import fields as rules
from app.dataplane.codec.fields import (
    Credential,
    Hop,
    allowed_trailer,
    client_address,
    compile_request_edits,
    compile_response_edits,
    edit_fields,
    parse_networks,
    put_credential,
    request_fields,
    response_fields,
    sane_request_id,
)
from app.errors import ConfigFaults

Pairs = list[tuple[bytes, bytes]]

UNTRUSTED = Hop("192.0.2.1", "http")
TRUSTED = Hop("10.0.0.1", "https", (ip_network("10.0.0.0/8"),))
OWN = [
    (b"x-forwarded-for", b"192.0.2.1"),
    (b"x-forwarded-proto", b"http"),
    (b"via", b"1.1 tidegate"),
    (b"x-forwarded-host", b"a.example"),
    (b"x-request-id", b"id-1"),
]


def parsed(out: list[bytes]) -> Pairs:
    block = b"".join(out)
    assert block == b"" or block.endswith(b"\r\n")
    return [(name, value) for name, _, value in (line.partition(b": ") for line in block.split(b"\r\n")[:-1])]


def sent(headers: Pairs, hop: Hop = UNTRUSTED, host: bytes = b"a.example", key: bytes | None = None) -> Pairs:
    out: list[bytes] = []
    request_fields(headers, out, hop, host, b"id-1", key)
    return parsed(out)


def answered(headers: Pairs) -> tuple[Pairs, bool]:
    out: list[bytes] = []
    dated = response_fields(headers, out, b"id-1")
    return parsed(out), dated


# --- requests ----------------------------------------------------------------------------------------------


def test_ordinary_fields_pass_byte_identical_in_order_with_duplicates():
    ordinary = [
        (b"accept", b"*/*"),
        (b"cookie", b"a=1"),
        (b"x-a", b" \xff,"),
        (b"cookie", b"b=2"),
        (b"x-b", b""),
    ]
    assert sent(ordinary) == ordinary + OWN


def test_what_stands_in_out_already_is_left_alone():
    before = [b"GET / HTTP/1.1\r\n", b"x-a: made by the caller\r\n"]
    out = list(before)
    request_fields([(b"connection", b"x-a"), (b"x-a", b"1")], out, UNTRUSTED, b"a.example", b"id-1")
    assert out[:2] == before
    assert parsed(out[2:]) == OWN


@pytest.mark.parametrize(
    "name",
    [
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"transfer-encoding",
        b"upgrade",
        b"content-length",
        b"expect",
        b"host",
        b"x-api-key",
    ],
)
def test_fields_of_this_connection_and_the_key_stay_here(name):
    assert sent([(name, b"close")]) == OWN


@pytest.mark.parametrize("options", [b"x-private", b"close, X-Private", b" x-private ,,keep-alive"])
def test_fields_named_by_connection_are_dropped_wherever_they_stand(options):
    headers = [(b"x-private", b"1"), (b"connection", options), (b"x-private", b"2"), (b"x-other", b"3")]
    assert sent(headers) == [(b"x-other", b"3"), *OWN]


def test_several_connection_fields_count_together():
    headers = [(b"connection", b"a"), (b"connection", b"b"), (b"a", b"1"), (b"b", b"2"), (b"c", b"3")]
    assert sent(headers) == [(b"c", b"3"), *OWN]


def test_connection_cannot_take_away_what_the_gateway_says():
    options = b"x-forwarded-for, x-forwarded-host, x-forwarded-proto, via, x-request-id, host, forwarded"
    assert sent([(b"connection", options), (b"x-a", b"1")]) == [(b"x-a", b"1"), *OWN]


@pytest.mark.parametrize("options", [b"keep-alive", b"Upgrade", b"close", b"keep-alive, Upgrade", b""])
def test_plain_connection_options_name_no_field(options):
    assert sent([(b"connection", options), (b"close", b"1")]) == [(b"close", b"1"), *OWN]


def test_an_untrusted_client_cannot_forge_where_it_comes_from():
    forged = [
        (b"x-forwarded-for", b"127.0.0.1"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"admin"),
        (b"x-forwarded-anything", b"1"),
        (b"x_forwarded_for", b"127.0.0.1"),
        (b"forwarded", b"for=127.0.0.1"),
        (b"x-forwarded-" + b"x" * 100, b"1"),
    ]
    assert sent(forged) == OWN


def test_a_trusted_proxys_fields_are_kept_and_its_address_appended():
    fields = dict(
        sent(
            [
                (b"x-forwarded-for", b"192.0.2.9"),
                (b"x-forwarded-for", b"10.0.0.7"),
                (b"x-forwarded-proto", b"http"),
                (b"x-forwarded-host", b"public.example"),
                (b"x-forwarded-port", b"80"),
                (b"forwarded", b"for=192.0.2.9"),
                (b"x_forwarded_for", b"127.0.0.1"),
            ],
            TRUSTED,
        )
    )
    assert fields == {
        b"x-forwarded-for": b"192.0.2.9, 10.0.0.7, 10.0.0.1",
        b"x-forwarded-proto": b"http",
        b"x-forwarded-host": b"public.example",
        b"x-forwarded-port": b"80",
        b"forwarded": b"for=192.0.2.9",
        b"via": b"1.1 tidegate",
        b"x-request-id": b"id-1",
    }


def test_a_trusted_proxy_that_says_nothing_gets_the_gateways_view():
    fields = dict(sent([(b"x-forwarded-for", b"")], TRUSTED))
    assert fields[b"x-forwarded-for"] == b"10.0.0.1"
    assert fields[b"x-forwarded-proto"] == b"https"
    assert fields[b"x-forwarded-host"] == b"a.example"


def test_via_is_appended_to():
    fields = sent([(b"via", b"1.0 fred"), (b"via", b"1.1 proxy")])
    assert [value for name, value in fields if name == b"via"] == [b"1.0 fred, 1.1 proxy, 1.1 tidegate"]


def test_via_says_the_version_of_the_message_received():
    assert dict(sent([], Hop("192.0.2.1", "http", (), "1.0")))[b"via"] == b"1.0 tidegate"


def test_without_a_host_no_forwarded_host_is_said():
    assert set(sent([], host=b"")) == set(OWN) - {(b"x-forwarded-host", b"a.example")}


def test_the_request_id_is_the_one_given():
    fields = sent([(b"x-request-id", b"from client"), (b"x-request-id", b"again")])
    assert [value for name, value in fields if name == b"x-request-id"] == [b"id-1"]


def test_an_authorization_that_carried_the_key_is_dropped():
    assert sent([(b"authorization", b"Bearer s3cret")], key=b"s3cret") == OWN


def test_the_key_is_dropped_from_authorization_even_if_x_api_key_carried_it():
    assert sent([(b"x-api-key", b"s3cret"), (b"authorization", b"bearer  s3cret ")], key=b"s3cret") == OWN


@pytest.mark.parametrize(
    ("value", "key"), [(b"Bearer other", b"s3cret"), (b"Basic YTpi", None), (b"", b"s3cret")]
)
def test_another_authorization_passes(value, key):
    assert sent([(b"authorization", value)], key=key) == [(b"authorization", value), *OWN]


def test_made_up_names_do_not_grow_the_memory():
    headers = [(b"x-made-up-%d" % number, b"1") for number in range(3000)]
    assert sent(headers) == headers + OWN
    assert len(rules._REQUEST_STARTS) <= 1024


@pytest.mark.parametrize(
    ("peer", "shown"),
    [("::ffff:192.0.2.1", b"192.0.2.1"), ("2001:DB8::1", b"2001:db8::1"), ("unix", b"unix")],
)
def test_peers_are_shown_in_canonical_form(peer, shown):
    assert dict(sent([], Hop(peer, "http")))[b"x-forwarded-for"] == shown


@pytest.mark.parametrize(
    ("peer", "trusted"), [("::ffff:10.1.2.3", True), ("10.1.2.3", True), ("11.0.0.1", False), ("unix", False)]
)
def test_a_hop_is_trusted_by_its_address(peer, trusted):
    assert Hop(peer, "http", (ip_network("10.0.0.0/8"),)).trusted is trusted


@pytest.mark.parametrize("value", [b"a", b"!~", b"x" * 128, b"0b1c-2:3/4"])
def test_sane_request_ids_are_kept(value):
    assert sane_request_id(value)


@pytest.mark.parametrize("value", [b"", b"a b", b"x" * 129, b"caf\xc3\xa9", b"a\t", b"a\n", b"\x7f"])
def test_other_request_ids_are_replaced(value):
    assert not sane_request_id(value)


# --- answers -----------------------------------------------------------------------------------------------


def test_an_answers_fields_pass_in_order_with_every_cookie():
    ordinary = [
        (b"set-cookie", b"a=1, b"),
        (b"server", b"x"),
        (b"set-cookie", b"c=2"),
        (b"via", b"1.1 y"),
        (b"trailer", b"z"),
    ]
    assert answered(ordinary) == ([*ordinary, (b"x-request-id", b"id-1")], False)


def test_an_answers_date_is_kept_and_reported():
    assert answered([(b"date", b"today")]) == ([(b"date", b"today"), (b"x-request-id", b"id-1")], True)


@pytest.mark.parametrize(
    "name",
    [
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"transfer-encoding",
        b"upgrade",
        b"content-length",
    ],
)
def test_an_answers_framing_and_connection_fields_stay_here(name):
    assert answered([(name, b"close")]) == ([(b"x-request-id", b"id-1")], False)


def test_an_answers_fields_named_by_connection_are_dropped():
    headers = [(b"x-a", b"1"), (b"date", b"today"), (b"x-b", b"2"), (b"connection", b"X-A, date")]
    assert answered(headers) == ([(b"x-b", b"2"), (b"x-request-id", b"id-1")], False)


def test_an_upstream_cannot_speak_for_the_gateway():
    assert answered([(b"tidegate-reason", b"no_route"), (b"x-request-id", b"other")]) == (
        [(b"x-request-id", b"id-1")],
        False,
    )


# --- edits -------------------------------------------------------------------------------------------------


NO_EDITS = HeaderEdits()


def route(request: HeaderEdits = NO_EDITS, response: HeaderEdits = NO_EDITS) -> Route:
    return Route(RouteName("r"), Match(), (), request_headers=request, response_headers=response)


def edited(edits: HeaderEdits, headers: Pairs) -> Pairs:
    out = [b"GET / HTTP/1.1\r\n"]
    request_fields(headers, out, UNTRUSTED, b"a.example", b"id-1")
    compiled = compile_request_edits(route(edits))
    assert compiled is not None
    edit_fields(out, 1, compiled)
    assert out[0] == b"GET / HTTP/1.1\r\n"
    return parsed(out[1:])


def test_request_header_modifier_removes_sets_and_adds_in_this_order():
    edits = HeaderEdits(
        set=(("X-Set", "new"),), add=(("X-Add", "2"), ("X-Gone", "back")), remove=("X-Gone", "X-set")
    )
    headers = [
        (b"x-set", b"old"),
        (b"x-add", b"1"),
        (b"x-gone", b"1"),
        (b"x-set", b"old2"),
        (b"x-keep", b"k"),
    ]
    assert edited(edits, headers) == [
        (b"x-add", b"1"),
        (b"x-keep", b"k"),
        *OWN,
        (b"X-Set", b"new"),
        (b"X-Add", b"2"),
        (b"X-Gone", b"back"),
    ]


def test_adding_alone_leaves_all_else_in_place():
    assert edited(HeaderEdits(add=(("a", "\xff"),)), [(b"a", b"1")]) == [(b"a", b"1"), *OWN, (b"a", b"\xff")]


def test_the_gateways_own_lines_can_be_edited():
    edits = HeaderEdits(
        set=(("X-Forwarded-Proto", "https"),), remove=("via", "x-forwarded-for", "x-forwarded-host")
    )
    assert edited(edits, []) == [(b"x-request-id", b"id-1"), (b"X-Forwarded-Proto", b"https")]


def test_the_last_set_of_a_name_wins():
    edits = HeaderEdits(set=(("a", "1"), ("A", "2")))
    assert edited(edits, []) == [*OWN, (b"A", b"2")]


def test_response_header_modifier_is_compiled_on_its_own():
    it = route(response=HeaderEdits(remove=("Server",)))
    assert compile_request_edits(it) is None
    compiled = compile_response_edits(it)
    assert compiled is not None
    out: list[bytes] = []
    response_fields([(b"server", b"x"), (b"a", b"1")], out, b"id-1")
    edit_fields(out, 0, compiled)
    assert parsed(out) == [(b"a", b"1"), (b"x-request-id", b"id-1")]


def test_a_credential_replaces_every_spelling_of_its_field():
    lines = [b"a: 1\r\n", b"x-token", b": evil", b"\r\n", b"X_Token: evil\r\n", b"x-tokens: 2\r\n"]
    put_credential(lines, Credential(b"x-token", b"ours"))
    assert parsed(lines) == [(b"a", b"1"), (b"x-tokens", b"2"), (b"x-token", b"ours")]


def test_a_credential_is_not_shown():
    assert "ours" not in repr(Credential(b"x-token", b"ours"))


# --- trailers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [b"x-checksum", b"grpc-status", b"server-timing", b"digest", b"etag"])
def test_trailers_that_speak_of_the_body_pass(name):
    assert allowed_trailer(name)


@pytest.mark.parametrize(
    "name",
    [
        b"transfer-encoding",
        b"content-length",
        b"connection",
        b"te",
        b"trailer",
        b"host",
        b"authorization",
        b"cookie",
        b"set-cookie",
        b"x-api-key",
        b"proxy-authorization",
        b"forwarded",
        b"x-forwarded-for",
        b"x_forwarded_for",
        b"x-request-id",
        b"via",
        b"content-type",
        b"content-encoding",
        b"cache-control",
        b"location",
        b"tidegate-reason",
    ],
)
def test_framing_routing_and_key_fields_never_pass_in_trailers(name):
    assert not allowed_trailer(name)


# --- addresses ---------------------------------------------------------------------------------------------

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

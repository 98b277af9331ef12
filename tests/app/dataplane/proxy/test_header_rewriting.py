"""Fields on their way through the gateway, by rule: what passes, what stays, what is added."""

from ipaddress import ip_network

import pytest

from app.dataplane.codec.forwarded import PeerIdentity
from tests.fakes.rewriting import UNTRUSTED, answered, sent

TRUSTED = PeerIdentity("10.0.0.1", "https", (ip_network("10.0.0.0/8"),))
OWN = [
    (b"x-forwarded-for", b"192.0.2.1"),
    (b"x-forwarded-proto", b"http"),
    (b"via", b"1.1 tidegate"),
    (b"x-forwarded-host", b"a.example"),
    (b"x-request-id", b"id-1"),
]


def test_ordinary_fields_pass_byte_identical_in_order_with_duplicates():
    ordinary = [
        (b"accept", b"*/*"),
        (b"cookie", b"a=1"),
        (b"x-a", b"\xff,"),
        (b"cookie", b"b=2"),
        (b"x-b", b""),
    ]
    assert sent(ordinary) == ordinary + OWN


@pytest.mark.parametrize(
    "name",
    [
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"upgrade",
        b"x-api-key",
    ],
)
def test_fields_of_this_connection_and_the_key_stay_here(name):
    assert sent([(name, b"close")]) == OWN


def test_framing_and_an_expectation_are_the_gateways_own():
    assert sent([(b"content-length", b"0"), (b"expect", b"100-continue")]) == OWN
    assert sent([(b"transfer-encoding", b"Chunked")]) == [*OWN, (b"transfer-encoding", b"chunked")]
    assert sent([(b"content-length", b"005")]) == [*OWN, (b"content-length", b"5")]
    assert sent([], method=b"POST") == [*OWN, (b"content-length", b"0")]


def test_an_upgrade_to_a_websocket_is_said_again():
    upgrade = [(b"connection", b"upgrade, x-a"), (b"upgrade", b"WebSocket"), (b"x-a", b"1")]
    assert sent(upgrade) == [*OWN, (b"connection", b"Upgrade"), (b"upgrade", b"websocket")]


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
    fields = sent(
        [
            (b"x-forwarded-for", b"192.0.2.9"),
            (b"x-forwarded-for", b"10.0.0.7"),
            (b"x-forwarded-port", b"80"),
            (b"x_forwarded_for", b"127.0.0.1"),
        ],
        TRUSTED,
    )
    assert sorted(fields) == [
        (b"via", b"1.1 tidegate"),
        (b"x-forwarded-for", b"192.0.2.9, 10.0.0.7, 10.0.0.1"),
        (b"x-forwarded-host", b"a.example"),
        (b"x-forwarded-port", b"80"),
        (b"x-forwarded-proto", b"https"),
        (b"x-request-id", b"id-1"),
    ]


def test_via_is_appended_to_and_says_the_version_of_the_message_received():
    assert dict(sent([(b"via", b"1.0 fred"), (b"via", b"1.1 proxy")]))[b"via"] == (
        b"1.0 fred, 1.1 proxy, 1.1 tidegate"
    )
    assert dict(sent([], host=None))[b"via"] == b"1.0 tidegate"


def test_without_a_host_no_forwarded_host_is_said():
    assert b"x-forwarded-host" not in dict(sent([], host=None))


def test_the_request_id_is_the_one_given():
    fields = sent([(b"x-request-id", b"from client"), (b"x-request-id", b"again")])
    assert [value for name, value in fields if name == b"x-request-id"] == [b"id-1"]


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Bearer s3cret")],
        [(b"x-api-key", b"s3cret"), (b"authorization", b"bearer  s3cret ")],
        [(b"authorization", b"Bearer s3cret"), (b"authorization", b"Basic YTpi")],
        [(b"authorization", b"Basic YTpi"), (b"authorization", b"Bearer s3cret")],
    ],
)
def test_an_authorization_that_holds_the_key_is_dropped(headers):
    assert sent(headers, key=b"s3cret") == OWN


@pytest.mark.parametrize(
    ("value", "key"), [(b"Bearer other", b"s3cret"), (b"Basic YTpi", None), (b"", b"s3cret")]
)
def test_another_authorization_passes(value, key):
    assert sent([(b"authorization", value)], key=key) == [(b"authorization", value), *OWN]


def test_an_authorization_that_connection_names_is_dropped():
    assert sent([(b"authorization", b"Basic YTpi"), (b"connection", b"Authorization")]) == OWN


def test_an_upstreams_fields_pass_in_order_with_every_cookie():
    ordinary = [
        (b"set-cookie", b"a=1, b"),
        (b"server", b"x"),
        (b"set-cookie", b"c=2"),
        (b"via", b"1.1 y"),
        (b"trailer", b"z"),
    ]
    assert answered(ordinary) == ([*ordinary, (b"x-request-id", b"id-1")], False)


def test_an_upstreams_date_is_kept():
    assert answered([(b"date", b"today")]) == ([(b"date", b"today"), (b"x-request-id", b"id-1")], True)


def test_a_date_that_connection_names_is_dropped_and_made_again():
    assert answered([(b"date", b"today"), (b"connection", b"X-A, date")]) == (
        [(b"x-request-id", b"id-1")],
        False,
    )


def test_an_upstream_cannot_speak_for_the_gateway():
    assert answered([(b"tidegate-reason", b"no_route"), (b"x-request-id", b"other")]) == (
        [(b"x-request-id", b"id-1")],
        False,
    )


def test_made_up_names_do_not_change_what_passes():
    headers = [(b"x-made-up-%d" % number, b"1") for number in range(3000)]
    assert sent(headers, UNTRUSTED) == headers + OWN

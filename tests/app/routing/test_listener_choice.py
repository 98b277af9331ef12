"""The cases of HTTPRouteListenerIsolation and HTTPRouteHTTPSListenerDetectMisdirectedRequests, and what bounds cost."""

import pytest

from app.routing.listener_choice import MISDIRECTED, NO_LISTENER, ListenerChoice

ISOLATED = ListenerChoice([(), ("*.example.com",), ("*.foo.example.com",), ("abc.foo.example.com",)])
HTTPS = ListenerChoice([(), ("second-example.org",), ("*.wildcard.org",), ("fourth-example.wildcard.org",)])
NAMED = ListenerChoice([("a.example", "b.example"), ("*.c.example",)])


@pytest.mark.parametrize(
    ("host", "position"),
    [
        (b"bar.com", 0),
        (b"example.com", 0),
        (b"bar.example.com", 1),
        (b"BAR.Example.com.:8080", 1),
        (b"bar.foo.example.com", 2),
        (b"x.y.foo.example.com", 2),
        (b"abc.foo.example.com", 3),
        (b"", 0),
    ],
)
def test_the_most_specific_listener_takes_a_host(host, position):
    assert ISOLATED.find(host) == position
    assert ISOLATED.choose(host, is_tls=False, server_name=None) == position


@pytest.mark.parametrize("host", [b"d.example", b"c.example", b"", b".c.example"])
def test_without_a_listener_of_all_hosts_some_hosts_are_nobodys(host):
    assert NAMED.find(host) == NO_LISTENER
    assert NAMED.choose(host, is_tls=True, server_name=b"a.example") == NO_LISTENER


@pytest.mark.parametrize(
    ("server_name", "host", "position"),
    [
        (b"example.org", b"example.org", 0),
        (b"example.org", b"second-example.org", MISDIRECTED),
        (b"example.org", b"unknown-example.org", 0),
        (b"second-example.org", b"second-example.org:443", 1),
        (b"second-example.org", b"example.org", MISDIRECTED),
        (b"second-example.org", b"unknown-example.org", MISDIRECTED),
        (b"third-example.wildcard.org", b"third-example.wildcard.org", 2),
        (b"third-example.wildcard.org", b"fith-example.wildcard.org", 2),
        (b"third-example.wildcard.org", b"fourth-example.wildcard.org", MISDIRECTED),
        (b"third-example.wildcard.org", b"second-example.org", MISDIRECTED),
        (b"fourth-example.wildcard.org", b"fourth-example.wildcard.org", 3),
        (b"fourth-example.wildcard.org", b"fith-example.wildcard.org", MISDIRECTED),
        (b"unknown-example.org", b"example.org", 0),
        (None, b"example.org", 0),
        (None, b"second-example.org", MISDIRECTED),
    ],
)
def test_a_request_for_another_listener_than_the_handshake_was_is_misdirected(server_name, host, position):
    assert HTTPS.choose(host, is_tls=True, server_name=server_name) == position


def test_hosts_of_one_listener_share_its_connections():
    assert NAMED.choose(b"b.example", is_tls=True, server_name=b"a.example") == 0


def test_of_two_listeners_of_one_host_the_first_has_it():
    twice = ListenerChoice([("a.example",), ("a.example", "*.b.example"), ("*.b.example",), (), ()])
    assert [twice.find(host) for host in (b"a.example", b"x.b.example", b"c")] == [0, 1, 3]


def test_made_up_hosts_are_not_kept():
    choice = ListenerChoice([("a.example",)])
    for number in range(3_000):
        assert choice.find(b"%d.example" % number) == NO_LISTENER
    assert choice.find(b"a" * 300) == NO_LISTENER
    assert len(choice._memo) <= 1024
    assert choice.find(b"a.example") == 0

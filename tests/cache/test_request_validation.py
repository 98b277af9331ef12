"""What no head may have, whatever it asks for."""

import json

import pytest

from cache.request_validation import head_fault, keeps_old_connection

HOST = (b"host", b"cache:8081")


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"h",
        b"h:80",
        b"h:",
        b"127.0.0.1:80",
        b"[::1]:80",
        b"[fe80::1%25eth0]",
        b"a_b.example.",
        b"%d1%8f",
    ],
)
def test_one_host_is_sound(host):
    assert head_fault(b"GET", "1.1", [(b"host", host)], False) is None


@pytest.mark.parametrize(
    "host", [b"a b", b"h/x", b"u@h", b"h:8x", b"h:80:90", b"[::1", b"h\x00", b"\xff", b"a%zz", b"h?"]
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_host_that_names_none_is_400(host, version):
    status, detail = fault(b"GET", version, [(b"host", host)])
    assert (status, detail) == (400, "the Host field is no host with an optional port")


@pytest.mark.parametrize(("version", "count"), [("1.1", 0), ("1.1", 2), ("1.0", 2)])
def test_absent_or_doubled_hosts_are_400(version, count):
    status, detail = fault(b"GET", version, [HOST] * count)
    assert (status, detail) == (400, f"the head has {count} Host fields; send exactly one")


def test_http_1_0_needs_no_host():
    assert head_fault(b"GET", "1.0", [], False) is None


@pytest.mark.parametrize("version", ["2.0", "0.9"])
def test_another_version_is_505(version):
    assert fault(b"GET", version, [HOST])[0] == 505


def test_connect_is_405_and_says_which_methods_there_are():
    answer = head_fault(b"CONNECT", "1.1", [HOST], True)
    assert answer is not None
    assert (answer.status, dict(answer.headers)[b"allow"]) == (405, b"DELETE, GET, HEAD, POST, PUT")


def test_a_transfer_coding_in_http_1_0_is_400():
    coded = (b"transfer-encoding", b"chunked")
    assert "HTTP/1.0" in fault(b"PUT", "1.0", [HOST, coded])[1]
    assert head_fault(b"PUT", "1.1", [HOST, coded], False) is None


@pytest.mark.parametrize("field", [b"content-length", b"transfer-encoding"])
def test_an_upgrade_with_a_body_is_400(field):
    assert fault(b"PUT", "1.1", [HOST, (field, b"1")], upgrades=True)[0] == 400
    assert head_fault(b"GET", "1.1", [HOST], True) is None


@pytest.mark.parametrize(
    ("values", "keeps"),
    [
        ([], False),
        ([b"keep-alive"], True),
        ([b"Keep-Alive, x"], True),
        ([b"x", b"keep-alive"], True),
        ([b"keep-alive, close"], False),
        ([b"keep-alive", b"close"], False),
        ([b"x-keep-alive"], False),
    ],
)
def test_an_old_client_is_kept_when_it_says_so(values, keeps):
    assert keeps_old_connection([HOST, *((b"connection", value) for value in values)]) is keeps


def fault(method, version, fields, upgrades=False):
    """Status and detail of the answer."""
    answer = head_fault(method, version, fields, upgrades)
    assert answer is not None
    return answer.status, json.loads(answer.body)["detail"]

import zlib
from typing import Any

import orjson
import pytest

from app.config.sync import newest_codec
from app.config.sync.newest import Addresses, CertificatePem, Delta, Held, NewestRequest
from app.config.sync.newest_codec import (
    CERTIFICATES,
    ENDPOINTS,
    decode_delta,
    decode_newest_request,
    encode_delta,
    encode_newest_request,
)
from app.foundation.errors import ConfigFaults

NAME = "service/shop/orders/80"
LARGE: Delta[Addresses] = Delta(Held("b", 1), True, {NAME: (("10.0.0.5", 8080),)})
BODY: dict[str, Any] = {"boot": "b", "version": 3, "full": False, "upstreams": {}, "removed": []}


def packed(body: Any) -> bytes:
    squeeze = zlib.compressobj(6, zlib.DEFLATED, 31)
    return squeeze.compress(body if isinstance(body, bytes) else orjson.dumps(body)) + squeeze.flush()


def test_endpoints_come_as_they_were_sent():
    addresses = (("10.0.0.5", 8080), ("fd00::5", 8080))
    delta = Delta(Held("boot", 7), False, {NAME: addresses, "empty": ()}, ("gone",))
    assert decode_delta(ENDPOINTS, encode_delta(ENDPOINTS, delta)) == delta


def test_certificates_come_as_they_were_sent():
    delta = Delta(Held("boot", 7), True, {"secret/shop/cert": CertificatePem("CERT", "KEY")})
    assert decode_delta(CERTIFICATES, encode_delta(CERTIFICATES, delta)) == delta


def test_a_key_is_not_shown():
    assert "KEY" not in repr(CertificatePem("CERT", "KEY"))


@pytest.mark.parametrize("request_", [NewestRequest(), NewestRequest(Held("boot", 7), 25)])
def test_a_request_comes_as_it_was_sent(request_):
    assert decode_newest_request(encode_newest_request(request_)) == request_


@pytest.mark.parametrize("body", [b"no JSON", b'{"waitSeconds": 900}', b'{"version": -1}', b"[]"])
def test_a_bad_request_is_rejected(body):
    with pytest.raises(ConfigFaults):
        decode_newest_request(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"no JSON", "is no JSON"),
        ([], "is a list, not a mapping"),
        ({**BODY, "boot": ""}, "has the boot ''"),
        ({**BODY, "version": True}, "has no version"),
        ({**BODY, "full": 1}, "has no version"),
        ({**BODY, "upstreams": []}, "has no upstreams"),
        ({**BODY, "removed": None}, "has no upstreams"),
        ({**BODY, "removed": [5]}, "that are no names"),
    ],
)
def test_what_is_no_delta_is_rejected_with_what_is_wrong(body, said):
    with pytest.raises(ConfigFaults) as caught:
        decode_delta(ENDPOINTS, packed(body))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (5, "is a number, not a list"),
        ([["10.0.0.5"]], "it must be a list of [address, port]"),
        ([["10.0.0.5", 0]], "it must be a list of [address, port]"),
        ([["orders.shop", 80]], "it must be a list of [address, port]"),
        ([["fe80::1%eth0", 80]], "it must be a list of [address, port]"),
        (["10.0.0.5:80"], "it must be a list of [address, port]"),
    ],
)
def test_bad_endpoints_of_one_upstream_stop_no_other(value, said):
    read = decode_delta(ENDPOINTS, packed({**BODY, "upstreams": {NAME: value, "other": []}}))
    assert (dict(read.values), set(read.faults)) == ({"other": ()}, {NAME})
    assert said in read.faults[NAME]


def test_a_name_that_is_too_long_is_named_in_part():
    read = decode_delta(ENDPOINTS, packed({**BODY, "upstreams": {"n" * 600: []}}))
    assert (read.values, read.faults) == ({}, {"n" * 512: "has a name of 600 characters; use at most 512"})


@pytest.mark.parametrize(
    "value",
    [
        "SECRET",
        {"certificate": "CERT"},
        {"certificate": "CERT", "key": ""},
        {"certificate": 5, "key": "SECRET"},
    ],
)
def test_a_bad_certificate_is_rejected_and_not_shown(value):
    body = {**BODY, "certificates": {"secret/shop/cert": value}}
    said = decode_delta(CERTIFICATES, packed(body)).faults["secret/shop/cert"]
    assert "is no certificate with its key" in said
    assert "SECRET" not in said


def test_too_many_endpoints_and_names_are_rejected(monkeypatch):
    monkeypatch.setattr(newest_codec, "MAX_ADDRESSES", 1)
    monkeypatch.setattr(newest_codec, "MAX_NAMES", 1)
    two = {NAME: [["10.0.0.5", 1], ["10.0.0.5", 2]]}
    assert decode_delta(ENDPOINTS, packed({**BODY, "upstreams": two})).faults.keys() == {NAME}
    with pytest.raises(ConfigFaults, match="more than 1 upstreams"):
        decode_delta(ENDPOINTS, packed({**BODY, "upstreams": {"a": [], "b": []}}))


@pytest.mark.parametrize("content", [b"\x1f\x8bgarbage", packed(BODY)[:-4], packed(BODY) + b"more"])
def test_what_is_no_whole_gzip_file_is_rejected(content):
    with pytest.raises(ConfigFaults, match="no whole gzip file"):
        decode_delta(ENDPOINTS, content)


def test_what_is_too_large_is_neither_sent_nor_read(monkeypatch):
    content = packed(BODY)
    monkeypatch.setattr(newest_codec, "MAX_PLAIN_BYTES", 10)
    with pytest.raises(ConfigFaults, match="unpacked"):
        decode_delta(ENDPOINTS, content)
    monkeypatch.setattr(newest_codec, "MAX_DELTA_BYTES", 10)
    with pytest.raises(ConfigFaults, match="it must be smaller"):
        decode_delta(ENDPOINTS, content)
    with pytest.raises(ConfigFaults, match="serve fewer"):
        encode_delta(ENDPOINTS, LARGE)

import pytest

from app.config.model import (
    CertificateFiles,
    CertificateName,
    ClientCertificates,
    Listener,
    ListenerName,
    ListenerProtocol,
)
from app.config.parsing.config_file import parse_config
from tests.app.config.samples import assert_one_fault

CERTIFICATES = "certificates: [{name: shop, certFile: /c.pem, keyFile: /k.pem}]\n"
TLS = "protocol: https, certificates: [shop]"


def listeners(*inner):
    return CERTIFICATES + "listeners: [" + ", ".join(f"{{{each}}}" for each in inner) + "]"


def test_a_listener_is_read_whole():
    text = listeners(
        f"name: public, port: 8443, {TLS}, hosts: ['*.Example.com', a.b], publicPort: 443, "
        "clientCertificates: {caFile: /ca.pem, mode: optional}",
        "name: plain, port: 8081",
    )
    config = parse_config(text.encode(), "gw.yaml")
    assert config.certificates == (CertificateFiles(CertificateName("shop"), "/c.pem", "/k.pem"),)
    assert config.listeners == (
        Listener(
            ListenerName("public"),
            8443,
            ListenerProtocol.HTTPS,
            ("*.example.com", "a.b"),
            (CertificateName("shop"),),
            ClientCertificates("/ca.pem", None, is_required=False),
            443,
        ),
        Listener(ListenerName("plain"), 8081),
    )


def test_listeners_of_different_hosts_share_a_port():
    text = listeners(
        "name: a, port: 8081, hosts: [a.b]", "name: b, port: 8081, hosts: ['*.b']", "name: c, port: 8081"
    )
    assert len(parse_config(text.encode(), "gw.yaml").listeners) == 3


@pytest.mark.parametrize(
    ("inner", "place", "cure"),
    [
        (["port: 1"], "listeners[0].name: is required", "a DNS label such as public"),
        (["name: A, port: 1"], "listeners[0].name: 'A' is not a DNS label", "such as a"),
        (["name: a"], "listeners[0].port: is required", "1 to 65,535"),
        (["name: a, port: 0"], "listeners[0].port: is 0", "1 to 65,535"),
        (["name: a, port: 1, protocol: tls"], "listeners[0].protocol: is 'tls'", "one of http, https"),
        (["name: a, port: 1, protocol: https"], "listeners[0]: has no certificates", "certificates: [NAME]"),
        (
            ["name: a, port: 1, certificates: [shop]"],
            "certificates: has no effect on http",
            "protocol: https",
        ),
        (
            ["name: a, port: 1, clientCertificates: {caFile: /c}"],
            "clientCertificates: has no effect on http",
            "leave it out",
        ),
        (
            ["name: a, port: 1, protocol: https, certificates: [shp]"],
            "listeners[0].certificates[0]: names the unknown certificate shp",
            "did you mean shop?",
        ),
        ([f"name: a, port: 1, {TLS}, clientCertificates: {{}}"], "has neither caFile nor ca", "caFile: PATH"),
        (["name: a, port: 1", "name: a, port: 2"], "listeners[1].name: repeats a", "its own name"),
        (
            ["name: a, port: 1", f"name: b, port: 1, hosts: [h], {TLS}"],
            "listeners[1].protocol: is https, and listener a has http on port 1",
            "another port",
        ),
        (
            ["name: a, port: 1", "name: b, port: 1"],
            "listeners[1].hosts: has *, as listener a on port 1 has",
            "to one listener",
        ),
        (
            ["name: a, port: 1, hosts: [x.y, h.i]", "name: b, port: 1, hosts: [H.i]"],
            "listeners[1].hosts: has h.i, as listener a on port 1 has",
            "to one listener",
        ),
        (
            [
                f"name: a, port: 1, {TLS}",
                f"name: b, port: 1, hosts: [h], {TLS}, clientCertificates: {{caFile: /c}}",
            ],
            "listeners[1].clientCertificates: differs from that of listener a on port 1",
            "the same for all",
        ),
    ],
)
def test_a_bad_listener_gives_one_fault_with_place_and_cure(inner, place, cure):
    assert_one_fault(listeners(*inner), place, cure)


@pytest.mark.parametrize(
    ("text", "place", "cure"),
    [
        ("certificates: [{name: a, certFile: /c}]", "certificates[0].keyFile: is required", "PEM file"),
        (CERTIFICATES + "listeners: 8443", "listeners: is a number, not a list", "[..]"),
        (
            "certificates: [{name: a, certFile: /c, keyFile: /k}, {name: a, certFile: /d, keyFile: /e}]",
            "certificates[1].name: repeats a",
            "its own name",
        ),
    ],
)
def test_a_bad_certificate_gives_one_fault_with_place_and_cure(text, place, cure):
    assert_one_fault(text, place, cure)


def test_both_ways_to_give_a_ca_are_one_too_many():
    pem = "-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----"
    text = listeners(f'name: a, port: 1, {TLS}, clientCertificates: {{caFile: /c, ca: "{pem}"}}')
    assert_one_fault(text, "clientCertificates: has both caFile and ca", "caFile: PATH")

import pytest

from app.config.model import CertificateName, UpstreamTls
from app.config.parsing.config_file import parse_config
from app.config.parsing.upstream_tls import MAX_PEM, pem_certificates
from app.foundation.errors import BadValue
from tests.app.config.samples import assert_one_fault

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def upstream(tls, more=""):
    return f"upstreams: {{o: {{endpoints: [https://h], tls: {{{tls}}}}}}}\n{more}"


def test_everything_is_read():
    certificates = "certificates: [{name: gateway, certFile: /c, keyFile: /k}]"
    pem = PEM.replace("\n", "\\n")
    text = upstream(
        f'ca: "{pem}", serverName: orders.internal, '
        'subjectAltNames: [Orders.internal, "*.shop", "spiffe://shop/Orders"], '
        "clientCertificate: gateway",
        certificates,
    )
    (read,) = parse_config(text.encode(), "gw.yaml").upstreams
    names = ("orders.internal", "*.shop", "spiffe://shop/Orders")
    assert read.tls == UpstreamTls(None, "orders.internal", PEM, names, CertificateName("gateway"))


@pytest.mark.parametrize(
    ("tls", "place", "cure"),
    [
        ("ca: /etc/ca.pem", "upstreams.o.tls.ca: holds no certificate", "a file goes into caFile"),
        ("subjectAltNames: [a b]", "tls.subjectAltNames[0]: is 'a b'", "spiffe://shop/orders"),
        ("subjectAltNames: []", "tls.subjectAltNames: has 0 items", "at least 1"),
        (
            "clientCertificate: shop",
            "tls.clientCertificate: names the unknown certificate shop",
            "add the certificate",
        ),
        ("clientCertificate: Shop", "tls.clientCertificate: 'Shop' is not a DNS subdomain", "such as shop"),
    ],
)
def test_a_bad_value_gives_one_fault_with_place_and_cure(tls, place, cure):
    assert_one_fault(upstream(tls), place, cure)


def test_ca_and_its_file_do_not_stand_together():
    pem = PEM.replace("\n", "\\n")
    assert_one_fault(upstream(f'caFile: /ca.pem, ca: "{pem}"'), "tls.ca: stands beside caFile", "keep one")


@pytest.mark.parametrize(
    "text", [PEM + "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----", PEM + "x" * MAX_PEM]
)
def test_a_private_key_or_an_endless_text_is_no_ca_and_is_not_shown(text):
    with pytest.raises(BadValue) as caught:
        pem_certificates(text)
    assert "c2VjcmV0" not in f"{caught.value.what}{caught.value.fix}"

import pytest

from app.operator.routes.objects.pem import ca_fault, pair_fault
from app.operator.sync.certificates import issue, make_authority

AUTHORITY = make_authority(1_800_000_000.0)
CERTIFICATE, KEY = issue(AUTHORITY, ("a.example",), 1_800_000_000.0)


@pytest.mark.parametrize(
    ("certificate", "key", "fault"),
    [
        (CERTIFICATE, KEY, None),
        (CERTIFICATE + AUTHORITY.certificate, KEY, None),
        (b"", KEY, "it has no tls.crt"),
        (CERTIFICATE, b"", "it has no tls.key"),
        (b"Hello world", KEY, "its tls.crt is not a certificate in PEM"),
        (CERTIFICATE, b"Hello world", "its tls.key is not a private key in PEM without a password"),
        (CERTIFICATE, AUTHORITY.key, "its tls.key does not belong to its tls.crt"),
    ],
)
def test_a_pair_must_be_a_certificate_and_its_own_key(certificate, key, fault):
    assert pair_fault(certificate, key) == fault


@pytest.mark.parametrize(
    ("certificates", "fault"),
    [
        (AUTHORITY.certificate * 2, None),
        (b"", "it has no ca.crt"),
        (b"Hello world", "its ca.crt holds no certificates in PEM"),
    ],
)
def test_a_ca_is_one_certificate_or_more(certificates, fault):
    assert ca_fault(certificates) == fault

"""The adapter of cryptography: a small certificate authority, and certificates of the sync port.

The CA's key is in one Secret, its certificate in the snapshot's ConfigMap, which gateways trust because only
the API server can give it to them. The port's own key never leaves the process.
"""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["CA_KEY_FIELD", "Authority", "issue", "load_authority", "make_authority"]

CA_KEY_FIELD = "ca.key"
"""Beside `ca.crt` in the Secret."""

CA_DAYS = 3_650
CA_RENEW_DAYS = 180  # a new one is created this long before its end; both are trusted meanwhile
SERVER_DAYS = 90
_CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority as PEM; `ends_wall_s`: when it expires."""

    certificate: bytes
    key: bytes
    ends_wall_s: float

    def is_ending(self, wall_s: float) -> bool:
        """Whether it is time for a new one."""
        return wall_s > self.ends_wall_s - CA_RENEW_DAYS * 86_400


def make_authority(wall_s: float) -> Authority:
    """A fresh one, good for ten years."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.fromtimestamp(wall_s, UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tidegate sync CA")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate.public_bytes(Encoding.PEM), _key_pem(key), wall_s + CA_DAYS * 86_400)


def load_authority(certificate: bytes, key: bytes) -> Authority:
    """The one kept in the Secret; raises ValueError if it is none, or key and certificate do not fit."""
    try:
        loaded = x509.load_pem_x509_certificate(certificate)
        private = load_pem_private_key(key, None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise ValueError("the key is of another kind than the operator makes")
        if private.public_key() != loaded.public_key():
            raise ValueError("key and certificate do not belong together")
        loaded.verify_directly_issued_by(loaded)
    except (InvalidSignature, UnsupportedAlgorithm, TypeError) as error:
        raise ValueError(str(error) or type(error).__name__) from error
    return Authority(certificate, key, loaded.not_valid_after_utc.timestamp())


def issue(authority: Authority, names: tuple[str, ...], wall_s: float) -> tuple[bytes, bytes]:
    """Certificate and key (PEM) of a server with these DNS names and addresses, ≥ 1; good for 90 days."""
    ca = x509.load_pem_x509_certificate(authority.certificate)
    ca_key = load_pem_private_key(authority.key, None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)  # noqa: S101 - made or loaded above
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.fromtimestamp(wall_s, UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tidegate-operator")]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=SERVER_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM), _key_pem(key)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

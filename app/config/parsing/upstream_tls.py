"""Reads `tls` of an upstream: how its endpoints' certificates are verified, and what is shown to them."""

import re

from app.config.model import UpstreamTls
from app.config.parsing.addresses import host_name, plain_text
from app.config.parsing.match import unique_texts
from app.config.parsing.spelling import Spelling
from app.schema.faults import BadValue
from app.schema.fields import CheckedText, Custom
from app.schema.records import Record, Rule
from app.schema.section import Section

__all__ = ["pem_certificates", "upstream_tls_record"]

_URI = re.compile(r"[A-Za-z][-+.A-Za-z0-9]*:[!-~]{1,240}")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s+[0-9A-Za-z+/=\s]+-----END CERTIFICATE-----")
MAX_PEM = 256 << 10
"""Characters: a bundle of every public CA takes some 200 KiB."""


def pem_certificates(text: str) -> str:
    """A text with at least one certificate in PEM; whether it is a good one TLS itself finds out. Raises BadValue."""
    if len(text) > MAX_PEM:
        raise BadValue(f"has {len(text):,} characters", f"it must have at most {MAX_PEM:,}")
    if "PRIVATE KEY-----" in text:
        raise BadValue("holds a private key", "leave only the CA certificates in it")
    if not _PEM.search(text):
        fix = "it must be PEM text with -----BEGIN CERTIFICATE-----; a file goes into caFile"
        raise BadValue("holds no certificate", fix)
    return text


def _subject_name(text: str) -> str:
    """A DNS name (the first label may be `*`) or a URI, as certificates hold them (RFC 5280 §4.2.1.6)."""
    if _URI.fullmatch(text):
        return text
    try:
        host_name(text.removeprefix("*."))
    except BadValue:
        fix = "write a DNS name such as orders.example.com, or a URI such as spiffe://shop/orders"
        raise BadValue(f"is {text[:60]!r}", fix) from None
    return text.lower()


def _check_one_ca(section: Section, _: UpstreamTls) -> None:
    if "caFile" in section and "ca" in section:
        section.fault("ca", "stands beside caFile", "keep one of the two")


def upstream_tls_record(spelling: Spelling) -> Record[UpstreamTls]:
    """As `spelling` names certificates."""
    return Record(
        UpstreamTls,
        "How certificates of `https://` endpoints are verified.",
        {
            "ca_file": CheckedText(
                "caFile", plain_text, says="File of the CA certificates (PEM). Default: the system's."
            ),
            "server_name": CheckedText(
                "serverName",
                host_name,
                says="Name that the certificate is made for. Default: the endpoint's host.",
            ),
            "ca": CheckedText(
                "ca", pem_certificates, says="Instead of `caFile`: the CA certificates themselves (PEM)."
            ),
            "subject_names": Custom(
                "subjectAltNames",
                lambda section: unique_texts(section, "subjectAltNames", _subject_name),
                {
                    "description": "DNS names or URIs, of which the certificate must hold one; `serverName` is then "
                    "only what is asked for. Default: `serverName`.",
                    "type": "array",
                    "minItems": 1,
                },
            ),
            "client_certificate": CheckedText(
                "clientCertificate",
                spelling.name,
                says="Name of one of `certificates`, which the gateway shows if it is asked for one.",
            ),
        },
        Rule("", "ca and caFile must not stand together", _check_one_ca),
    )

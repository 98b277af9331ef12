"""Reads `listeners` and `certificates`: further ports, told apart by host, and what HTTPS is spoken with."""

from enum import StrEnum
from typing import Any

from app.config.model import CertificateFiles, ClientCertificates, Listener, ListenerProtocol
from app.config.parsing.addresses import plain_text
from app.config.parsing.match import HOSTS, unique_texts
from app.config.parsing.spelling import CLUSTER, FILE, Spelling, cluster_name
from app.config.parsing.upstream_tls import pem_certificates
from app.config.port_conflicts import port_conflicts
from app.schema.fields import CheckedText, Choice, Custom, Field, Whole
from app.schema.names import dns_subdomain
from app.schema.records import ListOf, Nested, Record, Rule, Unique
from app.schema.section import Section

__all__ = [
    "CERTIFICATE",
    "CLUSTER_LISTENER",
    "LISTENER",
    "read_certificates",
    "read_listeners",
]

MAX_LISTENERS = 1_000
MAX_CERTIFICATES = 10_000


class _ClientMode(StrEnum):
    REQUIRED = "required"
    OPTIONAL = "optional"


def _client_certificates(mode: _ClientMode, **others: Any) -> ClientCertificates:
    return ClientCertificates(is_required=mode is _ClientMode.REQUIRED, **others)


def _check_one_ca(section: Section, _: ClientCertificates) -> None:
    if ("caFile" in section) == ("ca" in section):
        what = "has both caFile and ca" if "ca" in section else "has neither caFile nor ca"
        section.faults.add(section.path, what, "give caFile: PATH, or the PEM text itself as ca")


_CLIENT_CERTIFICATES = Record(
    _client_certificates,
    "Asks clients for a certificate; the same for all listeners of a port.",
    {
        "ca_file": CheckedText(
            "caFile", plain_text, says="File of the CA certificates (PEM) that sign them."
        ),
        "ca": CheckedText(
            "ca", pem_certificates, says="Instead of `caFile`: the CA certificates themselves (PEM)."
        ),
        "mode": Choice(
            "mode",
            _ClientMode,
            "`required`: without a certificate that verifies there is no connection. `optional`: any client is served.",
            _ClientMode.REQUIRED,
        ),
    },
    Rule("", "must have exactly one of caFile and ca", _check_one_ca),
)


def _check_tls(section: Section, listener: Listener) -> None:
    if listener.protocol is ListenerProtocol.HTTPS:
        if not listener.certificates:
            fix = "give certificates: [NAME], each one of certificates"
            section.faults.add(section.path, "has no certificates", fix)
        return
    for key in ("certificates", "clientCertificates"):
        if key in section:
            section.fault(key, "has no effect on http", "write protocol: https, or leave it out")


def _listener_record(spelling: Spelling) -> Record[Listener]:
    of_cluster: dict[str, Field] = (
        {"gateway": CheckedText("gateway", cluster_name)} if spelling.is_compiled else {}
    )
    return Record(
        Listener,
        "A further port. Several may share one: the listener with the most specific host takes a request, and only "
        "its routes count.",
        {
            "name": CheckedText(
                "name",
                spelling.label,
                "a DNS label such as public",
                "Its name in routes, metrics and logs: a DNS label. Required.",
            ),
            "port": Whole(
                "port",
                1,
                65_535,
                "Where it listens; not the gateway's own `PORT`. Required.",
                is_required=True,
            ),
            "protocol": Choice(
                "protocol", ListenerProtocol, "What is spoken there, one for a port.", ListenerProtocol.HTTP
            ),
            "hosts": HOSTS,
            "certificates": Custom(
                "certificates",
                lambda section: unique_texts(section, "certificates", spelling.name),
                {
                    "description": "For `https`: names of `certificates`. The client's server name (SNI) chooses one.",
                    "type": "array",
                    "minItems": 1,
                },
            ),
            "client_certificates": Nested("clientCertificates", _CLIENT_CERTIFICATES),
            "public_port": Whole(
                "publicPort",
                1,
                65_535,
                "What clients connect to, if a load balancer maps it. Default: `port`.",
            ),
            **of_cluster,
        },
        Rule("", "https must have certificates, http none", _check_tls, compares_values=True),
    )


LISTENER = _listener_record(FILE)
CLUSTER_LISTENER = _listener_record(CLUSTER)

CERTIFICATE = Record(
    CertificateFiles,
    "A certificate for listeners of `https`, or an upstream's `tls.clientCertificate`; renewed files are picked up.",
    {
        "name": CheckedText("name", dns_subdomain, "a DNS subdomain such as shop", "Its name. Required."),
        "cert_file": CheckedText(
            "certFile",
            plain_text,
            "the path of a PEM file",
            "File of the certificate and its chain (PEM). Required.",
        ),
        "key_file": CheckedText(
            "keyFile", plain_text, "the path of a PEM file", "File of the private key (PEM). Required."
        ),
    },
)
_LISTENERS = ListOf(
    "listeners",
    LISTENER,
    (0, MAX_LISTENERS),
    "",
    Unique(
        lambda one: one.name or None, lambda one: one.name, "each listener must have its own name", "name"
    ),
)
_CERTIFICATES = ListOf(
    "certificates",
    CERTIFICATE,
    (0, MAX_CERTIFICATES),
    "",
    Unique(
        lambda one: one.name or None, lambda one: one.name, "each certificate must have its own name", "name"
    ),
)


def read_listeners(config: Section) -> tuple[Listener, ...]:
    """The listeners of a file, in its order; ports that two of them cannot share are faults."""
    faults_before = len(config.faults)
    listeners = _LISTENERS.read(config)
    if len(config.faults) == faults_before:
        for index, key, what, fix in port_conflicts(listeners):
            config.faults.add((*config.at("listeners"), index, key), what, fix)
    return listeners


def read_certificates(config: Section) -> tuple[CertificateFiles, ...]:
    """The certificates of a file, in its order."""
    return _CERTIFICATES.read(config)

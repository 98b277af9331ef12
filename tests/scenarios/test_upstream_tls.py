"""Endpoints over TLS: whom their certificates must name, who signs them, and what the gateway shows of itself."""

import contextlib
import datetime
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.fakes.client import RawClient
from tests.fakes.exchange import Exchange
from tests.fakes.gateway import running_gateway
from tests.fakes.upstream import RecorderUpstream

IDENTITY = "spiffe://shop/orders"


def issued(folder: Path, *names: x509.GeneralName) -> tuple[ssl.SSLContext, str]:
    """A server that shows a certificate for `names`, and who signed it: itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "orders")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    text = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "pair.pem").write_bytes(text + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pair.pem")
    return context, text.decode()


@contextlib.asynccontextmanager
async def client_of(folder: Path, url: str, tls: dict[str, Any], **more: Any) -> AsyncIterator[RawClient]:
    """Of a gateway with one upstream."""
    config = {
        "upstreams": {"u": {"endpoints": [url], "tls": tls}},
        "routes": [{"name": "r", "auth": "none", "upstream": "u"}],
        **more,
    }
    async with (
        running_gateway(config=json.dumps(config), folder=folder) as gateway,
        RawClient(gateway.port) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("names", "status"),
    [
        (["abc.example.com"], 200),
        (["def.example.com"], 502),
        ([IDENTITY], 200),
        (["spiffe://shop/carts"], 502),
        ([IDENTITY, "def.example.com"], 200),
        (["spiffe://shop/carts", "def.example.com"], 502),
    ],
)
async def test_backend_tls_policy_san(tmp_path, names, status):
    """The cases of the Gateway API's conformance test of that name."""
    server, ca = issued(tmp_path, x509.DNSName("abc.example.com"), x509.UniformResourceIdentifier(IDENTITY))
    async with RecorderUpstream(tls=server) as upstream:
        tls = {"ca": ca, "serverName": "abc.example.com", "subjectAltNames": names}
        async with client_of(tmp_path, upstream.url, tls) as client:
            answer = await client.request("GET", "/")
            assert answer.status == status
            assert len(upstream.requests) == (1 if status == 200 else 0)
            if status != 200:
                assert answer.get("tidegate-reason") == "upstream_connect"
                assert "its certificate names abc.example.com" in answer.json()["detail"]


async def test_without_names_the_one_asked_for_decides(tmp_path):
    server, ca = issued(tmp_path, x509.DNSName("abc.example.com"))
    async with RecorderUpstream(tls=server) as upstream:
        for name, status in (("abc.example.com", 200), ("mismatch.example.com", 502)):
            async with client_of(tmp_path, upstream.url, {"ca": ca, "serverName": name}) as client:
                assert (await client.request("GET", "/")).status == status


async def test_a_ca_that_did_not_sign_it_is_no_ca(tmp_path):
    server, _ = issued(tmp_path, x509.DNSName("abc.example.com"))
    ca = trustme.CA().cert_pem.bytes().decode()
    tls = {"ca": ca, "serverName": "abc.example.com"}
    async with (
        RecorderUpstream(tls=server) as upstream,
        client_of(tmp_path, upstream.url, tls) as client,
    ):
        answer = await client.request("GET", "/")
        assert (answer.status, answer.get("tidegate-reason")) == (502, "upstream_connect")


async def test_an_endpoint_that_asks_for_a_certificate_sees_the_gateways(tmp_path):
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("orders.example").configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    own = authority.issue_cert("gateway.example")
    own.private_key_pem.write_to_path(str(tmp_path / "own.key"))
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "own.crt"))
    seen = []

    async def look(exchange: Exchange) -> None:
        certificate = exchange.writer.get_extra_info("peercert")
        seen.append([name for _, name in certificate["subjectAltName"]])
        await exchange.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    ca = authority.cert_pem.bytes().decode()
    tls = {"ca": ca, "serverName": "orders.example"}
    files = {"certFile": str(tmp_path / "own.crt"), "keyFile": str(tmp_path / "own.key")}
    certificates = [{"name": "own", **files}]
    async with RecorderUpstream(tls=server) as upstream:
        upstream.default = look
        shown = {**tls, "clientCertificate": "own"}
        async with client_of(tmp_path, upstream.url, shown, certificates=certificates) as client:
            assert (await client.request("GET", "/")).status == 200
        assert seen == [["gateway.example"]]
        async with client_of(tmp_path, upstream.url, tls) as client:
            assert (await client.request("GET", "/")).status == 502

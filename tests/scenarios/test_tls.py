"""HTTPS on the public port: versions, renewal, client certificates, faults."""

import asyncio
import contextlib
import logging
import ssl
import time
from typing import Any

import pytest
import trustme

from app.foundation.errors import ConfigFaults
from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream


class Issued:
    """A CA and the two files that the gateway reads."""

    def __init__(self, folder):
        self.ca = trustme.CA()
        self.cert_file, self.key_file = folder / "tls.crt", folder / "tls.key"
        self.issue()

    def issue(self, **how):
        leaf = self.ca.issue_cert("localhost", **how)
        self.key_file.write_bytes(leaf.private_key_pem.bytes())
        self.cert_file.write_bytes(b"".join(part.bytes() for part in leaf.cert_chain_pems))

    def client(self):
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        return context


@pytest.fixture
def issued(tmp_path):
    return Issued(tmp_path)


@contextlib.asynccontextmanager
async def serving(issued, **variables):
    files: dict[str, Any] = {"TLS_CERT_FILE": str(issued.cert_file), "TLS_KEY_FILE": str(issued.key_file)}
    async with (
        RecorderUpstream() as upstream,
        running_gateway(upstream.url, **files, **variables) as gateway,
    ):
        yield upstream, gateway


async def ask(gateway, context):
    async with RawClient(gateway.port, tls=context, server_name="localhost") as client:
        answer = await client.request("GET", "/")
        seen = client.writer.get_extra_info("ssl_object")
        return answer, seen.version(), seen.getpeercert()


async def until_serial_is_new(gateway, context, serial):
    deadline = time.monotonic() + 3.0
    while (got := (await ask(gateway, context))[2]["serialNumber"]) == serial:
        assert time.monotonic() < deadline, "the renewed certificate is not served"
        await asyncio.sleep(0.05)
    return got


async def test_https_is_spoken_and_the_upstream_is_told(issued):
    async with serving(issued) as (upstream, gateway):
        answer, version, _ = await ask(gateway, issued.client())
        assert (answer.status, version) == (200, "TLSv1.3")
        assert upstream.requests[0].get("X-Forwarded-Proto") == "https"


async def test_tls_12_is_spoken_and_older_versions_are_not(issued):
    async with serving(issued) as (_, gateway):
        context = issued.client()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert (await ask(gateway, context))[1] == "TLSv1.2"
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await ask(gateway, old)


async def test_plain_http_on_the_tls_port_gets_no_answer_and_harms_nobody(issued):
    async with serving(issued) as (_, gateway):
        async with RawClient(gateway.port) as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"HTTP/1.1 200" not in await client.read_until_closed()
        assert (await ask(gateway, issued.client()))[0].status == 200


@pytest.mark.parametrize("key_type", [trustme.KeyType.ECDSA, trustme.KeyType.RSA])
async def test_renewed_files_are_served_without_restart_whatever_their_kind_of_key(issued, key_type):
    async with serving(issued) as (_, gateway):
        context = issued.client()
        async with RawClient(gateway.port, tls=context, server_name="localhost") as open_before:
            serial = open_before.writer.get_extra_info("ssl_object").getpeercert()["serialNumber"]
            issued.issue(key_type=key_type)
            serial = await until_serial_is_new(gateway, context, serial)
            issued.issue(key_type=trustme.KeyType.ECDSA)
            await until_serial_is_new(gateway, context, serial)
            assert (await open_before.request("GET", "/")).status == 200


async def test_a_pair_that_does_not_fit_keeps_the_last_good_one(issued, caplog):
    async with serving(issued) as (_, gateway):
        context = issued.client()
        serial = (await ask(gateway, context))[2]["serialNumber"]
        good_key = issued.key_file.read_bytes()
        with caplog.at_level(logging.ERROR, "tidegate.tls"):
            issued.issue()
            new_key = issued.key_file.read_bytes()
            issued.key_file.write_bytes(good_key)
            assert gateway.certificate.renew() is False
        (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
        assert "the last good one stays" in line
        assert str(issued.key_file) in line
        assert (await ask(gateway, context))[2]["serialNumber"] == serial
        issued.key_file.write_bytes(new_key)
        await until_serial_is_new(gateway, context, serial)


async def test_the_certificates_end_is_a_metric(issued):
    async with serving(issued, ADMIN_PORT=str(free_port())) as (_, gateway):
        async with RawClient(gateway.admin_port) as admin:
            page = (await admin.request("GET", "/metrics")).body.decode()
        (line,) = [line for line in page.splitlines() if line.startswith("tidegate_certificate_expiry")]
        assert float(line.split()[1]) > time.time()


async def test_only_clients_with_a_certificate_of_the_ca_are_served(issued, tmp_path):
    issued.ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with serving(issued, TLS_CLIENT_CA_FILE=str(tmp_path / "ca.pem")) as (_, gateway):
        known = issued.client()
        issued.ca.issue_cert("client@example.com").configure_cert(known)
        assert (await ask(gateway, known))[0].status == 200
        foreign = issued.client()
        trustme.CA().issue_cert("client@example.com").configure_cert(foreign)
        for context in (issued.client(), foreign):
            with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
                await ask(gateway, context)


async def refusal(**variables):
    with pytest.raises(ConfigFaults) as caught:
        async with running_gateway(**variables):
            pass
    return [str(fault) for fault in caught.value.faults]


async def test_files_that_cannot_be_used_are_faults_that_name_them(issued, tmp_path):
    cert, key = str(issued.cert_file), str(issued.key_file)
    missing, junk = str(tmp_path / "none.pem"), tmp_path / "junk.pem"
    junk.write_text("no PEM")
    faults = await refusal(TLS_CERT_FILE=missing, TLS_KEY_FILE=missing)
    assert [fault.split(":")[0] for fault in faults] == ["TLS_CERT_FILE", "TLS_KEY_FILE"]
    (line,) = await refusal(TLS_CERT_FILE=str(junk), TLS_KEY_FILE=key)
    assert str(junk) in line
    (line,) = await refusal(TLS_CERT_FILE=cert, TLS_KEY_FILE=key, TLS_CLIENT_CA_FILE=str(junk))
    assert line.startswith("TLS_CLIENT_CA_FILE: ")


async def test_a_key_with_a_password_is_a_fault_and_nobody_is_asked_for_it(issued):
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(issued.key_file.read_bytes(), None)
    sealed = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    issued.key_file.write_bytes(sealed)
    (line,) = await refusal(TLS_CERT_FILE=str(issued.cert_file), TLS_KEY_FILE=str(issued.key_file))
    assert "need no password" in line

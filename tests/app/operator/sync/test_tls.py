import asyncio
import ssl

import pytest

from app.foundation.clock import wall_s
from app.foundation.errors import ClusterError, StartFault
from app.operator.kube.resources import Stored
from app.operator.sync import tls as module
from app.operator.sync.certificates import (
    CA_DAYS,
    CA_KEY_FIELD,
    CA_RENEW_DAYS,
    issue,
    make_authority,
)
from app.operator.sync.tls import FileTls, load_own_ca_tls
from tests.fakes.cluster import FakeCluster

NOW_S = 1_800_000_000.0
SECRET = "tidegate-sync-ca"


def handshake(context: ssl.SSLContext, ca: str, name: str) -> None:
    """A TLS handshake in memory; raises ssl.SSLError if the client does not trust the server."""
    there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context(cadata=ca).wrap_bio(there, here, server_hostname=name)
    server = context.wrap_bio(here, there, server_side=True)
    waiting = [client.do_handshake, server.do_handshake] * 4
    for step in waiting:
        try:
            step()
        except ssl.SSLWantReadError:
            continue


async def test_gateways_trust_the_port_by_the_ca_that_they_are_given():
    port = await load_own_ca_tls(FakeCluster(), SECRET, ("operator.shop.svc", "127.0.0.1"))
    assert port.ca is not None
    handshake(port.context, port.ca, "operator.shop.svc")
    handshake(port.context, port.ca, "127.0.0.1")


async def test_another_name_is_not_trusted():
    port = await load_own_ca_tls(FakeCluster(), SECRET, ("operator.shop.svc",))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(port.context, port.ca or "", "elsewhere.svc")


async def test_the_ca_outlives_the_operator():
    cluster = FakeCluster()
    first = await load_own_ca_tls(cluster, SECRET, ("a",))
    again = await load_own_ca_tls(cluster, SECRET, ("a",))
    assert first.ca == again.ca
    handshake(again.context, first.ca or "", "a")


async def test_two_operators_that_start_at_once_share_one_ca():
    cluster = FakeCluster()
    raced = make_authority(NOW_S)

    def other_writes() -> None:
        cluster.before_configmap_write = lambda: None
        data = {"ca.crt": raced.certificate, CA_KEY_FIELD: raced.key}
        cluster.secrets[SECRET] = Stored("99", data)

    cluster.before_configmap_write = other_writes
    port = await load_own_ca_tls(cluster, SECRET, ("a",))
    assert port.ca == raced.certificate.decode()


async def test_a_secret_that_changes_all_the_time_is_given_up():
    cluster = FakeCluster()

    def other_writes() -> None:
        cluster.secrets[SECRET] = Stored(cluster._next(), {})

    cluster.before_configmap_write = other_writes
    with pytest.raises(ClusterError, match="keeps changing"):
        await load_own_ca_tls(cluster, SECRET, ("a",))


async def test_a_secret_that_may_not_be_written_is_reported():
    cluster = FakeCluster()

    def forbid() -> None:
        raise ClusterError("write", "secret", 403, "forbidden")

    cluster.before_configmap_write = forbid
    with pytest.raises(ClusterError, match="forbidden"):
        await load_own_ca_tls(cluster, SECRET, ("a",))


async def test_an_ending_ca_is_replaced_and_still_trusted(monkeypatch):
    old = make_authority(NOW_S)
    cluster = FakeCluster()
    cluster.secrets[SECRET] = Stored("1", {"ca.crt": old.certificate, CA_KEY_FIELD: old.key})
    monkeypatch.setattr(module, "wall_s", lambda: NOW_S + (CA_DAYS - CA_RENEW_DAYS + 1) * 86_400)
    port = await load_own_ca_tls(cluster, SECRET, ("a",))
    assert port.ca is not None
    assert old.certificate.decode() in port.ca
    assert cluster.secrets[SECRET].data["ca.crt"] != old.certificate


async def test_a_garbled_secret_is_replaced():
    cluster = FakeCluster()
    cluster.secrets[SECRET] = Stored("1", {"ca.crt": b"x", CA_KEY_FIELD: b"y"})
    handshake((port := await load_own_ca_tls(cluster, SECRET, ("a",))).context, port.ca or "", "a")


@pytest.fixture
def files(tmp_path):
    paths = (tmp_path / "tls.crt", tmp_path / "tls.key")
    made = make_authority(NOW_S)
    write(paths, made)
    return paths, made


def write(paths, made, name="a"):
    for path, content in zip(paths, issue(made, (name,), wall_s()), strict=True):
        path.write_bytes(content)


def test_files_serve_as_certificate(files):
    paths, _ = files
    other = make_authority(wall_s())
    write(paths, other)
    port = FileTls(*map(str, paths))
    handshake(port.context, other.certificate.decode(), "a")
    assert port.ca is None


def test_changed_files_are_picked_up(files):
    paths, _ = files
    port = FileTls(*map(str, paths))
    other = make_authority(wall_s())
    write(paths, other)
    port.refresh()
    handshake(port.context, other.certificate.decode(), "a")


def test_files_that_become_unusable_keep_the_old_certificate(files, caplog):
    paths, _ = files
    port = FileTls(*map(str, paths))
    paths[0].write_bytes(b"garbage")
    port.refresh()
    port.refresh()
    assert caplog.text.count("cannot be used, the old one stays") == 1


def test_files_that_cannot_be_used_are_a_start_fault(tmp_path):
    with pytest.raises(StartFault, match="SYNC_TLS_CERT_FILE"):
        FileTls(str(tmp_path / "none"), str(tmp_path / "none"))


async def test_the_ports_stay_fresh_until_they_are_cancelled(files, monkeypatch):
    paths, _ = files
    monkeypatch.setattr(module, "_LOOK_S", 0.0)
    monkeypatch.setattr(module, "_RENEW_S", 0.0)
    for port in (FileTls(*map(str, paths)), await load_own_ca_tls(FakeCluster(), SECRET, ("a",))):
        task = asyncio.ensure_future(port.keep_fresh())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

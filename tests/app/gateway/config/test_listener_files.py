import pytest

from app.config.model import (
    CertificateFiles,
    CertificateName,
    ClientCertificates,
    Listener,
    ListenerName,
    ListenerProtocol,
)
from app.foundation.errors import ConfigFaults
from app.gateway.config.listener_files import NO_LISTENER_FILES, read_listener_files
from tests.fakes.certificates import Authority


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def named(tmp_path):
    return CertificateFiles(CertificateName("shop"), str(tmp_path / "tls.crt"), str(tmp_path / "tls.key"))


@pytest.fixture
def write(named):
    def written(pair):
        for path, content in ((named.cert_file, pair.certificate), (named.key_file, pair.private_key)):
            with open(path, "wb") as file:
                file.write(content)

    return written


def asking(ca_file) -> Listener:
    name, asked = ListenerName("web"), ClientCertificates(str(ca_file))
    return Listener(name, 20001, ListenerProtocol.HTTPS, client_certificates=asked)


def faults_of(certificates, listeners, contents=None):
    with pytest.raises(ConfigFaults) as caught:
        read_listener_files(certificates, listeners, contents or {}, {})
    return [str(fault) for fault in caught.value.faults]


def test_without_listeners_nothing_is_read():
    assert read_listener_files((), (), {}, {}) is NO_LISTENER_FILES


def test_a_pair_is_read_and_what_it_came_from_is_kept(authority, named, write):
    pair, used = authority.pair("a.example"), dict[str, bytes]()
    write(pair)
    assert read_listener_files([named], (), {}, used).pairs == {"shop": pair}
    assert used == {named.cert_file: pair.certificate, named.key_file: pair.private_key}


def test_what_is_held_already_is_not_read_again(authority, named):
    pair = authority.pair("a.example")
    contents = {named.cert_file: pair.certificate, named.key_file: pair.private_key}
    assert read_listener_files([named], (), contents, {}).pairs == {"shop": pair}


def test_half_of_a_renewed_pair_brings_the_other_half(authority, named, write):
    old, new, used = authority.pair("a.example"), authority.pair("a.example"), dict[str, bytes]()
    write(new)
    contents = {named.cert_file: new.certificate, named.key_file: old.private_key}
    assert read_listener_files([named], (), contents, used).pairs == {"shop": new}
    assert used[named.key_file] == new.private_key


def test_a_pair_that_does_not_fit_is_told_with_its_cure(authority, named, write):
    write(authority.pair("a.example"))
    with open(named.key_file, "wb") as file:
        file.write(authority.pair("a.example").private_key)
    (fault,) = faults_of([named], ())
    assert fault.startswith("certificates.shop: ")
    assert "key values mismatch" in fault
    assert "give the files of one certificate" in fault
    assert "PRIVATE" not in fault


def test_a_file_that_is_missing_is_told(named):
    (fault,) = faults_of([named], ())
    assert "tls.crt does not exist" in fault.replace(": ", " ")


def test_the_ca_of_clients_is_read_once_for_all_who_ask(authority, tmp_path):
    path, used = tmp_path / "ca.pem", dict[str, bytes]()
    path.write_text(authority.pem)
    read = read_listener_files((), [asking(path), asking(path)], {}, used)
    assert read.client_cas == {str(path): authority.pem}
    assert used == {str(path): authority.pem.encode()}
    assert read_listener_files((), [asking(path)], used, {}).client_cas == read.client_cas


@pytest.mark.parametrize("content", [b"", b"no certificate", b"\xff"])
def test_a_ca_file_without_certificates_is_told(tmp_path, content):
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    (fault,) = faults_of((), [asking(path)])
    assert fault.startswith("listeners.web.clientCertificates.caFile")


def test_a_ca_file_that_is_missing_is_told_beside_other_faults(tmp_path, named):
    faults = faults_of([named], [asking(tmp_path / "none.pem")])
    assert len(faults) == 2

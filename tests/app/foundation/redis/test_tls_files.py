import pytest
import trustme

from app.foundation.errors import ConfigFaults
from app.foundation.redis.tls_files import check_tls_files
from app.foundation.redis.url import parse_redis_url


@pytest.mark.parametrize("content", [None, "not a certificate"])
@pytest.mark.parametrize("query", ["ssl_ca_certs={0}", "ssl_certfile={0}&ssl_keyfile={0}"])
def test_a_file_that_cannot_be_used_is_a_fault(tmp_path, content, query):
    file = tmp_path / "file.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigFaults) as raised:
        check_tls_files(parse_redis_url("rediss://h?" + query.format(file)), "SOME_URL")
    (fault,) = raised.value.faults
    assert fault.path == "SOME_URL"
    assert "TLS file" in fault.what
    assert "readable PEM files" in fault.fix


def test_files_that_can_be_used_are_none(tmp_path):
    authority = trustme.CA()
    certificate = authority.issue_cert("client")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    query = f"ssl_ca_certs={tmp_path}/ca.pem&ssl_certfile={tmp_path}/cert.pem&ssl_keyfile={tmp_path}/key.pem"
    check_tls_files(parse_redis_url("rediss+cluster://h?" + query))


def test_without_tls_and_without_files_there_is_nothing_to_check():
    check_tls_files(parse_redis_url("redis://h"))
    check_tls_files(parse_redis_url("rediss://h"))

import base64

import yaml

from app.operator.sync.certificates import issue, make_authority
from tests.app.operator.routes.manifests import value

AUTHORITY = make_authority(1_800_000_000.0)
CERTIFICATE, KEY = issue(AUTHORITY, ("a.example",), 1_800_000_000.0)


def secret(kind="kubernetes.io/tls", **data: bytes):
    packed = {name: base64.b64encode(text).decode() for name, text in data.items()}
    return value("Secret", top=yaml.safe_dump({"type": kind, "data": packed}))


def test_a_pair_is_kept_and_never_shown():
    made = secret(**{"tls.crt": CERTIFICATE, "tls.key": KEY, "other": b"secret"})
    assert (made.certificate, made.key, made.fault) == (CERTIFICATE, KEY, None)
    assert "PRIVATE" not in repr(made)


def test_a_secret_of_another_type_does_not_serve():
    assert secret("Opaque", **{"tls.crt": CERTIFICATE, "tls.key": KEY}).fault == (
        "its type is Opaque, not kubernetes.io/tls"
    )
    assert value("Secret").fault == "its type is Opaque, not kubernetes.io/tls"


def test_what_a_manifest_says_in_plain_text_is_read_too():
    made = value("Secret", top=yaml.safe_dump({"type": "kubernetes.io/tls", "stringData": {"tls.crt": "x"}}))
    assert (made.certificate, made.fault) == (b"x", "it has no tls.key")


def test_text_that_is_no_base64_reads_as_absent():
    made = value("Secret", top=yaml.safe_dump({"type": "kubernetes.io/tls", "data": {"tls.crt": "abc"}}))
    assert made.fault == "it has no tls.crt and no tls.key"


def test_a_ca_is_taken_from_a_secret_and_a_config_map():
    assert secret(**{"ca.crt": AUTHORITY.certificate}).ca_fault is None
    made = value("ConfigMap", top=yaml.safe_dump({"data": {"ca.crt": AUTHORITY.certificate.decode()}}))
    assert (made.ca, made.ca_fault) == (AUTHORITY.certificate, None)
    assert value("ConfigMap").ca_fault == "it has no ca.crt"

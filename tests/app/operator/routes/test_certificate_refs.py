from dataclasses import replace

import pytest

from app.operator.routes.certificate_refs import CertificateRefs, RefFault
from app.operator.routes.objects.certificates import CertificatePair
from app.operator.routes.objects.references import ObjectRef
from app.operator.routes.world import read_world
from tests.app.operator.routes.certificates import AUTHORITY, CERTIFICATE, KEY, ca_map, tls_secret
from tests.app.operator.routes.manifests import objects

GRANT = """
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {namespace: certs, name: grant}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: shop}]
  to: [{group: "", kind: Secret, name: granted}, {group: "", kind: ConfigMap}]
"""
WORLD = read_world(
    [
        tls_secret("shop", "cert"),
        tls_secret("shop", "bad", b"Hello"),
        tls_secret("certs", "granted"),
        tls_secret("certs", "other"),
        ca_map("shop", "ca"),
        ca_map("certs", "ca"),
        ca_map("shop", "bad", "Hello"),
        *objects(GRANT),
    ]
)
PAIR = CertificatePair(CERTIFICATE, KEY)


def pair(ref: ObjectRef, kind="Gateway", world=WORLD):
    return CertificateRefs(world).pair(ref, kind, "shop", "InvalidCertificateRef")


def test_a_secret_beside_the_gateway_is_found():
    found = pair(ObjectRef("", "Secret", "cert"))
    assert (found.name, found.pair, found.fault) == ("secret/shop/cert", PAIR, None)


def test_a_secret_elsewhere_needs_a_grant_for_this_kind():
    assert pair(ObjectRef("", "Secret", "granted", "certs")).name == "secret/certs/granted"
    denied = pair(ObjectRef("", "Secret", "other", "certs"))
    assert denied.fault == RefFault(
        "RefNotPermitted",
        "Secret certs/other may not be used from namespace shop; a ReferenceGrant in certs must allow it for Gateway",
    )
    assert pair(ObjectRef("", "Secret", "granted", "certs"), "ListenerSet").fault.reason == "RefNotPermitted"


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        (ObjectRef("", "Secret", "gone"), "Secret shop/gone does not exist"),
        (
            ObjectRef("", "Secret", "bad"),
            "Secret shop/bad cannot serve: its tls.crt is not a certificate in PEM",
        ),
        (ObjectRef("", "Wrong", "cert"), "Wrong cert is not a Secret; name a Secret"),
        (ObjectRef("wrong.io", "Secret", "cert"), "Secret.wrong.io cert is not a Secret; name a Secret"),
    ],
)
def test_what_cannot_serve_is_named(ref, message):
    assert pair(ref).fault == RefFault("InvalidCertificateRef", message)
    assert pair(ref).name is None


def test_the_last_good_certificate_serves_on():
    last = CertificatePair(b"old", b"key")
    world = replace(WORLD, certificates={"secret/shop/gone": last, "secret/certs/other": last})
    found = pair(ObjectRef("", "Secret", "gone"), world=world)
    assert (found.name, found.pair) == ("secret/shop/gone", last)
    assert found.fault.message == "Secret shop/gone does not exist; its last good certificate serves on"
    # but not one that may not be used any more
    assert pair(ObjectRef("", "Secret", "other", "certs"), world=world).name is None


def ca(ref: ObjectRef):
    return CertificateRefs(WORLD).ca(ref, "Gateway", "shop")


def test_a_ca_is_taken_from_a_config_map():
    assert ca(ObjectRef("", "ConfigMap", "ca")) == AUTHORITY.certificate
    assert ca(ObjectRef("", "ConfigMap", "ca", "certs")) == AUTHORITY.certificate


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        (ObjectRef("", "Service", "ca"), "InvalidCACertificateKind"),
        (ObjectRef("", "ConfigMap", "gone"), "InvalidCACertificateRef"),
        (ObjectRef("", "ConfigMap", "bad"), "InvalidCACertificateRef"),
        (ObjectRef("", "Secret", "cert"), "InvalidCACertificateRef"),
        (ObjectRef("", "Secret", "other", "certs"), "RefNotPermitted"),
    ],
)
def test_what_is_no_ca_has_the_reason_of_the_api(ref, reason):
    found = ca(ref)
    assert isinstance(found, RefFault)
    assert found.reason == reason

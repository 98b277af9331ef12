"""The listeners that all Ingresses of our class share: port 80 for every host, port 443 for hosts with a certificate
(networking.k8s.io/v1: IngressTLS). Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.operator.routes.certificate_refs import CertificateRefs, ResolvedPair
from app.operator.routes.compiled import Document
from app.operator.routes.objects.certificates import CertificatePair
from app.operator.routes.objects.ingress import Ingress
from app.operator.routes.objects.references import ObjectRef
from app.operator.routes.world import World

__all__ = [
    "HTTPS_PORT",
    "HTTP_PORT",
    "IngressListener",
    "certificate_fault",
    "ingress_listeners",
    "own_ingresses",
]

HTTP_PORT, HTTPS_PORT = 80, 443


@dataclass(frozen=True, slots=True)
class IngressListener:
    """`host`: empty for all. `document`: as the tables have it, but for its port."""

    name: str
    port: int
    host: str
    document: Document
    pairs: Mapping[str, CertificatePair]


def own_ingresses(world: World, controller: str) -> list[Ingress]:
    """Those of a class of ours, oldest first; an Ingress without a class is of the default class."""
    classes = {one.meta.name: one for one in world.ingress_classes.values() if one.controller == controller}
    has_default = any(one.is_default for one in classes.values())
    own = [
        one
        for one in world.ingresses.values()
        if one.class_name in classes or (one.class_name is None and has_default)
    ]
    return sorted(own, key=lambda one: one.meta.age_order)


def ingress_listeners(ingresses: Iterable[Ingress], refs: CertificateRefs) -> tuple[IngressListener, ...]:
    """In a fixed order; of two certificates for a host that of the older Ingress counts. None without an Ingress."""
    hosts: dict[str, tuple[str, CertificatePair]] = {}
    is_empty = True
    for ingress in ingresses:
        is_empty = False
        for host, certificate in _certificates(ingress, refs):
            hosts.setdefault(host, certificate)
    if is_empty:
        return ()
    plain = {"name": "ingress/http", "port": HTTP_PORT, "publicPort": HTTP_PORT, "protocol": "http"}
    return (
        IngressListener("ingress/http", HTTP_PORT, "", plain, {}),
        *(_https(host, *hosts[host]) for host in sorted(hosts)),
    )


def certificate_fault(ingress: Ingress, refs: CertificateRefs) -> str | None:
    """The reason why hosts of `spec.tls` are not served with TLS; None where all are."""
    for tls in ingress.tls:
        found = None if tls.secret is None else _pair(ingress, tls.secret, refs)
        if found is None:  # the API means a certificate of the controller then
            return "NoDefaultCertificate"
        if found.fault is not None:
            return found.fault.reason
    return None


def _certificates(
    ingress: Ingress, refs: CertificateRefs
) -> Iterable[tuple[str, tuple[str, CertificatePair]]]:
    """Each host of `spec.tls` with its certificate; without hosts those of the rules are meant."""
    for tls in ingress.tls:
        if tls.secret is None:
            continue
        found = _pair(ingress, tls.secret, refs)
        if found.name is None or found.pair is None:
            continue
        for host in tls.hosts or {rule.host or "" for rule in ingress.rules}:
            yield host.lower(), (found.name, found.pair)


def _pair(ingress: Ingress, secret: str, refs: CertificateRefs) -> ResolvedPair:
    ref = ObjectRef("", "Secret", secret)
    return refs.pair(ref, "Ingress", ingress.meta.namespace, "InvalidCertificateRef")


def _https(host: str, certificate: str, pair: CertificatePair) -> IngressListener:
    kind = "wildcard" if host.startswith("*.") else "host"
    name = f"ingress/https/{kind}/{host.removeprefix('*.')}" if host else "ingress/https"
    document: dict[str, object] = {
        "name": name,
        "port": HTTPS_PORT,
        "publicPort": HTTPS_PORT,
        "protocol": "https",
        **({"hosts": [host]} if host else {}),
        "certificates": [certificate],
    }
    return IngressListener(name, HTTPS_PORT, host, document, {certificate: pair})

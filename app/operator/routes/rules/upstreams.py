"""Where a reference of a rule leads: an upstream of the document, or why it is missing. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from app.config.parsing.spelling import cluster_name
from app.operator.routes.grants import Grants
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.references import GATEWAY_GROUP, ObjectRef
from app.operator.routes.objects.services import Service, ServicePort
from app.operator.routes.rules.names import ServiceUpstream, upstream_name
from app.operator.routes.rules.service_tls import ServiceTls, TlsVerdict
from app.schema.faults import BadValue

__all__ = ["Problem", "ResolvedUpstream", "UpstreamResolver", "UpstreamUse", "missing_upstream"]

_GROUPS = {"Ingress": "networking.k8s.io"}
_MAX_TEXT = 500

# KEP-3726 and what came before it; None: HTTP/1.1 in clear, over TLS what ALPN agrees on
_PROTOCOLS: Mapping[str, str | None] = {
    "": None,
    "http": None,
    "https": None,
    "tcp": None,
    "kubernetes.io/h2c": "h2",
    "kubernetes.io/ws": "http1",
    "kubernetes.io/wss": "http1",
    "grpc": "h2",
    "h2c": "h2",
    "http2": "h2",
}
_TLS_PROTOCOLS = frozenset({"https", "kubernetes.io/wss"})


class Problem(NamedTuple):
    """Why the condition ResolvedRefs is false."""

    reason: str
    message: str


class UpstreamUse(NamedTuple):
    """Who refers, and how: `kind` and `namespace` of the route, and the client certificate that TLS upstreams get."""

    kind: str
    namespace: str
    certificate: str | None


@dataclass(frozen=True, slots=True)
class ResolvedUpstream:
    """`document`: the upstream `name`. `problem`: it is missing. `service`: who is behind it, if that is known."""

    name: str
    document: Mapping[str, object]
    problem: Problem | None = None
    service: ObjectKey | None = None


def missing_upstream(name: str, why: str) -> Mapping[str, object]:
    """An upstream whose share of requests gets 500; `why` is cut where it is long."""
    text = "".join(char if char.isprintable() else "?" for char in why[:_MAX_TEXT])
    return {"name": name, "missing": text}


class UpstreamResolver:
    """Built for one world."""

    __slots__ = ("_grants", "_services", "_tls")

    def __init__(self, services: Mapping[ObjectKey, Service], grants: Grants, tls: ServiceTls) -> None:
        self._services, self._grants, self._tls = services, grants, tls

    def resolve(self, ref: ObjectRef, port: int | None, use: UpstreamUse, own_name: str) -> ResolvedUpstream:
        """`own_name`: of the missing upstream, where there is no Service to name it after."""
        key = ref.key_from(use.namespace)
        found = self._service(ref, key, port, use)
        if isinstance(found, Problem):
            return ResolvedUpstream(own_name, missing_upstream(own_name, found.message), found)
        verdict = self._tls.of(key, found.name)
        plain_name = upstream_name(ServiceUpstream(key, found.port))
        if isinstance(protocol := _protocol(found, key, verdict), Problem):
            return ResolvedUpstream(own_name, missing_upstream(own_name, protocol.message), protocol, key)
        if verdict is not None and verdict.tls is None:
            why = f"BackendTLSPolicy {verdict.policy}: {verdict.fault}"
            return ResolvedUpstream(plain_name, missing_upstream(plain_name, why), None, key)
        is_grpc = use.kind == "GRPCRoute" and protocol != "h2"
        certificate = None if verdict is None else use.certificate
        document: dict[str, object] = {
            "name": upstream_name(ServiceUpstream(key, found.port), is_grpc=is_grpc, certificate=certificate),
            "discovered": True,
        }
        if is_grpc or protocol is not None:
            document["protocol"] = "h2" if is_grpc else protocol
        if verdict is not None and verdict.tls is not None:
            shown = {} if certificate is None else {"clientCertificate": certificate}
            document["tls"] = {**verdict.tls, **shown}
        return ResolvedUpstream(str(document["name"]), document, None, key)

    def _service(
        self, ref: ObjectRef, key: ObjectKey, port: int | None, use: UpstreamUse
    ) -> ServicePort | Problem:
        if (ref.group, ref.kind) != ("", "Service"):
            return Problem("InvalidKind", f"{ref} cannot be an upstream; name a Service")
        origin = (_GROUPS.get(use.kind, GATEWAY_GROUP), use.kind, use.namespace)
        if not self._grants.allows(origin, "", "Service", key):
            return Problem(
                "RefNotPermitted",
                f"Service {key} is in another namespace, and no ReferenceGrant there lets {use.kind}s of namespace "
                f"{use.namespace} use it",
            )
        service = self._services.get(key)
        if service is None:
            return Problem("BackendNotFound", f"Service {key} does not exist")
        return _port(service, key, port)


def _port(service: Service, key: ObjectKey, number: int | None) -> ServicePort | Problem:
    if service.type == "ExternalName":  # CVE-2021-25740
        return Problem(
            "UnsupportedProtocol",
            f"Service {key} is of type ExternalName, which Tidegate does not follow; give it a selector or endpoints",
        )
    if number is None:
        return Problem("BackendNotFound", f"the reference to Service {key} has no port")
    found = next((one for one in service.ports if one.port == number and one.protocol == "TCP"), None)
    if found is None:
        if any(one.port == number for one in service.ports):
            return Problem("UnsupportedProtocol", f"port {number} of Service {key} is not a TCP port")
        known = ", ".join(str(one.port) for one in service.ports) or "none"
        return Problem("BackendNotFound", f"Service {key} has no port {number}; its ports: {known}")
    try:
        cluster_name(upstream_name(ServiceUpstream(key, number)))
    except BadValue as bad:
        return Problem("BackendNotFound", f"Service {key} {bad.what}")
    return found


def _protocol(port: ServicePort, key: ObjectKey, verdict: TlsVerdict | None) -> str | Problem | None:
    """As the document says it (GEP-1911)."""
    word = (port.app_protocol or "").lower()
    if word not in _PROTOCOLS:
        what = f"port {port.port} of Service {key} speaks {port.app_protocol}"
        fix = (
            "appProtocol must be http, kubernetes.io/h2c or kubernetes.io/ws, or with a BackendTLSPolicy https or "
            "kubernetes.io/wss"
        )
        return Problem("UnsupportedProtocol", f"{what}, which Tidegate does not; {fix}")
    if word in _TLS_PROTOCOLS and verdict is None:
        what = f"port {port.port} of Service {key} speaks {port.app_protocol}, and no BackendTLSPolicy says"
        return Problem("UnsupportedProtocol", f"{what} how its certificate is verified; add one")
    return _PROTOCOLS[word]

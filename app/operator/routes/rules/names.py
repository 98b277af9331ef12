"""What routes and upstreams of the document are called: a name says which object of the cluster it stands for. Pure."""

import hashlib
from typing import NamedTuple

from app.operator.routes.objects.metadata import ObjectKey

__all__ = ["ServiceUpstream", "route_name", "service_of", "upstream_name"]

_SERVICE = "service"


class ServiceUpstream(NamedTuple):
    """A port of a Service, by the Service's own number."""

    service: ObjectKey
    port: int


def route_name(kind: str, key: ObjectKey, section: str) -> str:
    """`httproute/shop/web/0`; `section`: the rule's name, or its number."""
    return f"{kind.lower()}/{key.namespace}/{key.name}/{section}"


def upstream_name(upstream: ServiceUpstream, *, is_grpc: bool = False, certificate: str | None = None) -> str:
    """`service/shop/orders/8080`, with what makes it another upstream than the plain one behind a dot.

    `is_grpc`: HTTP/2 though the Service does not say so. `certificate`: the client certificate that it is shown.
    """
    section = str(upstream.port)
    if is_grpc:
        section += ".grpc"
    if certificate is not None:  # its name may be longer than a part of ours may be
        section += f".shown-{hashlib.sha256(certificate.encode()).hexdigest()[:12]}"
    return f"{_SERVICE}/{upstream.service.namespace}/{upstream.service.name}/{section}"


def service_of(name: str) -> ServiceUpstream | None:
    """What `upstream_name` made `name` of; None for an upstream that is missing."""
    parts = name.split("/")
    if len(parts) != 4 or parts[0] != _SERVICE:
        return None
    port = parts[3].partition(".")[0]
    return ServiceUpstream(ObjectKey(parts[1], parts[2]), int(port)) if port.isdecimal() else None

"""How names are spelled, which tells a file's from the cluster's: neither can shadow the other.

A file's names are DNS subdomains (RFC 1123). What the operator compiled has the path of its object, such as
`httproute/shop/web/0` for the first rule of HTTPRoute `web` in the namespace `shop`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from app.foundation.errors import BadValue, quoted
from app.schema.names import LABEL_PATTERN, dns_label, dns_subdomain

__all__ = ["CLUSTER", "FILE", "MAX_CLUSTER_NAME", "Spelling", "cluster_name"]

MAX_CLUSTER_NAME = 1024
"""Kind, namespace (63), name and section (253 each) need at most 640."""

# Kubernetes bounds the whole name of an object, not its labels: 253 characters may be one label
_PART = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_CLUSTER_NAME = re.compile(rf"{LABEL_PATTERN}(?:/{_PART}(?:\.{_PART})*)+")


@dataclass(frozen=True, slots=True)
class Spelling:
    """`name`: of routes, upstreams and certificates; `label`: of listeners; each raises BadValue. `example`: a name.

    `is_compiled`: our own compiler wrote the document. Then order settles what a file's author would have to, and
    what has no effect does no harm: routes may repeat a name or take the same requests, or name an upstream twice.
    """

    name: Callable[[str], str]
    label: Callable[[str], str]
    example: str
    is_compiled: bool


def cluster_name(text: str) -> str:
    """A DNS label, then DNS subdomains, joined by slashes: at least one; raises BadValue."""
    if len(text) <= MAX_CLUSTER_NAME and _CLUSTER_NAME.fullmatch(text):
        return text
    raise BadValue(f"{quoted(text)} is no name of the cluster", "write it as service/shop/orders/8080")


FILE = Spelling(dns_subdomain, dns_label, "a DNS subdomain such as orders", is_compiled=False)
CLUSTER = Spelling(cluster_name, cluster_name, "a path such as httproute/shop/web/0", is_compiled=True)

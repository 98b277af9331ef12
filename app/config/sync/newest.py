"""What travels beside snapshots, the newest wins: endpoints of upstreams, and certificates of listeners.

`POST /v1/endpoints` and `POST /v1/certificates` on the sync port: long polls as `/v1/sync`, with the same token, but
nothing is acknowledged and nothing is kept back: what a gateway hears of now replaces what it heard before.

    request   {"boot": "", "version": 0, "waitSeconds": 25}
    response  {"boot": UUID, "version": 7, "full": true, "upstreams": {"service/shop/orders/80": [["10.0.0.5", 8080]]},
               "removed": []}
              {…, "certificates": {"secret/shop/cert": {"certificate": PEM, "key": PEM}}, …}

A request says what the gateway holds: `version` counts in the operator's process `boot`, "" for nothing. The response
(200, gzip) is what changed since then, or all of it (`full`: what it does not name is no more); 204: nothing within
`waitSeconds`. 403: a gateway of a namespace whose gateways serve none of this. The bytes: `newest_codec`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

__all__ = [
    "CERTIFICATES_PATH",
    "ENDPOINTS_PATH",
    "NOTHING_HELD",
    "Address",
    "Addresses",
    "CertificatePem",
    "Delta",
    "Held",
    "NewestRequest",
]

V = TypeVar("V")

ENDPOINTS_PATH = "/v1/endpoints"
CERTIFICATES_PATH = "/v1/certificates"

Address: TypeAlias = tuple[str, int]
"""An IP address without brackets, and a port."""
Addresses: TypeAlias = tuple[Address, ...]
"""The endpoints of one upstream; there may be none."""


@dataclass(frozen=True, slots=True)
class CertificatePem:
    """A listener's certificate with its chain, and its private key, which is never shown."""

    certificate: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Held:
    """How far somebody got: `version` counts in the operator's process `boot`."""

    boot: str = ""
    version: int = 0


NOTHING_HELD = Held()


@dataclass(frozen=True, slots=True)
class NewestRequest:
    """A call: what the gateway holds, and how long to park it (0–60)."""

    held: Held = NOTHING_HELD
    wait_s: int = 0


@dataclass(frozen=True, slots=True)
class Delta(Generic[V]):
    """What changed up to `held`. `is_full`: what is not among `values` is no more, and `removed` is empty.

    `faults`: by name, why a value cannot be used, where it was read; what was known of it before stays.
    """

    held: Held
    is_full: bool
    values: Mapping[str, V]
    removed: tuple[str, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)

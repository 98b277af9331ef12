"""What a parent and its workers say of listeners' ports and of delivered certificates. Pure.

| message | from | says |
|---|---|---|
| PORTS | parent, a call | which ports to have; replied to when they accept, or cannot |
| PORT_REPORT | worker, a notice | which ports accept, and what is wrong |
| CERTIFICATES | parent, a call | certificates with their keys, and names that go |
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from app.foundation.key_pair import KeyPair
from app.gateway.link.message import Json

__all__ = ["CERTIFICATES", "PORTS", "PORT_REPORT", "PortReport", "certificates_of", "certificates_said"]

PORTS: Final = "ports"
PORT_REPORT: Final = "port_report"
CERTIFICATES: Final = "certificates"


@dataclass(frozen=True, slots=True)
class PortReport:
    """Of one worker. `faults`: by number."""

    bound: frozenset[int]
    faults: Mapping[int, str]

    def said(self) -> Json:
        """As a message's body."""
        return [sorted(self.bound), [[number, why] for number, why in sorted(self.faults.items())]]

    @classmethod
    def of(cls, body: Json) -> "PortReport":
        """What such a body says."""
        bound, faults = body
        return cls(frozenset(bound), {int(number): str(why) for number, why in faults})


def certificates_said(good: Mapping[str, KeyPair], removed: Collection[str] = ()) -> Json:
    """As a message's body: PEM is ASCII."""
    pairs = {name: [pair.certificate.decode(), pair.private_key.decode()] for name, pair in good.items()}
    return [pairs, sorted(removed)]


def certificates_of(body: Json) -> tuple[dict[str, KeyPair], list[str]]:
    """What such a body says: certificates by name, and names that go."""
    pairs, removed = body
    return {name: KeyPair(cert.encode(), key.encode()) for name, (cert, key) in pairs.items()}, list(removed)

"""What the operator delivers beside snapshots: endpoints and certificates, what tables need of them, and the polls.

Without listeners of the cluster nothing is asked for.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from app.config.sources.endpoints_file import EndpointsFile
from app.config.sources.newest_poll import NewestPoll
from app.config.sync.newest import Addresses, CertificatePem, Delta, Held
from app.config.sync.newest_codec import CERTIFICATES, ENDPOINTS
from app.config.table_items import read_item
from app.foundation.key_pair import KeyPair
from app.gateway.certificates import Certificates
from app.gateway.config.discovered import Discovered

__all__ = ["Deliveries", "Needs", "needs_of"]

WAIT_S: Final = 2.0
"""How long a snapshot waits for what its new routes need."""
_NEEDING: Final = ("listeners", "upstreams")
"""Lists of tables that name what travels apart."""


class Needs:
    """What tables name that travels apart: `endpoints` of upstreams, and `certificates`, by name."""

    __slots__ = ("certificates", "endpoints")

    def __init__(self, endpoints: frozenset[str] = frozenset(), certificates: frozenset[str] = frozenset()):
        self.endpoints = endpoints
        self.certificates = certificates


def needs_of(tables: Mapping[str, Any]) -> Needs:
    """What a snapshot's tables need; what is odd in them is found by those who read them."""
    every = _mappings(tables, "upstreams")
    upstreams = [each for each in every if each.get("discovered") is True]
    shown = [name for each in _mappings(tables, "listeners") for name in each.get("certificates") or ()]
    tls = [each.get("tls") for each in every]
    shown += [
        each["clientCertificate"] for each in tls if isinstance(each, dict) and "clientCertificate" in each
    ]
    return Needs(frozenset(str(each.get("name")) for each in upstreams), frozenset(map(str, shown)))


def _mappings(tables: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = tables.get(key)
    read = map(read_item, found) if isinstance(found, list) else ()
    return [each for each in read if isinstance(each, dict)]


class Deliveries:
    """`endpoints`, `certificates`: the polls. `certificates_held`: how far these are in use, None where none came yet.

    `copy_path`: of the copy of endpoints, None for none.
    """

    def __init__(self, discovered: Discovered, certificates: Certificates, copy_path: str | None) -> None:
        self._discovered, self._certificates = discovered, certificates
        self._spread: list[Callable[[Delta[Addresses]], None]] = []
        self._subscribers: list[Callable[[], None]] = []
        self._copy = EndpointsFile(copy_path, lambda: discovered.whole) if copy_path is not None else None
        self.endpoints = NewestPoll(ENDPOINTS, self._take_endpoints, discovered.held)
        self.certificates = NewestPoll(CERTIFICATES, self._take_certificates)
        self._certificate_names: set[str] = set()
        self.certificates_held: Held | None = None
        self._news = asyncio.Event()
        self._needs = Needs()
        self._needed_by: tuple[object, ...] = ()
        self._given_up = Needs()

    def spread_to(self, take: Callable[[Delta[Addresses]], None]) -> None:
        """Call `take` with each change of endpoints, once it is in force here."""
        self._spread.append(take)

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever other certificates are in use."""
        self._subscribers.append(callback)

    def want(self, tables: Mapping[str, Any]) -> None:
        """Ask for what `tables` need from now on."""
        needed_by = tuple(map(tables.get, _NEEDING))
        if needed_by == self._needed_by:  # as after most edits of a route, whose items are the same objects
            return
        self._needed_by = needed_by
        self._needs = needs = needs_of(tables)
        for poll, names in ((self.endpoints, needs.endpoints), (self.certificates, needs.certificates)):
            if names:
                poll.wanted.set()

    async def complete(self) -> None:
        """Returns when everything that is wanted is here, so that tables that need it can come into force.

        After 2 s at the latest: what did not come by then is waited for no more.
        """
        try:
            async with asyncio.timeout(WAIT_S):
                while self._missing(self._given_up):
                    await self._news.wait()
        except TimeoutError:
            self._given_up = self._needs

    def waiting(self) -> str | None:
        """What is still missing, for people; None where nothing is."""
        return self._missing(Needs())

    async def run(self) -> None:
        """Keeps the copy of endpoints, until cancelled."""
        if self._copy is not None:
            await self._copy.run()

    def _missing(self, ignored: Needs) -> str | None:
        needs = self._needs
        if needs.endpoints - ignored.endpoints - self._discovered.names:
            return "waiting for endpoints"
        if needs.certificates - ignored.certificates - self._certificate_names:
            return "waiting for certificates"
        return None

    async def _take_endpoints(self, delta: Delta[Addresses]) -> None:
        changes = self._discovered.take(delta)
        if changes.values or changes.removed:
            for take in self._spread:
                take(changes)
        if self._copy is not None:
            self._copy.changed()
        self._notice()

    async def _take_certificates(self, delta: Delta[CertificatePem]) -> None:
        pairs = {
            name: KeyPair(pem.certificate.encode(), pem.key.encode()) for name, pem in delta.values.items()
        }
        await self._certificates.take(pairs, delta.removed, is_all=delta.is_full)
        named = delta.values.keys() | delta.faults.keys()
        if delta.is_full:
            self._certificate_names.clear()
        self._certificate_names -= set(delta.removed)
        self._certificate_names |= named
        self.certificates_held = delta.held
        self._notice()
        for callback in self._subscribers:
            callback()

    def _notice(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

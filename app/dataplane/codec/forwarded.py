"""Who a client is behind proxies, and what the gateway passes to an upstream of that (RFC 7239, X-Forwarded-*)."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from app.dataplane.codec.forwarded_hops import forwarded_hops
from app.foundation.errors import ConfigFault, ConfigFaults

__all__ = ["Network", "PeerIdentity", "client_address", "forwarding_lines", "parse_networks"]

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address


class PeerIdentity:
    """What the gateway says of the other end of a client connection; shared by connections alike.

    `peer_ip` is canonical (an IPv4 address mapped into IPv6 is the IPv4 one). `with_via` False: no Via is sent.
    `port`: by which it came, 0 for the gateway's own. `server_name`: for whom it asked in the TLS handshake (SNI), as
    sent; None for nobody.
    """

    __slots__ = (
        "_http2",
        "_http10",
        "_with_via",
        "common_lines",
        "networks",
        "peer_ip",
        "port",
        "scheme",
        "server_name",
        "trusted",
        "via",
    )

    def __init__(
        self,
        peer_ip: str,
        scheme: str,
        networks: Sequence[Network] = (),
        http_version: str = "1.1",
        with_via: bool = True,
        port: int = 0,
        server_name: bytes | None = None,
    ) -> None:
        self.peer_ip = client_address(peer_ip, (), ())
        address = _read_address(self.peer_ip)
        self.trusted = address is not None and _within(address, networks)
        self.networks = networks
        self.port = port
        self.server_name = server_name
        self._with_via = with_via
        self._http10: PeerIdentity | None = self if http_version == "1.0" else None
        self._http2: PeerIdentity | None = self if http_version == "2" else None
        self.scheme = scheme.encode()
        self.via = f"{http_version} tidegate".encode() if with_via else b""
        via_line = b"via: %b\r\n" % self.via if with_via else b""
        self.common_lines = b"x-forwarded-for: %b\r\nx-forwarded-proto: %b\r\n%bx-forwarded-host: " % (
            self.peer_ip.encode(),
            self.scheme,
            via_line,
        )
        """What the gateway adds, up to the host: one piece for every request that brings none of it along."""

    @property
    def http10(self) -> "PeerIdentity":
        """The same peer, speaking HTTP/1.0."""
        if self._http10 is None:
            self._http10 = self._speaking("1.0")
        return self._http10

    @property
    def http2(self) -> "PeerIdentity":
        """The same peer, speaking HTTP/2."""
        if self._http2 is None:
            self._http2 = self._speaking("2")
        return self._http2

    def _speaking(self, http_version: str) -> "PeerIdentity":
        return PeerIdentity(
            self.peer_ip,
            self.scheme.decode(),
            self.networks,
            http_version,
            self._with_via,
            self.port,
            self.server_name,
        )


def forwarding_lines(peer: PeerIdentity, host: bytes, brought: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Via and X-Forwarded-* for the upstream. `host`: as the client sent it, b"" for none.

    `brought`: the client's own Via, and a trusted proxy's Forwarded and X-Forwarded-*, in order.
    """
    if not brought and host:
        return b"%b%b\r\n" % (peer.common_lines, host)
    values: dict[bytes, bytes] = {}
    for name, value in brought:
        values[name] = _appended(values.get(name), value)
    values[b"x-forwarded-for"] = _appended(values.get(b"x-forwarded-for"), peer.peer_ip.encode())
    if peer.via:
        values[b"via"] = _appended(values.get(b"via"), peer.via)
    values.setdefault(b"x-forwarded-proto", peer.scheme)
    if host:
        values.setdefault(b"x-forwarded-host", host)
    return b"".join([b"%b: %b\r\n" % field for field in values.items()])


def _appended(values: bytes | None, value: bytes) -> bytes:
    value = value.strip()
    return values + b", " + value if values and value else values or value  # RFC 9110 §5.3


def client_address(
    peer_ip: str, forwarded_for: Sequence[bytes], trusted: Sequence[Network], forwarded: Sequence[bytes] = ()
) -> str:
    """The address nearest to the gateway that is no trusted proxy, in canonical form.

    `forwarded_for`: values of X-Forwarded-For in order; `forwarded`: of Forwarded (RFC 7239), read when there
    is no X-Forwarded-For. Believed from right to left while each hop is trusted; a malformed entry ends it.
    """
    client = _read_address(peer_ip)
    if client is None:
        return peer_ip
    if not _within(client, trusted):
        return str(client)
    hops = b",".join(forwarded_for).split(b",") if forwarded_for else forwarded_hops(forwarded)
    for entry in reversed(hops):
        address = _read_address(entry.strip().decode("latin-1"))
        if address is None:
            break
        client = address
        if not _within(client, trusted):
            break
    return str(client)


def parse_networks(text: str) -> tuple[Network, ...]:
    """The networks of TRUSTED_PROXIES, divided by commas or blanks; none for `none`. Raises ConfigFaults."""
    networks: list[Network] = []
    faults = []
    for part in [] if text.strip().lower() == "none" else text.replace(",", " ").split():
        try:
            networks.append(ip_network(part, strict=False))
        except ValueError:
            faults.append(
                ConfigFault(
                    "TRUSTED_PROXIES", f"{part!r} is no network", "write it like 10.0.0.0/8 or fd00::/8"
                )
            )
    if faults:
        raise ConfigFaults(faults)
    return tuple(networks)


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _read_address(text: str) -> Address | None:
    """An address with or without a port; None for anything else, zone identifiers too."""
    if text.startswith("["):
        text, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            return None
        port = port[1:]
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
    else:
        port = ""
    if "%" in text or (port and not (port.isascii() and port.isdecimal())):
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address

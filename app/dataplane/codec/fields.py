"""Which header fields go on, both ways, and which the gateway writes itself (RFC 9110 §7.6).

Fields come as (lower-case name, value without CR, LF and NUL) in order and leave as pieces of bytes in `out`,
each line ended by CRLF. Request line, Host, framing and the empty line are the caller's: they are made anew
from what the parser understood.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from app.config.model import HeaderEdits, Route
from app.dataplane.codec.forwarded import forwarded_hops
from app.errors import ConfigFault, ConfigFaults

__all__ = [
    "Credential",
    "FieldEdits",
    "Hop",
    "allowed_trailer",
    "client_address",
    "compile_request_edits",
    "compile_response_edits",
    "edit_fields",
    "parse_networks",
    "put_credential",
    "request_fields",
    "response_fields",
    "sane_request_id",
]

Fields: TypeAlias = Sequence[tuple[bytes, bytes]]
Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address

_CRLF = b"\r\n"
# RFC 9110 §7.6.1; the two proxy fields speak to the next hop only (§11.7.1, §11.7.2)
_HOP_BY_HOP = frozenset(
    (
        b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization"
        b" te transfer-encoding upgrade"
    ).split()
)
_FRAMING = _HOP_BY_HOP | {b"content-length"}
# Connection may not take away what the gateway itself tells the upstream: a client could hide its address
_NEVER_NAMED = frozenset({b"host", b"forwarded", b"via", b"x-request-id"})
_PLAIN_OPTIONS = frozenset({b"keep-alive", b"close", b"Keep-Alive", b"Close", b"upgrade", b"Upgrade"})
_REQUEST_ID = re.compile(rb"[!-~]{1,128}")

_DROP, _CONNECTION, _CREDENTIALS, _VIA, _FORWARDED, _DATE = range(6)
_REQUEST_ACTIONS: dict[bytes, int] = {
    **dict.fromkeys(_FRAMING | {b"host", b"expect", b"x-api-key", b"x-request-id"}, _DROP),
    b"connection": _CONNECTION,
    b"authorization": _CREDENTIALS,
    b"via": _VIA,
    b"forwarded": _FORWARDED,
}
_RESPONSE_ACTIONS: dict[bytes, int] = {
    **dict.fromkeys(_FRAMING | {b"x-request-id", b"tidegate-reason"}, _DROP),
    b"connection": _CONNECTION,
    b"date": _DATE,
}


def _is_forwarded(name: bytes) -> bool:
    # servers that hand fields on as environment variables (CGI, WSGI) cannot tell `_` from `-`
    return name.replace(b"_", b"-").startswith(b"x-forwarded-") or name == b"forwarded"


class _LineStarts(dict[bytes, bytes]):
    """Name → `name: ` for a field that passes, empty for one that needs a decision.

    Fills itself with the names it meets (0.12 µs a field instead of 0.3 µs), bounded in number and length.
    """

    def __init__(self, actions: Iterable[bytes], *, drop_forwarded: bool) -> None:
        super().__init__(dict.fromkeys(actions, b""))
        self._drop_forwarded = drop_forwarded

    def __missing__(self, name: bytes) -> bytes:
        start = b"" if self._drop_forwarded and _is_forwarded(name) else name + b": "
        if len(self) < 1024 and len(name) <= 64:
            self[name] = start
        return start


_REQUEST_STARTS = _LineStarts(_REQUEST_ACTIONS, drop_forwarded=True)
_RESPONSE_STARTS = _LineStarts(_RESPONSE_ACTIONS, drop_forwarded=False)


class Hop:
    """What the gateway says of one client connection; made once per connection and HTTP version.

    `peer_ip` is canonical (an IPv4 address mapped into IPv6 is the IPv4 one).
    """

    __slots__ = ("common_lines", "peer_ip", "scheme", "trusted", "via")

    def __init__(
        self, peer_ip: str, scheme: str, networks: Sequence[Network] = (), http_version: str = "1.1"
    ) -> None:
        self.peer_ip = client_address(peer_ip, (), ())
        address = _read_address(self.peer_ip)
        self.trusted = address is not None and _within(address, networks)
        self.scheme = scheme.encode()
        self.via = f"{http_version} tidegate".encode()
        self.common_lines = (
            b"x-forwarded-for: %b\r\nx-forwarded-proto: %b\r\nvia: %b\r\nx-forwarded-host: "
            % (
                self.peer_ip.encode(),
                self.scheme,
                self.via,
            )
        )
        """What the gateway adds, up to the host: one piece for every request that brings none of it along."""


def request_fields(
    headers: Fields, out: list[bytes], hop: Hop, host: bytes, request_id: bytes, key: bytes | None = None
) -> None:
    """Append the upstream's header lines but Host and framing.

    `host`: as the client sent it, b"" for none. `request_id`: the client's if sane, else made by the caller.
    `key`: the API key that was accepted; an Authorization that holds it is dropped, another passes.
    """
    first = len(out)
    named: set[bytes] = set()
    brought: dict[bytes, bytes] = {}
    starts = _REQUEST_STARTS
    for name, value in headers:
        start = starts[name]
        if start:
            out.append(start)  # three of these take 30 ns less than one `+=` of a tuple
            out.append(value)
            out.append(_CRLF)
            continue
        action = _REQUEST_ACTIONS.get(name, _FORWARDED)
        if action == _DROP:
            continue
        if action == _CONNECTION:
            named |= _named_by(value)
        elif action == _VIA:
            brought[name] = _appended(brought.get(name), value)
        elif action == _CREDENTIALS:
            if key is None or value.split()[-1:] != [key]:
                out += (b"authorization: ", value, _CRLF)
        elif hop.trusted and b"_" not in name:
            brought[name] = _appended(brought.get(name), value)
    if named:
        _drop_lines(out, first, named)
    if not brought and host:
        out += (hop.common_lines, host, b"\r\nx-request-id: ", request_id, _CRLF)
    else:
        out += _hop_lines(hop, host, request_id, brought)


def _hop_lines(hop: Hop, host: bytes, request_id: bytes, brought: dict[bytes, bytes]) -> Iterable[bytes]:
    """The gateway's own lines beside what the client's Via and a trusted proxy's fields said."""
    brought[b"x-forwarded-for"] = _appended(brought.get(b"x-forwarded-for"), hop.peer_ip.encode())
    brought[b"via"] = _appended(brought.get(b"via"), hop.via)
    brought.setdefault(b"x-forwarded-proto", hop.scheme)
    if host:
        brought.setdefault(b"x-forwarded-host", host)
    brought[b"x-request-id"] = request_id
    return [b"%b: %b\r\n" % field for field in brought.items()]


def response_fields(headers: Fields, out: list[bytes], request_id: bytes) -> bool:
    """Append the client's header lines but framing; False when there is no Date yet (the caller adds one)."""
    first = len(out)
    named: set[bytes] = set()
    dated = False
    starts = _RESPONSE_STARTS
    for name, value in headers:
        start = starts[name]
        if start:
            out.append(start)  # three of these take 30 ns less than one `+=` of a tuple
            out.append(value)
            out.append(_CRLF)
            continue
        action = _RESPONSE_ACTIONS[name]
        if action == _DATE:
            dated = True
            out += (b"date: ", value, _CRLF)
        elif action == _CONNECTION:
            named |= _named_by(value)
    if named:
        _drop_lines(out, first, named)
        dated = dated and b"date" not in named
    out += (b"x-request-id: ", request_id, _CRLF)
    return dated


def _appended(values: bytes | None, value: bytes) -> bytes:
    value = value.strip()
    return values + b", " + value if values and value else values or value  # RFC 9110 §5.3


def _named_by(connection: bytes) -> set[bytes]:
    """The fields that a Connection value takes away (RFC 9110 §7.6.1); nearly always none."""
    if connection in _PLAIN_OPTIONS:
        return set()
    options = {option.strip().lower() for option in connection.split(b",")}
    return {name for name in options - _NEVER_NAMED if not _is_forwarded(name)} - _FRAMING - {b"close", b""}


def _drop_lines(out: list[bytes], first: int, names: Iterable[bytes]) -> None:
    """Take the lines of `names` (lower-case) out of the whole lines `out[first:]`."""
    lines = b"".join(out[first:]).split(_CRLF)[:-1]
    out[first:] = [line + _CRLF for line in lines if line.partition(b":")[0].lower() not in names]


def sane_request_id(value: bytes) -> bool:
    """Whether a client's X-Request-ID is kept: 1–128 visible ASCII characters."""
    return _REQUEST_ID.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class FieldEdits:
    """A route's edits, compiled: `drop` (lower-case names) goes, then `lines` are appended."""

    drop: frozenset[bytes]
    lines: bytes


def compile_request_edits(route: Route) -> FieldEdits | None:
    """What the route does to a request's fields; None for nothing. The parser checked names and values."""
    return _compile(route.request_headers)


def compile_response_edits(route: Route) -> FieldEdits | None:
    """As `compile_request_edits`, for the answer."""
    return _compile(route.response_headers)


def _compile(edits: HeaderEdits) -> FieldEdits | None:
    if not (edits.remove or edits.set or edits.add):
        return None
    last_set = {name.lower(): (name, value) for name, value in edits.set}
    drop = {name.lower() for name in edits.remove} | last_set.keys()
    lines = "".join(f"{name}: {value}\r\n" for name, value in (*last_set.values(), *edits.add))
    return FieldEdits(frozenset(name.encode() for name in drop), lines.encode("latin-1"))


def edit_fields(out: list[bytes], first: int, edits: FieldEdits) -> None:
    """Apply a route's edits to the whole header lines `out[first:]`: remove, then set, then add."""
    if edits.drop:
        _drop_lines(out, first, edits.drop)
    out.append(edits.lines)


@dataclass(frozen=True, slots=True)
class Credential:
    """What an upstream is shown: `name` (lower-case) and the whole value of a field."""

    name: bytes
    value: bytes = field(repr=False)


def put_credential(out: list[bytes], credential: Credential) -> None:
    """Put it among the whole header lines `out`, in place of whatever the client or the route said there.

    A name that differs in `_` only is the same to servers that hand fields on as environment variables.
    """
    lines = b"".join(out).split(_CRLF)[:-1]
    name = credential.name.replace(b"_", b"-")
    out[:] = [line + _CRLF for line in lines if line.partition(b":")[0].lower().replace(b"_", b"-") != name]
    out.append(b"%b: %b\r\n" % (credential.name, credential.value))


# RFC 9110 §6.5.1: framing, routing, request modifiers, authentication, response control, content
_NOT_IN_TRAILERS = (
    _FRAMING
    | _NEVER_NAMED
    | frozenset(
        b"""age authentication-info authorization cache-control content-encoding content-range content-type
        cookie date expect expires if-match if-modified-since if-none-match if-range if-unmodified-since
        location max-forwards pragma proxy-authentication-info range retry-after set-cookie tidegate-reason
        trailer vary warning www-authenticate x-api-key""".split()
    )
)


def allowed_trailer(name: bytes) -> bool:
    """Whether a trailer field (lower-case) may be forwarded as one; it is never merged into the head."""
    return name not in _NOT_IN_TRAILERS and not _is_forwarded(name)


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

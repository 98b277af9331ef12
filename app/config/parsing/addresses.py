"""Addresses as a configuration writes them: URLs of endpoints, raw paths, and texts on one line."""

import re

from app.config.model import Endpoint
from app.foundation.errors import BadValue

__all__ = ["URL_EXAMPLE", "host_name", "parse_endpoint", "plain_text", "raw_path"]

_PORTS = {"http": 80, "https": 443}
# an underscore is no part of a DNS host name, but container networks resolve such names
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_](?:[-_.A-Za-z0-9]*[A-Za-z0-9_])?")
_URL = re.compile(r"(?P<scheme>[A-Za-z][-+.A-Za-z0-9]*)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_AUTHORITY = re.compile(r"(?:\[(?P<ipv6>[^\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>.*))?", re.DOTALL)
_NUMERIC = re.compile(r"[0-9.]+")
_RAW_PATH = re.compile(r"/[!-~]*")
URL_EXAMPLE = "write it as http://10.0.0.5:8080 or https://orders.example.com"


def parse_endpoint(url: str) -> Endpoint:
    """What `http://host[:port]` or `https://…` names; raises BadValue, which never shows a password."""
    read = _URL.fullmatch(url)
    if read is None or read["scheme"].lower() not in _PORTS:
        if read is None and not re.search(r"[\s@/]", url) and url:
            raise BadValue(f"{url[:80]!r} has no scheme", f"write http://{url[:80]} or https://{url[:80]}")
        raise BadValue("is no http:// or https:// URL", URL_EXAMPLE)
    if "@" in read["authority"]:
        raise BadValue("holds a user or password", "leave out all before the @")
    if read["rest"] not in {"", "/"}:
        fix = "give scheme, host and port only; a route's rewrite can put a path before the request's"
        raise BadValue("has a path or query", fix)
    scheme = read["scheme"].lower()
    host, port_text = _split_authority(read["authority"])
    port = _PORTS[scheme]
    if port_text is not None:
        if not (re.fullmatch(r"[0-9]{1,5}", port_text) and 1 <= int(port_text) <= 65_535):
            raise BadValue(f"has the port {port_text[:20]!r}", "a port must be from 1 to 65535")
        port = int(port_text)
    return Endpoint(host, port, scheme == "https")


def _split_authority(authority: str) -> tuple[str, str | None]:
    """Host without brackets, and the text of the port; None without one."""
    read = _AUTHORITY.fullmatch(authority)
    if read is None:
        raise BadValue(
            f"has the address {authority[:60]!r}", "put an IPv6 address in brackets: http://[::1]:8080"
        )
    if read["ipv6"] is not None:
        return _ip_address(read["ipv6"], 6), read["port"]
    host = read["host"]
    if not _HOST.fullmatch(host):
        what = f"has the host {host[:60]!r}" if host else "has no host"
        raise BadValue(what, "give a DNS name (xn-- form), an IPv4 address or [IPv6]")
    if _NUMERIC.fullmatch(host):
        return _ip_address(host, 4), read["port"]
    return host, read["port"]


def _ip_address(text: str, version: int) -> str:
    from ipaddress import ip_address

    try:
        address = ip_address(text)
    except ValueError:
        address = None
    if address is None or address.version != version or "%" in text:
        raise BadValue(f"has the host {text[:60]!r}", f"it must be an IPv{version} address or a DNS name")
    return str(address)


def plain_text(text: str) -> str:
    """Any text but an empty one or one with control characters; raises BadValue."""
    if not text or not text.isprintable():
        raise BadValue("is empty or holds control characters", "write a text on one line")
    return text


def raw_path(text: str) -> str:
    """A path as it stands in a request: from `/` on, visible ASCII, no `?` or `#`; raises BadValue."""
    if not text.startswith("/"):
        raise BadValue(f"is {text[:60]!r}", f"it must start with /, such as /{text[:60].lstrip('/')}")
    if "?" in text or "#" in text:
        raise BadValue("holds ? or #", "give the path only; queries are matched by match.query")
    if not _RAW_PATH.fullmatch(text):
        from urllib.parse import quote

        offer = quote(text[:200], safe="/%!$&'()*+,;=:@~")
        raise BadValue("holds spaces or characters outside ASCII", f"write them percent-encoded: {offer}")
    return text


def host_name(text: str) -> str:
    """The DNS name that a certificate is made for, or an address; raises BadValue."""
    if _HOST.fullmatch(text):
        return text
    raise BadValue(f"is {text[:60]!r}", "it must be the DNS name that the certificate is made for")

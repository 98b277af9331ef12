"""What a REDIS_URL says: one server, Sentinel or a Cluster; with or without TLS.

    redis://[user:password@]host[:6379][/database]              rediss:// for TLS
    redis+sentinel://[user:password@]host[:26379],…[/database]?master=NAME
    redis+cluster://[user:password@]host[:6379],…

With TLS, `?ssl_ca_certs=FILE` names who signed the servers' certificates (unset: whom the system trusts),
`ssl_certfile` and `ssl_keyfile` our own certificate.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from app.foundation.errors import ConfigFault, ConfigFaults

__all__ = ["RedisAddress", "Topology", "parse_redis_url"]

_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_SINGLE_FIX = "write it like redis://host:6379/0"


class Topology(Enum):
    SINGLE = ""
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """`hosts`: of the server, the sentinels, or some nodes. `master`: with SENTINEL only."""

    topology: Topology
    hosts: tuple[tuple[str, int], ...]
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0
    master: str = ""
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    @property
    def shown(self) -> str:
        """For people: without user and password."""
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        kind = f"+{self.topology.value}" if self.topology.value else ""
        return f"redis{'s' if self.tls else ''}{kind}://{hosts}"


class _Wrong(Exception):
    def __init__(self, what: str, fix: str) -> None:
        self.what, self.fix = what, fix
        super().__init__(what)


def parse_redis_url(url: str, path: str = "REDIS_URL") -> RedisAddress:
    """What `url` says. Raises ConfigFaults, which name `path` and never a password."""
    try:
        return _parse(url)
    except _Wrong as wrong:
        raise ConfigFaults([ConfigFault(path, wrong.what, wrong.fix)]) from None


def _parse(url: str) -> RedisAddress:
    # Without the hosts: Pythons since CVE-2025-0938 reject a list of them with an IPv6 address in it.
    head, separator, rest = url.partition("://")
    netloc = re.split("[/?#]", rest, maxsplit=1)[0]
    parts = urlsplit(f"{head}{separator}{rest[len(netloc) :]}")
    scheme, _, kind = parts.scheme.partition("+")
    if scheme not in ("redis", "rediss") or kind not in {one.value for one in Topology}:
        raise _Wrong(
            "has a scheme that is not known",
            "use redis://, rediss://, redis+sentinel:// or redis+cluster:// (with TLS rediss+…)",
        )
    topology, tls = Topology(kind), scheme == "rediss"
    credentials, _, hosts = netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    query = _query(parts, topology, tls)
    return RedisAddress(
        topology,
        _hosts(hosts, topology),
        tls,
        unquote(username) or None,
        unquote(password) or None,
        _database(parts.path, topology),
        query.get("master", ""),
        *(query.get(name) for name in _TLS_FILES),
    )


def _hosts(text: str, topology: Topology) -> tuple[tuple[str, int], ...]:
    names = text.split(",")
    if len(names) > 1 and topology is Topology.SINGLE:
        raise _Wrong("names several hosts", "write one host, or use redis+sentinel:// or redis+cluster://")
    return tuple(_host(name, 26379 if topology is Topology.SENTINEL else 6379) for name in names)


def _host(text: str, default_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
    except ValueError:
        raise _Wrong("is no URL", _SINGLE_FIX) from None
    try:
        port = parts.port
    except ValueError:
        raise _Wrong("names a port that is none", "write a port from 1 to 65535") from None
    if not parts.hostname:
        raise _Wrong("names no host", _SINGLE_FIX)
    if port == 0:
        raise _Wrong("names a port that is none", "write a port from 1 to 65535")
    return parts.hostname, port or default_port


def _database(path: str, topology: Topology) -> int:
    text = path.removeprefix("/")
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal()) or len(text) > 6:
        raise _Wrong(
            f"names the database {text!r}", "a database is a whole number, as in redis://host:6379/0"
        )
    if topology is Topology.CLUSTER and int(text):
        raise _Wrong(f"names the database {text}", "a Cluster has none but 0: leave it out")
    return int(text)


def _query(parts: SplitResult, topology: Topology, tls: bool) -> Mapping[str, str]:
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    known = (*(["master"] if topology is Topology.SENTINEL else []), *(_TLS_FILES if tls else ()))
    for name, value in query.items():
        if name not in known:
            allowed = f"it takes {', '.join(known)}" if known else "it takes none"
            raise _Wrong(f"has the parameter {name!r}, which is not known here", allowed)
        if not value:
            raise _Wrong(f"has the parameter {name} without a value", f"write {name}=…, or leave it out")
    if topology is Topology.SENTINEL and "master" not in query:
        raise _Wrong("names no master", "add ?master=NAME, the name that the sentinels know it by")
    if ("ssl_certfile" in query) != ("ssl_keyfile" in query):
        raise _Wrong("names one of ssl_certfile and ssl_keyfile", "write both or none")
    return query

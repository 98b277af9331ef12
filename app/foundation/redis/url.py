"""What a REDIS_URL means: one server, Sentinel or a Cluster; with or without TLS. Pure.

    redis://[user:password@]host[:6379][/database]              rediss:// for TLS
    unix://[user:password@]/path/to/socket[?db=database]
    redis+sentinel://[user:password@]host[:26379],…[/database]?master=NAME
    redis+cluster://[user:password@]host[:6379],…

With TLS, `?ssl_ca_certs=FILE` names the certificate authority of the servers (unset: the system's), `ssl_certfile`
and `ssl_keyfile` the client certificate. User, password and database are the server's or primary's, not a sentinel's.
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
_SOCKET_FIX = "write it like unix:///path/to/socket"
_HOST = re.compile(r"[^\s/?#@\[\]]+")


class Topology(Enum):
    """How the servers of an address share the keys."""

    SINGLE = ""
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """`hosts`: the server, the sentinels, or some nodes; empty with `socket_path`. `master`: with SENTINEL only."""

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
    socket_path: str = ""

    @property
    def shown(self) -> str:
        """For people: without user and password."""
        if self.socket_path:
            return f"unix://{self.socket_path}"
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        kind = f"+{self.topology.value}" if self.topology.value else ""
        return f"redis{'s' if self.tls else ''}{kind}://{hosts}"


class _Invalid(Exception):
    def __init__(self, what: str, fix: str) -> None:
        self.what, self.fix = what, fix
        super().__init__(what)


def parse_redis_url(url: str, path: str = "REDIS_URL") -> RedisAddress:
    """What `url` says. Raises ConfigFaults, which name `path` and never a password."""
    try:
        return _parse(url)
    except _Invalid as invalid:
        raise ConfigFaults([ConfigFault(path, invalid.what, invalid.fix)]) from None


def _parse(url: str) -> RedisAddress:
    # Without the hosts: Pythons since CVE-2025-0938 reject a list of them with an IPv6 address in it.
    head, separator, rest = url.partition("://")
    netloc = re.split("[/?#]", rest, maxsplit=1)[0]
    parts = urlsplit(f"{head}{separator}{rest[len(netloc) :]}")
    credentials, _, hosts = netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    login = (unquote(username) or None, unquote(password) or None)
    if parts.scheme == "unix":
        return _parse_socket(parts, hosts, login)
    scheme, _, kind = parts.scheme.partition("+")
    if scheme not in ("redis", "rediss") or kind not in {one.value for one in Topology}:
        raise _Invalid(
            "has an unknown scheme",
            "write it like redis://host:6379/0, or use rediss://, unix://, redis+sentinel:// or redis+cluster:// "
            "(with TLS rediss+…)",
        )
    topology, tls = Topology(kind), scheme == "rediss"
    query = _query(
        parts, (*(["master"] if topology is Topology.SENTINEL else []), *(_TLS_FILES if tls else ()))
    )
    if topology is Topology.SENTINEL and "master" not in query:
        raise _Invalid("names no master", "add ?master=NAME, the name under which the sentinels know it")
    if ("ssl_certfile" in query) != ("ssl_keyfile" in query):
        raise _Invalid("names only one of ssl_certfile and ssl_keyfile", "write both or none")
    return RedisAddress(
        topology,
        _hosts(hosts, topology),
        tls,
        *login,
        _database(parts.path.removeprefix("/"), topology),
        query.get("master", ""),
        query.get("ssl_ca_certs"),
        query.get("ssl_certfile"),
        query.get("ssl_keyfile"),
    )


def _parse_socket(parts: SplitResult, hosts: str, login: tuple[str | None, str | None]) -> RedisAddress:
    if hosts or parts.path in ("", "/"):
        raise _Invalid(
            "names no socket" if not hosts else "names a host before the socket's path", _SOCKET_FIX
        )
    database = _database(_query(parts, ("db",)).get("db", ""), Topology.SINGLE)
    return RedisAddress(Topology.SINGLE, (), False, *login, database, socket_path=unquote(parts.path))


def _hosts(text: str, topology: Topology) -> tuple[tuple[str, int], ...]:
    names = text.split(",")
    if len(names) > 1 and topology is Topology.SINGLE:
        raise _Invalid("names several hosts", "write one host, or use redis+sentinel:// or redis+cluster://")
    return tuple(_host(name, 26379 if topology is Topology.SENTINEL else 6379) for name in names)


def _host(text: str, default_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
    except ValueError:
        raise _Invalid("is not a URL", _SINGLE_FIX) from None
    try:
        port = parts.port
    except ValueError:
        port = 0
    if not parts.hostname or not _HOST.fullmatch(parts.hostname):
        raise _Invalid("names no host", _SINGLE_FIX)
    if port == 0:
        raise _Invalid("has an invalid port", "write a port from 1 to 65535")
    return parts.hostname, port or default_port


def _database(text: str, topology: Topology) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal()) or len(text) > 6:
        raise _Invalid(
            f"names the database {text!r}", "a database is a whole number, as in redis://host:6379/0"
        )
    if topology is Topology.CLUSTER and int(text):
        raise _Invalid(f"names the database {text}", "a Cluster has only database 0: leave it out")
    return int(text)


def _query(parts: SplitResult, known: tuple[str, ...]) -> Mapping[str, str]:
    """Only what is `known`: redis-py would accept more, such as how long a call may last."""
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name, value in query.items():
        if name not in known:
            allowed = f"it takes {', '.join(known)}" if known else "it takes none"
            raise _Invalid(f"has the unknown parameter {name[:40]!r}", allowed)
        if not value:
            raise _Invalid(f"has the parameter {name} without a value", f"write {name}=…, or leave it out")
    return query

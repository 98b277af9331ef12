"""Every variable of the gateway's environment, once: name, default, meaning, and how its text is read.

How each kind of text is read: `foundation/readers.py`. `settings.py` makes the values of it.
"""

import os
import re
from ipaddress import ip_network
from urllib.parse import urlsplit

from app.foundation.environment import Variable
from app.foundation.errors import BadValue
from app.foundation.logs import LEVELS
from app.foundation.readers import (
    duration,
    flag,
    host,
    http_url,
    secret,
    short_secret,
    size,
    text,
    whole_number,
    word,
)
from app.foundation.redis.variable import redis_url

_DAY_S = 86_400.0
_EXPOSABLE = ("monitor", "metrics")


def _origin_url(text: str) -> str:
    url = urlsplit(http_url(text))
    if url.path not in {"", "/"} or url.query or url.fragment:
        raise BadValue("has a path or query after the host", "write scheme, host and port only")
    return text


def _exposed(text: str) -> frozenset[str]:
    words = frozenset(word.strip() for word in text.split(","))
    if words == {"none"}:
        return frozenset()
    if unknown := words - set(_EXPOSABLE):
        raise BadValue(
            f"{min(unknown)!r} cannot be exposed", "write monitor, metrics, both with a comma, or none"
        )
    return words


def _host_names(text: str) -> frozenset[str]:
    names = [part.strip().lower().removesuffix(".") for part in text.split(",")]
    for name in names:
        if re.fullmatch(r"[a-z0-9_](?:[-.a-z0-9_]{0,251}[a-z0-9_])?", name) is None:
            raise BadValue(
                f"{name[:60]!r} is no host name",
                "write names like gateway.example.com with commas, without scheme or port",
            )
    return frozenset(names)


def _networks(text: str) -> str:
    if text.lower() == "none":
        return ""
    try:
        return ",".join(str(ip_network(part.strip(), strict=False)) for part in text.split(","))
    except ValueError:
        raise BadValue(
            "holds something that is no CIDR", "write it like 10.0.0.0/8,fd00::/8, or none"
        ) from None


def _name(text: str) -> str:
    if re.fullmatch(r"[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?", text) is None:
        raise BadValue(f"{text[:60]!r} is no name of an object", "write a-z, 0-9, - and . only, up to 253")
    return text


def _uid(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9-]{1,128}", text) is None:
        raise BadValue(f"{text[:60]!r} is no UID", "take it from metadata.uid (downward API)")
    return text


def _workers(text: str) -> int:
    """0 for `auto`."""
    if text.lower() == "auto":
        return 0
    try:
        return _WORKERS(text)
    except BadValue as bad:
        raise BadValue(bad.what, f"{bad.fix}, or auto") from None


_PORT = whole_number(0, 65_535)
_WORKERS = whole_number(1, 64)
_FIELDS = whole_number(1, 100_000)
_STREAMS = whole_number(1, 100_000)
_COUNT = whole_number(1, 10_000_000)
_TIMEOUT = duration(0.001, _DAY_S)
_PAUSE = duration(0.0, _DAY_S)
_HEAD = size(1, 16 << 20)
_BODY = size(0, 1 << 50)

PORT = Variable("PORT", "8080", "public listener; `0` takes a free port", _PORT)
HOST = Variable("HOST", "0.0.0.0", "its address; `::` for dual stack", host)  # noqa: S104 - contract's default
CACHE_SERVICE_URL = Variable(
    "CACHE_SERVICE_URL", "http://localhost:8081", "the upstream `cache`", _origin_url
)
CACHE_TOKEN = Variable(
    "CACHE_TOKEN",
    None,
    "bearer token that the upstream `cache` is sent; a client's `Authorization` is not",
    secret,
)
CACHE_TOKEN_FILE = Variable(
    "CACHE_TOKEN_FILE",
    None,
    "file that holds it, instead of `CACHE_TOKEN`; read again when it changes",
    text,
)
API_KEY: Variable[str] = Variable(
    "API_KEY", None, "one client key, client name `default`", secret, short_secret
)
API_KEY_FILE: Variable[str] = Variable(
    "API_KEY_FILE", None, "file that holds it, instead of `API_KEY`; read again when it changes", text
)
AUTH = Variable("AUTH", "key", "`none` opens the default route", word("key", "none"))
RATE_LIMIT = Variable("RATE_LIMIT", "100-M", r"`<count>-<S\|M\|H\|D>` per client; `off` for none", text)
CONFIG_FILE = Variable(
    "CONFIG_FILE",
    None,
    "routes, upstreams, policies, keys; same as `--config`. Reloaded when it changes",
    text,
)
REDIS_URL: Variable[str] = Variable("REDIS_URL", None, "shared limits; unset: in-process", redis_url)
REDIS_URL_FILE: Variable[str] = Variable(
    "REDIS_URL_FILE", None, "file that holds it, instead of `REDIS_URL`; read again when it changes", text
)
ADMIN_PORT = Variable("ADMIN_PORT", "9080", "probes, metrics, admin API; `0` for none", _PORT)
ADMIN_HOST = Variable("ADMIN_HOST", "127.0.0.1", "its address", host)
ADMIN_TOKEN: Variable[str] = Variable(
    "ADMIN_TOKEN", None, "required by admin calls that change something; unset: those are rejected", secret
)
ADMIN_TOKEN_FILE: Variable[str] = Variable(
    "ADMIN_TOKEN_FILE",
    None,
    "file that holds it, instead of `ADMIN_TOKEN`; read again when it changes",
    text,
)
EXPOSE = Variable(
    "EXPOSE",
    "monitor,metrics",
    "which of `/monitor`, `/metrics` the public port serves too, or `none`",
    _exposed,
)
MONITOR_HOSTS = Variable(
    "MONITOR_HOSTS",
    None,
    "names under which a browser may open `/monitor/ws`, with commas, besides IP addresses, `localhost` and"
    " names under `.localhost` (against DNS rebinding)",
    _host_names,
)
TLS_CERT_FILE = Variable(
    "TLS_CERT_FILE",
    None,
    "with `TLS_KEY_FILE`: the public port speaks HTTPS; renewed files are picked up",
    text,
)
TLS_KEY_FILE = Variable("TLS_KEY_FILE", None, "the certificate's private key", text)
TLS_CLIENT_CA_FILE = Variable("TLS_CLIENT_CA_FILE", None, "ask for and verify client certificates", text)
TRUSTED_PROXIES = Variable(
    "TRUSTED_PROXIES", "none", "CIDRs whose `X-Forwarded-For`/`Forwarded` is believed, with commas", _networks
)
VIA = Variable(
    "VIA",
    "on",
    "`off`: no `Via` is sent to upstreams (nginx stops compressing for requests that carry it)",
    word("on", "off"),
)
PATHS = Variable(
    "PATHS",
    "reject",
    r"a path with a `.` or `..` segment, also as `%2e`, `%2f`, `%5c` or `\`: 400; `raw`: sent on as it came",
    word("reject", "raw"),
)
HTTP2 = Variable(
    "HTTP2",
    "on",
    "HTTP/2 by ALPN over TLS, and in clear by prior knowledge; `off`: HTTP/1.1 only",
    word("on", "off"),
)
KEY_PEPPER = Variable("KEY_PEPPER", None, "secret for `hmac-sha256:` key hashes", os.fsencode)
KEY_PEPPER_FILE = Variable("KEY_PEPPER_FILE", None, "file that holds it, instead of `KEY_PEPPER`", text)
MAX_HEAD_BYTES = Variable("MAX_HEAD_BYTES", "32Ki", "request head; over it 431", _HEAD)
MAX_FIELDS = Variable("MAX_FIELDS", "100", "header fields of a request; over it 431", _FIELDS)
MAX_TARGET_BYTES = Variable("MAX_TARGET_BYTES", "8Ki", "request target; over it 414", _HEAD)
MAX_BODY_BYTES = Variable("MAX_BODY_BYTES", "0", "request body, `0` for no bound; over it 413", _BODY)
HEADER_TIMEOUT = Variable("HEADER_TIMEOUT", "10s", "first byte to end of head; over it 408", _TIMEOUT)
KEEP_ALIVE_TIMEOUT = Variable("KEEP_ALIVE_TIMEOUT", "75s", "idle between requests", _TIMEOUT)
MAX_CONNECTIONS = Variable(
    "MAX_CONNECTIONS", "10000", "client connections; beyond: new ones wait or are closed", _COUNT
)
MAX_IN_FLIGHT = Variable("MAX_IN_FLIGHT", "4096", "requests at a time; beyond: 503 `overloaded`", _COUNT)
MAX_STREAMS = Variable(
    "MAX_STREAMS",
    "100",
    "HTTP/2 streams of a connection at a time; beyond: reset with REFUSED_STREAM, and may be sent again",
    _STREAMS,
)
WORKERS = Variable(
    "WORKERS",
    "1",
    "processes that serve the public port; `auto`: the cores that the control group allows. All else stays one: admin "
    "port, metrics, page, limits, breakers",
    _workers,
)
DRAIN_DELAY = Variable("DRAIN_DELAY", "0s", "after SIGTERM: unready, but still serving", _PAUSE)
DRAIN_TIMEOUT = Variable("DRAIN_TIMEOUT", "30s", "then: the time running requests have to end", _PAUSE)
ACCESS_LOG = Variable("ACCESS_LOG", "stdout", "`stdout`, `off` or a file path; one JSON object a line", text)
DECISIONS_KEPT = Variable(
    "DECISIONS_KEPT",
    "10000",
    "decisions that `/v1/decisions` shows: rejections, failures, and a sample of the rest; `0`: none",
    whole_number(0, 1_000_000),
)
CONTROL_PLANE_URL = Variable(
    "CONTROL_PLANE_URL", None, "the operator's sync address; unset: no policies from a cluster", _origin_url
)
CONTROL_PLANE_TOKEN_FILE = Variable(
    "CONTROL_PLANE_TOKEN_FILE", None, "bearer token for it, read again for each call", text
)
CONTROL_PLANE_CA_FILE = Variable(
    "CONTROL_PLANE_CA_FILE", None, "CAs that its certificate may come from; unset: the system's", text
)
SNAPSHOT_FILE = Variable(
    "SNAPSHOT_FILE", None, "the mounted snapshot of all policies (file or folder) to boot from", text
)
ENDPOINTS_FILE = Variable(
    "ENDPOINTS_FILE",
    None,
    "the gateway's own copy of where the cluster's endpoints are, to start with; unset: none is kept",
    text,
)
POD_NAME = Variable("POD_NAME", None, "this pod, as the operator knows it; unset: the host's name", _name)
POD_UID = Variable("POD_UID", None, "its UID; unset: a new one with each start", _uid)
POD_NAMESPACE = Variable(
    "POD_NAMESPACE", None, "only policies of this namespace count; unset: that of the token, else all", _name
)
NODE_NAME = Variable("NODE_NAME", None, "the node of this pod, shown on the page", _name)
GATEWAY_NAME = Variable(
    "GATEWAY_NAME", None, "what a policy's Gateway target calls this gateway; unset: any name", _name
)
BOOTSTRAP_REQUIRE_SNAPSHOT = Variable(
    "BOOTSTRAP_REQUIRE_SNAPSHOT", "false", "`true`: not ready before a snapshot was applied", flag
)
BOOTSTRAP_GRACE = Variable(
    "BOOTSTRAP_GRACE", "10s", "else: how long to wait for one before it is ready without", _PAUSE
)
OTEL_ENDPOINT = Variable(
    "OTEL_EXPORTER_OTLP_ENDPOINT", None, "where spans are sent; unset: no tracing (extra `otel`)", http_url
)
LOG_LEVEL = Variable("LOG_LEVEL", "info", f"process log: {', '.join(LEVELS)}", word(*LEVELS))

VARIABLES: tuple[Variable[object], ...] = (
    PORT,
    HOST,
    CACHE_SERVICE_URL,
    CACHE_TOKEN,
    CACHE_TOKEN_FILE,
    API_KEY,
    API_KEY_FILE,
    AUTH,
    RATE_LIMIT,
    CONFIG_FILE,
    REDIS_URL,
    REDIS_URL_FILE,
    ADMIN_PORT,
    ADMIN_HOST,
    ADMIN_TOKEN,
    ADMIN_TOKEN_FILE,
    EXPOSE,
    MONITOR_HOSTS,
    TLS_CERT_FILE,
    TLS_KEY_FILE,
    TLS_CLIENT_CA_FILE,
    TRUSTED_PROXIES,
    VIA,
    PATHS,
    HTTP2,
    KEY_PEPPER,
    KEY_PEPPER_FILE,
    MAX_HEAD_BYTES,
    MAX_FIELDS,
    MAX_TARGET_BYTES,
    MAX_BODY_BYTES,
    HEADER_TIMEOUT,
    KEEP_ALIVE_TIMEOUT,
    MAX_CONNECTIONS,
    MAX_IN_FLIGHT,
    MAX_STREAMS,
    WORKERS,
    DRAIN_DELAY,
    DRAIN_TIMEOUT,
    ACCESS_LOG,
    DECISIONS_KEPT,
    CONTROL_PLANE_URL,
    CONTROL_PLANE_TOKEN_FILE,
    CONTROL_PLANE_CA_FILE,
    SNAPSHOT_FILE,
    ENDPOINTS_FILE,
    POD_NAME,
    POD_UID,
    POD_NAMESPACE,
    NODE_NAME,
    GATEWAY_NAME,
    BOOTSTRAP_REQUIRE_SNAPSHOT,
    BOOTSTRAP_GRACE,
    OTEL_ENDPOINT,
    LOG_LEVEL,
)
"""All of them, in the order of the README's table."""

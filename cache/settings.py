"""The environment of the cache service: every variable, its default, its meaning, and what is wrong with a bad one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from app.foundation.environment import EnvironmentReader, Variable, variables_table_markdown
from app.foundation.errors import BadValue, quoted
from app.foundation.readers import duration, flag, host, http_url, size, text, whole_number
from app.foundation.redis.variable import redis_url
from cache.query import MAX_TTL_S

__all__ = ["VARIABLES", "Settings", "cache_settings_table_markdown", "settings_of"]

_DAY_S = 86_400.0
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*", re.ASCII)  # b64token, RFC 6750 §2.1


def _token(given: str) -> str:
    if _TOKEN.fullmatch(given) is None:
        raise BadValue("has characters that no bearer token may have", "use letters, digits and -._~+/")
    return given


def _whole_seconds(given: str) -> int:
    duration_s = duration(1, MAX_TTL_S)(given)
    if not duration_s.is_integer():
        raise BadValue(f"{quoted(given)} is not in whole seconds", "write it like 300, 5m or 1h30m")
    return int(duration_s)


_PAUSE = duration(0.0, _DAY_S)
_BYTES = size(1, 1 << 50)
_ENTRY_BYTES = 1 << 20  # the default below

PORT = Variable("PORT", "8081", "port that serves", whole_number(1, 65_535))
HOST = Variable("HOST", "0.0.0.0", "its address; `::` for dual stack", host)  # noqa: S104 - contract's default
REDIS_URL = Variable(
    "REDIS_URL",
    None,
    "a Redis or Valkey behind the memory: `redis://`, `rediss://`, `unix://`, Sentinel or Cluster; unset: memory only",
    redis_url,
)
REDIS_URL_FILE = Variable("REDIS_URL_FILE", None, "file that holds it, instead of `REDIS_URL`", text)
CACHE_MAX_BYTES = Variable(
    "CACHE_MAX_BYTES", "256Mi", "keys and values in memory; the least recently used go first", _BYTES
)
CACHE_MAX_ENTRY_BYTES = Variable(
    "CACHE_MAX_ENTRY_BYTES", "1Mi", "the most for one value; not more than `CACHE_MAX_BYTES`", _BYTES
)
CACHE_DEFAULT_TTL = Variable(
    "CACHE_DEFAULT_TTL", "300", "seconds, for a `PUT` without `ttl`; also `5m`, `1h30m`", _whole_seconds
)
CACHE_REQUIRE_REDIS = Variable(
    "CACHE_REQUIRE_REDIS", "false", "`true`: a write that Redis does not take is rejected with 503", flag
)
CACHE_TOKEN = Variable(
    "CACHE_TOKEN",
    None,
    "calls must carry `Authorization: Bearer …`; probes and `/metrics` need none",
    _token,
)
CACHE_TOKEN_FILE = Variable("CACHE_TOKEN_FILE", None, "file that holds it, instead of `CACHE_TOKEN`", text)
DRAIN_DELAY = Variable("DRAIN_DELAY", "0s", "after SIGTERM: unready, but still serving", _PAUSE)
DRAIN_TIMEOUT = Variable("DRAIN_TIMEOUT", "30s", "then: the time running calls have to end", _PAUSE)
OTEL_ENDPOINT = Variable(
    "OTEL_EXPORTER_OTLP_ENDPOINT", None, "where spans are sent; unset: no tracing (extra `otel`)", http_url
)

VARIABLES: tuple[Variable[object], ...] = (
    PORT,
    HOST,
    REDIS_URL,
    REDIS_URL_FILE,
    CACHE_MAX_BYTES,
    CACHE_MAX_ENTRY_BYTES,
    CACHE_DEFAULT_TTL,
    CACHE_REQUIRE_REDIS,
    CACHE_TOKEN,
    CACHE_TOKEN_FILE,
    DRAIN_DELAY,
    DRAIN_TIMEOUT,
    OTEL_ENDPOINT,
)
"""All of them, in the order of the documentation's table."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the service runs with; secrets stay out of its repr. `warnings`: a line about each likely mistake."""

    port: int = 8081
    host: str = "0.0.0.0"  # noqa: S104  # a service in a container serves its network
    redis_url: str | None = field(default=None, repr=False)
    max_bytes: int = 256 * 2**20
    max_entry_bytes: int = 2**20
    default_ttl_s: int = 300
    require_redis: bool = False
    token: str | None = field(default=None, repr=False)
    drain_delay_s: float = 0.0
    drain_timeout_s: float = 30.0
    warnings: tuple[str, ...] = ()


def settings_of(env: Mapping[str, str]) -> Settings:
    """The settings (reads the files that they name); raises ConfigFaults with all that is wrong."""
    reader = EnvironmentReader(env)
    required = reader.required
    url = reader.secret(REDIS_URL, REDIS_URL_FILE)
    max_bytes = required(CACHE_MAX_BYTES)
    max_entry_bytes = reader.optional(CACHE_MAX_ENTRY_BYTES)
    if max_entry_bytes is None:
        max_entry_bytes = min(_ENTRY_BYTES, max_bytes)
    elif max_entry_bytes > max_bytes and not reader.faults:
        reader.fault(CACHE_MAX_ENTRY_BYTES, "is more than CACHE_MAX_BYTES", "make it smaller")
    require_redis = required(CACHE_REQUIRE_REDIS)
    if require_redis and url is None and not reader.faults:
        reader.fault(CACHE_REQUIRE_REDIS, "is true and there is no REDIS_URL", "set REDIS_URL")
    reader.optional(OTEL_ENDPOINT)  # used by `tracing`, checked with all others
    settings = Settings(
        port=required(PORT),
        host=required(HOST),
        redis_url=url,
        max_bytes=max_bytes,
        max_entry_bytes=max_entry_bytes,
        default_ttl_s=required(CACHE_DEFAULT_TTL),
        require_redis=require_redis,
        token=reader.secret(CACHE_TOKEN, CACHE_TOKEN_FILE),
        drain_delay_s=required(DRAIN_DELAY),
        drain_timeout_s=required(DRAIN_TIMEOUT),
    )
    return replace(settings, warnings=reader.finish(VARIABLES))


def cache_settings_table_markdown() -> str:
    """The table of variables for the documentation, one row each, ending with a line end."""
    return variables_table_markdown(VARIABLES)

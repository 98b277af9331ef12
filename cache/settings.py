"""The environment of the cache service: every variable, its default, and what is wrong with a bad one. Pure.

PORT 8081 · HOST 0.0.0.0 · REDIS_URL unset: memory only · CACHE_MAX_BYTES 256Mi: keys and values in memory ·
CACHE_MAX_ENTRY_BYTES 1Mi: one value · CACHE_DEFAULT_TTL 300 s: for a PUT without ttl · CACHE_REQUIRE_REDIS
false: true refuses writes with 503 while Redis is away · CACHE_TOKEN unset: bearer token that calls must
carry · DRAIN_DELAY 0s: after SIGTERM still served, unready · DRAIN_TIMEOUT 30s: then for running calls.
Set but empty is as unset. All are read once, at start.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Protocol, TypeVar

from cache.errors import SettingFault, SettingFaults
from cache.query import MAX_TTL_S

__all__ = ["Settings", "settings_of"]

T = TypeVar("T")

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_SIZE = re.compile(r"([0-9]{1,15})(k|M|G|Ki|Mi|Gi)?", re.ASCII)
_DURATION = re.compile(r"(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?", re.ASCII)
_PART = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(h|ms|m|s)", re.ASCII)
_PART_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PAUSE = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*", re.ASCII)  # b64token, RFC 6750 §2.1
_BOOLS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the service runs with; secrets stay out of its repr."""

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


_DEFAULTS = Settings()
_PAUSE_FIX = "write seconds (5) or 250ms, 5s, 1m30s"


class _Read(Protocol):
    """One variable: its value, or the default where it is unset or (noted) faulty."""

    def __call__(self, name: str, default: T, parse: Callable[[str], T | None], what: str, fix: str) -> T: ...


def settings_of(env: Mapping[str, str], redis_url_fault: Callable[[str], str | None]) -> Settings:
    """The settings; raises SettingFaults with all that is wrong. `redis_url_fault` judges a URL."""
    faults: list[SettingFault] = []

    def read(name: str, default: T, parse: Callable[[str], T | None], what: str, fix: str) -> T:
        text = env.get(name, "")
        if not text:
            return default
        value = parse(text)
        if value is None:
            shown = f"{what}: {text[:40]!r}" if name not in ("REDIS_URL", "CACHE_TOKEN") else what
            faults.append(SettingFault(name, shown, fix))
            return default
        return value

    url = env.get("REDIS_URL", "")
    settings = _read_all(read, redis_url_fault(url) if url else None)
    if settings.max_entry_bytes > settings.max_bytes and not faults:
        faults.append(
            SettingFault("CACHE_MAX_ENTRY_BYTES", "is more than CACHE_MAX_BYTES", "make it smaller")
        )
    if settings.require_redis and not url:
        faults.append(
            SettingFault("CACHE_REQUIRE_REDIS", "is true and there is no REDIS_URL", "set REDIS_URL")
        )
    if faults:
        raise SettingFaults(faults)
    return settings


def _read_all(read: _Read, url_is: str | None) -> Settings:
    """`url_is`: what is wrong with REDIS_URL, None for nothing."""
    max_bytes = read(
        "CACHE_MAX_BYTES", _DEFAULTS.max_bytes, _size, "is no size", "write bytes or 64Ki, 256Mi, 1Gi"
    )
    return Settings(
        port=read("PORT", _DEFAULTS.port, _port, "is no port", "write a number from 1 to 65535"),
        host=read("HOST", _DEFAULTS.host, _host, "is no address", "write an address such as 0.0.0.0 or ::"),
        redis_url=read(
            "REDIS_URL",
            None,
            lambda text: None if url_is else text,
            url_is or "",
            "write redis://host:6379/0, rediss://…, unix:///path, redis+sentinel://h1,h2/0?master=name "
            "or redis+cluster://h1,h2",
        ),
        max_bytes=max_bytes,
        max_entry_bytes=read(
            "CACHE_MAX_ENTRY_BYTES",
            min(_DEFAULTS.max_entry_bytes, max_bytes),
            _size,
            "is no size",
            "write bytes or 1Mi",
        ),
        default_ttl_s=read(
            "CACHE_DEFAULT_TTL",
            _DEFAULTS.default_ttl_s,
            _seconds,
            "is no duration of 1 s or more",
            "write whole seconds (300) or 5m, 1h30m",
        ),
        require_redis=read(
            "CACHE_REQUIRE_REDIS", False, _bool, "is neither true nor false", "write true or false"
        ),
        token=read(
            "CACHE_TOKEN",
            None,
            _token,
            "has characters no bearer token may have",
            "use letters, digits and -._~+/",
        ),
        drain_delay_s=read("DRAIN_DELAY", _DEFAULTS.drain_delay_s, _pause, "is no duration", _PAUSE_FIX),
        drain_timeout_s=read(
            "DRAIN_TIMEOUT", _DEFAULTS.drain_timeout_s, _pause, "is no duration", _PAUSE_FIX
        ),
    )


def _port(text: str) -> int | None:
    return (
        int(text)
        if text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= 65535
        else None
    )


def _host(text: str) -> str | None:
    try:
        ip_address(text)
    except ValueError:
        return text if _HOST.fullmatch(text) and not text[-1].isdigit() else None
    return text


def _size(text: str) -> int | None:
    match = _SIZE.fullmatch(text)
    size_bytes = int(match[1]) * _UNITS[match[2] or ""] if match else 0
    return size_bytes or None


def _seconds(text: str) -> int | None:
    if text.isascii() and text.isdecimal():
        text += "s"
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total_s = hours * 3600 + minutes * 60 + seconds
    return total_s if 1 <= total_s <= MAX_TTL_S else None


def _pause(text: str) -> float | None:
    """Seconds of a Go-style duration, 0 included; a bare number means seconds."""
    if not text.endswith(tuple(_PART_S)):
        text += "s"
    if not _PAUSE.fullmatch(text):
        return None
    return sum(float(number) * _PART_S[unit] for number, unit in _PART.findall(text))


def _bool(text: str) -> bool | None:
    return _BOOLS.get(text.lower())


def _token(text: str) -> str | None:
    return text if _TOKEN.fullmatch(text) else None

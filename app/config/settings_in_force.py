"""The settings in force of a table as texts that can be compared between gateways, with one digest of all. Pure."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.config.sync.summary import MOST_SETTINGS, SettingInForce
from app.config.table import Table
from app.policy.breaker_fields import CIRCUIT_BREAKER
from app.policy.effective import Effective
from app.policy.limit_fields import RATE_LIMIT
from app.policy.traffic_fields import RETRY, TIMEOUT

__all__ = ["LONGEST_VALUE", "SettingsInForce", "settings_in_force"]

LONGEST_VALUE = 500
"""Characters; what is longer is cut, and ends with a digest of the whole."""


@dataclass(frozen=True, slots=True)
class SettingsInForce:
    """The first MOST_SETTINGS, breakers before routes; `digest`: 16 hex digits, of all of them."""

    digest: str
    settings: tuple[SettingInForce, ...]


def settings_in_force(table: Table) -> SettingsInForce:
    """What policies and files decide: circuitBreaker, rateLimit, timeout and retry. O(routes)."""
    found: list[SettingInForce] = []
    digest = hashlib.sha256()
    for setting in _all(table):
        digest.update(f"{setting.target}\n{setting.stanza}\n{setting.value}\n".encode())
        if len(found) < MOST_SETTINGS:
            found.append(setting)
    return SettingsInForce(digest.hexdigest()[:16], tuple(found))


def _all(table: Table) -> Iterator[SettingInForce]:
    texts: dict[int, str] = {}  # routes that no policy names share their settings

    def text(effective: Effective[Any], write: Callable[[Any], Mapping[str, object]]) -> str:
        known = texts.get(id(effective))
        if known is None:
            value = effective.value
            known = texts[id(effective)] = "unset" if value is None else _text(write(value))
        return known

    for name, breaker in sorted(table.breakers.items()):
        upstream, _, route = name.partition("@")
        target = f"Upstream/{upstream}" + (f" on Route/{route}" if route else "")
        yield SettingInForce(target, "circuitBreaker", text(breaker, CIRCUIT_BREAKER.write))
    last = ""
    for settings in table.routes:
        target = f"Route/{settings.route.name}"
        if target == last:
            continue  # another match of the same route
        last = target
        yield SettingInForce(target, "rateLimit", text(settings.rate_limit, RATE_LIMIT.write))
        yield SettingInForce(target, "timeout", text(settings.timeout, TIMEOUT.write))
        yield SettingInForce(target, "retry", text(settings.retry, RETRY.write))


def _text(written: Mapping[str, object]) -> str:
    whole = orjson.dumps(written, option=orjson.OPT_SORT_KEYS).decode()
    if len(whole) <= LONGEST_VALUE:
        return whole
    mark = hashlib.sha256(whole.encode()).hexdigest()[:12]
    return f"{whole[: LONGEST_VALUE - 14]}… {mark}"

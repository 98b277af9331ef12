"""What the environment says about routes, keys and limits, where no file says it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.config.model import Credential, Endpoint, KeyEntry
from app.config.parsing.addresses import parse_endpoint
from app.config.stored_keys import key_digest
from app.foundation.errors import BadValue, ConfigFault, ConfigFaults
from app.policy.model import MAX_REQUESTS, LimitKey, LimitRule, RateLimit

__all__ = ["API_KEY_CLIENT", "EnvironmentRules", "api_key_entry", "cache_endpoint", "parse_rate_limit"]

API_KEY_CLIENT = "default"
"""The client that `API_KEY` belongs to."""

_PERIODS_S = {"S": 1.0, "M": 60.0, "H": 3600.0, "D": 86_400.0}
_RATE_LIMIT = re.compile(r"([0-9]{1,10})-([SMHD])", re.IGNORECASE)
_VISIBLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class EnvironmentRules:
    """The variables as given; None is unset. `pepper`: secret of `hmac-sha256` hashes.

    `cache_credential`: where the one for `cache_service_url` is found, never itself.
    """

    cache_service_url: str = "http://localhost:8081"
    api_key: str | None = field(default=None, repr=False)
    auth: str = "key"
    rate_limit: str = "100-M"
    pepper: bytes | None = field(default=None, repr=False)
    cache_credential: Credential | None = None

    @classmethod
    def offline(cls, env: Mapping[str, str]) -> "EnvironmentRules":
        """What `env` says; an unset secret is taken as one that is set where the gateway runs."""
        plain = cls()
        return cls(
            cache_service_url=env.get("CACHE_SERVICE_URL") or plain.cache_service_url,
            api_key=env.get("API_KEY") or "set-elsewhere",
            auth=env.get("AUTH") or plain.auth,
            rate_limit=env.get("RATE_LIMIT") or plain.rate_limit,
            pepper=b"set-elsewhere",
        )


def parse_rate_limit(text: str) -> RateLimit | None:
    """`100-M` (requests per second, minute, hour or day and client), None for `off`; raises ConfigFaults."""
    if text.lower() == "off":
        return None
    found = _RATE_LIMIT.fullmatch(text)
    if found is None:
        fix = "write COUNT-S, -M, -H or -D such as 100-M, or off"
        raise ConfigFaults([ConfigFault("RATE_LIMIT", f"is {text[:40]!r}", fix)])
    requests = int(found[1])
    if not 1 <= requests <= MAX_REQUESTS:
        fix = f"the count must be from 1 to {MAX_REQUESTS:,}; write off for no limit"
        raise ConfigFaults([ConfigFault("RATE_LIMIT", f"is {text[:40]!r}", fix)])
    rule = LimitRule("default", LimitKey.CLIENT, requests, _PERIODS_S[found[2].upper()], burst=requests)
    return RateLimit((rule,))


def cache_endpoint(url: str) -> Endpoint:
    """The endpoint of `CACHE_SERVICE_URL`; raises ConfigFaults."""
    try:
        return parse_endpoint(url)
    except BadValue as bad:
        raise ConfigFaults([ConfigFault("CACHE_SERVICE_URL", bad.what, bad.fix)]) from None


def api_key_entry(api_key: str, pepper: bytes | None) -> KeyEntry:
    """`API_KEY` as an accepted key; raises ConfigFaults if no request could carry it. Never shows it."""
    if not _VISIBLE.fullmatch(api_key):
        what = "is empty, or holds spaces or characters that are no visible ASCII"
        raise ConfigFaults(
            [ConfigFault("API_KEY", what, "set it to one that tidegate keys new default prints")]
        )
    scheme, digest = key_digest(api_key.encode("ascii"), pepper)
    return KeyEntry(API_KEY_CLIENT, scheme, digest)

"""How the text of a variable REDIS_URL is read."""

from app.foundation.errors import BadValue, ConfigFaults

__all__ = ["redis_url"]


def redis_url(given: str) -> str:
    """A URL of `redis/url.py` whose TLS files can be used, as given. Raises BadValue, which never shows it."""
    # most processes have none
    from app.foundation.redis.tls_files import check_tls_files
    from app.foundation.redis.url import parse_redis_url

    try:
        check_tls_files(parse_redis_url(given))
    except ConfigFaults as faults:
        fault = faults.faults[0]
        raise BadValue(fault.what, fault.fix) from None
    return given

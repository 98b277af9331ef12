"""Makes redis-py's client of one server: timeouts, retry, TLS. Nothing waits longer than is written here."""

from typing import Any

from redis import exceptions as error_types
from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.foundation.redis.slots import Address
from app.foundation.redis.url import RedisAddress

__all__ = ["MAX_CONNECTIONS", "make_client"]

SOCKET_TIMEOUT_S = 0.1
CONNECT_TIMEOUT_S = 0.2
TLS_CONNECT_TIMEOUT_S = 0.5  # a handshake is two round trips more, and work for both processors
MAX_CONNECTIONS = 8  # to one server: the pipelines under way, a heartbeat or poll, a subscription
HEALTH_CHECK_INTERVAL_S = 15


def make_client(address: RedisAddress, host: Address | None, *, as_sentinel: bool = False) -> Any:
    """A client of the server at `host`, None for the Unix socket of `address`; connects on its first command.

    `as_sentinel`: without user, password and database, which are the primary's.
    """
    pool = BlockingConnectionPool(
        timeout=SOCKET_TIMEOUT_S,
        max_connections=MAX_CONNECTIONS,
        db=0 if as_sentinel else address.database,
        username=None if as_sentinel else address.username,
        password=None if as_sentinel else address.password,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=TLS_CONNECT_TIMEOUT_S if address.tls else CONNECT_TIMEOUT_S,
        # only a lost connection is retried: a server that is silent would be waited for twice
        retry=Retry(NoBackoff(), 1, supported_errors=(error_types.ConnectionError,)),
        health_check_interval=HEALTH_CHECK_INTERVAL_S,
        **_transport(address, host),
    )
    return Redis.from_pool(pool)


def _transport(address: RedisAddress, host: Address | None) -> dict[str, Any]:
    if host is None:
        return {"connection_class": UnixDomainSocketConnection, "path": address.socket_path}
    options: dict[str, Any] = {"host": host[0], "port": host[1]}
    if address.tls:
        options |= {
            "connection_class": SSLConnection,
            "ssl_ca_certs": address.ca_file,
            "ssl_certfile": address.cert_file,
            "ssl_keyfile": address.key_file,
            "ssl_check_hostname": True,
        }
    return options

from app.foundation.redis.connections import (
    CONNECT_TIMEOUT_S,
    SOCKET_TIMEOUT_S,
    TLS_CONNECT_TIMEOUT_S,
    make_client,
)
from app.foundation.redis.url import parse_redis_url
from tests.fakes.valkey import Valkey


def options(url, **more):
    address = parse_redis_url(url)
    return make_client(
        address, address.hosts[0] if address.hosts else None, **more
    ).connection_pool.connection_kwargs


def test_nothing_waits_longer_than_its_timeouts():
    plain, tls = options("redis://h"), options("rediss://h")
    assert plain["socket_timeout"] == tls["socket_timeout"] == SOCKET_TIMEOUT_S
    assert plain["socket_connect_timeout"] == CONNECT_TIMEOUT_S
    assert tls["socket_connect_timeout"] == TLS_CONNECT_TIMEOUT_S


def test_a_sentinel_is_asked_without_what_is_the_primarys():
    url = "redis+sentinel://me:secret@h/3?master=m"
    primary, sentinel = options(url), options(url, as_sentinel=True)
    assert (primary["username"], primary["password"], primary["db"]) == ("me", "secret", 3)
    assert (sentinel["username"], sentinel["password"], sentinel["db"]) == (None, None, 0)


def test_tls_checks_the_servers_name():
    tls = options("rediss://h?ssl_ca_certs=/ca.pem&ssl_certfile=/c.pem&ssl_keyfile=/k.pem")
    assert tls["ssl_check_hostname"]
    assert (tls["ssl_ca_certs"], tls["ssl_certfile"], tls["ssl_keyfile"]) == ("/ca.pem", "/c.pem", "/k.pem")


async def test_a_server_on_a_unix_socket_serves(tmp_path):
    with Valkey(tmp_path, options=("--unixsocket", str(tmp_path / "v.sock"))):
        client = make_client(parse_redis_url(f"unix://{tmp_path / 'v.sock'}?db=2"), None)
        assert await client.set("a", "1")
        await client.aclose()

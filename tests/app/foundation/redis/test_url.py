import pytest

from app.foundation.errors import ConfigFaults
from app.foundation.redis.url import RedisAddress, Topology, parse_redis_url

SINGLE, SENTINEL, CLUSTER = Topology.SINGLE, Topology.SENTINEL, Topology.CLUSTER


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://cache", RedisAddress(SINGLE, (("cache", 6379),))),
        ("redis://cache:7000/3", RedisAddress(SINGLE, (("cache", 7000),), database=3)),
        ("redis://cache/", RedisAddress(SINGLE, (("cache", 6379),))),
        ("redis://[::1]:7000", RedisAddress(SINGLE, (("::1", 7000),))),
        ("redis://:p%40ss@cache", RedisAddress(SINGLE, (("cache", 6379),), password="p@ss")),
        ("redis://me:p@cache", RedisAddress(SINGLE, (("cache", 6379),), username="me", password="p")),
        ("rediss://cache", RedisAddress(SINGLE, (("cache", 6379),), tls=True)),
        (
            "rediss://cache?ssl_ca_certs=/ca.pem&ssl_certfile=/c.pem&ssl_keyfile=/k.pem",
            RedisAddress(
                SINGLE,
                (("cache", 6379),),
                tls=True,
                ca_file="/ca.pem",
                cert_file="/c.pem",
                key_file="/k.pem",
            ),
        ),
        (
            "redis+sentinel://a,b:7000/2?master=main",
            RedisAddress(SENTINEL, (("a", 26379), ("b", 7000)), database=2, master="main"),
        ),
        ("rediss+sentinel://a?master=m", RedisAddress(SENTINEL, (("a", 26379),), tls=True, master="m")),
        ("unix:///run/valkey.sock", RedisAddress(SINGLE, (), socket_path="/run/valkey.sock")),
        (
            "unix://me:p%40@/run/v.sock?db=2",
            RedisAddress(SINGLE, (), username="me", password="p@", database=2, socket_path="/run/v.sock"),
        ),
        (
            "redis+sentinel://a:26379,[::1],[::2]:1/0?master=main",
            RedisAddress(SENTINEL, (("a", 26379), ("::1", 26379), ("::2", 1)), master="main"),
        ),
        ("redis+cluster://a,b:7000", RedisAddress(CLUSTER, (("a", 6379), ("b", 7000)))),
        ("rediss+cluster://a/0", RedisAddress(CLUSTER, (("a", 6379),), tls=True)),
    ],
)
def test_an_address_is_read(url, address):
    assert parse_redis_url(url) == address


@pytest.mark.parametrize(
    ("url", "what", "fix"),
    [
        ("http://cache", "scheme", "redis+sentinel://"),
        ("host:6379", "scheme", "unix://"),
        ("redis+ring://cache", "scheme", "redis+cluster://"),
        ("redis://[::1", "is not a URL", "redis://host:6379/0"),
        ("redis://", "names no host", "redis://host:6379/0"),
        ("redis://h /0", "names no host", "redis://host:6379/0"),
        ("redis+sentinel://a,,b/0?master=m", "names no host", "redis://host:6379/0"),
        ("redis://u:p@[::1", "is not a URL", "redis://host:6379/0"),
        ("redis://h/0?db=1", "'db'", "it takes none"),
        ("unix://", "names no socket", "unix:///path/to/socket"),
        ("unix:///", "names no socket", "unix:///path/to/socket"),
        ("unix://host/run/v.sock", "a host before", "unix:///path/to/socket"),
        ("unix:///run/v.sock?x=1", "'x'", "it takes db"),
        ("unix:///run/v.sock?db=one", "'one'", "whole number"),
        ("redis://:6379", "names no host", "redis://host:6379/0"),
        ("redis+cluster://a,", "names no host", "redis://host:6379/0"),
        ("redis://a,b", "several hosts", "redis+sentinel://"),
        ("redis://a:port", "port", "1 to 65535"),
        ("redis://a:0", "port", "1 to 65535"),
        ("redis://a:70000", "port", "1 to 65535"),
        ("redis://a/one", "'one'", "whole number"),
        ("redis://a/²", "'²'", "whole number"),
        ("redis://a/12345678", "'12345678'", "whole number"),
        ("redis+cluster://a/1", "database 1", "leave it out"),
        ("redis+sentinel://a", "names no master", "?master=NAME"),
        ("redis+sentinel://a?master=", "without a value", "master=…"),
        ("redis://a?master=m", "'master'", "it takes none"),
        ("redis://a?ssl_ca_certs=/x", "'ssl_ca_certs'", "it takes none"),
        ("rediss://a?socket_timeout=9", "'socket_timeout'", "ssl_ca_certs, ssl_certfile"),
        ("rediss://a?ssl_certfile=/x", "one of ssl_certfile and ssl_keyfile", "both or none"),
    ],
)
def test_a_fault_names_the_variable_what_is_wrong_and_the_cure(url, what, fix):
    with pytest.raises(ConfigFaults) as raised:
        parse_redis_url(url)
    (fault,) = raised.value.faults
    assert fault.path == "REDIS_URL"
    assert what in fault.what
    assert fix in fault.fix


@pytest.mark.parametrize("url", ["redis://:hunter2@a/x", "redis://:hunter2@a,b", "ftp://:hunter2@a"])
def test_no_fault_tells_the_password(url):
    with pytest.raises(ConfigFaults) as raised:
        parse_redis_url(url)
    assert "hunter2" not in str(raised.value)


def test_what_is_shown_holds_no_password():
    address = parse_redis_url("rediss+sentinel://me:hunter2@a,[::1]:7000/1?master=m")
    assert address.shown == "rediss+sentinel://a:26379,[::1]:7000"
    assert "hunter2" not in repr(address)
    assert parse_redis_url("redis://a").shown == "redis://a:6379"
    assert parse_redis_url("unix://:hunter2@/run/v.sock").shown == "unix:///run/v.sock"

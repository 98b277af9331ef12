import pytest

from app.foundation.errors import BadValue
from app.foundation.redis.variable import redis_url


@pytest.mark.parametrize("url", ["redis://host", "unix:///run/valkey.sock", "redis+cluster://a,b"])
def test_a_valid_url_is_taken_as_given(url):
    assert redis_url(url) == url


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("http://:hunter2@h", "has an unknown scheme"),
        ("rediss://:hunter2@h?ssl_ca_certs=/nowhere.pem", "names a TLS file that cannot be used"),
    ],
)
def test_what_is_wrong_is_said_without_the_url(url, what):
    with pytest.raises(BadValue) as bad:
        redis_url(url)
    assert what in bad.value.what
    assert "hunter2" not in str(bad.value)

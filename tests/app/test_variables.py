import pytest

from app.foundation.errors import BadValue
from app.variables import VARIABLES

BY_NAME = {variable.name: variable for variable in VARIABLES}


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_default_can_be_read(name):
    variable = BY_NAME[name]
    assert variable.default is None or variable.read(variable.default) is not None


def test_names_are_unique():
    assert len(BY_NAME) == len(VARIABLES)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("BOOTSTRAP_REQUIRE_SNAPSHOT", "TRUE", True),
        ("BOOTSTRAP_REQUIRE_SNAPSHOT", "false", False),
        ("POD_NAME", "gateway-5d9c7-x2x4z", "gateway-5d9c7-x2x4z"),
        ("POD_UID", "0b5c3a5e-8f5a-4d55-9a53-0f3c7b7a0f11", "0b5c3a5e-8f5a-4d55-9a53-0f3c7b7a0f11"),
        ("PORT", "0", 0),
        ("PORT", "65535", 65535),
        ("HOST", "::", "::"),
        ("CACHE_SERVICE_URL", "https://cache.internal:8443/", "https://cache.internal:8443/"),
        ("AUTH", "None", "none"),
        ("EXPOSE", "metrics", frozenset({"metrics"})),
        ("EXPOSE", "metrics, monitor", frozenset({"metrics", "monitor"})),
        ("EXPOSE", "none", frozenset()),
        ("MONITOR_HOSTS", "Gateway.example.com., my_pc", frozenset({"gateway.example.com", "my_pc"})),
        ("REDIS_URL", "redis+sentinel://h1,h2/0?master=m", "redis+sentinel://h1,h2/0?master=m"),
        ("TRUSTED_PROXIES", "none", ""),
        ("TRUSTED_PROXIES", "10.1.2.3/8, fd00::1", "10.0.0.0/8,fd00::1/128"),
        ("MAX_BODY_BYTES", "10Mi", 10 << 20),
        ("HEADER_TIMEOUT", "250ms", 0.25),
        ("DRAIN_DELAY", "5", 5.0),
        ("LOG_LEVEL", "DEBUG", "debug"),
        ("KEY_PEPPER", "pfeffer-ü", "pfeffer-ü".encode()),
    ],
)
def test_good_text_is_read(name, text, value):
    assert BY_NAME[name].read(text) == value


@pytest.mark.parametrize(
    ("name", "text", "what", "fix"),
    [
        ("PORT", "65536", "'65536' cannot be used", "from 0 to 65535"),
        ("POD_NAME", "Gateway_1", "'Gateway_1' is no name of an object", "a-z, 0-9"),
        ("POD_UID", "a b", "'a b' is no UID", "metadata.uid"),
        ("BOOTSTRAP_REQUIRE_SNAPSHOT", "yes", "'yes' is not a value of it", "true, false"),
        ("CONTROL_PLANE_URL", "http://operator:8082/v1", "has a path", "host and port only"),
        ("PORT", "-1", "'-1' cannot be used", "from 0 to 65535"),
        ("PORT", "80a", "'80a' cannot be used", "whole number"),
        ("PORT", "9" * 5000, "cannot be used", "whole number"),
        ("HOST", "http://x", "is not an address", "127.0.0.1"),
        ("CACHE_SERVICE_URL", "localhost:8081", "is not an http://", "http://localhost:8081"),
        ("CACHE_SERVICE_URL", "http://", "is not an http://", "http://localhost:8081"),
        ("CACHE_SERVICE_URL", "http://a:0", "is not an http://", "http://localhost:8081"),
        ("CACHE_SERVICE_URL", "http://a:99999", "is not a URL", "http://localhost:8081"),
        ("CACHE_SERVICE_URL", "http://[::1", "is not a URL", "http://localhost:8081"),
        ("CACHE_SERVICE_URL", "http://user:secret@a", "holds a user or password", "http://localhost:8081"),
        ("CACHE_SERVICE_URL", "http://a/cache", "has a path or query", "scheme, host and port only"),
        ("API_KEY", "two words", "holds a space", "visible ASCII"),
        ("API_KEY", "key\n", "holds a space, a line end", "visible ASCII"),
        ("ADMIN_TOKEN", "tökén", "outside ASCII", "visible ASCII"),
        ("AUTH", "keys", "'keys' is not a value of it", "key, none"),
        ("REDIS_URL", "localhost:6379", "has an unknown scheme", "redis://host:6379/0"),
        ("REDIS_URL", "http://:secret@h", "has an unknown scheme", "redis://host:6379/0"),
        ("EXPOSE", "monitor,admin", "'admin' cannot be exposed", "monitor, metrics"),
        ("EXPOSE", "none,metrics", "'none' cannot be exposed", "or none"),
        (
            "MONITOR_HOSTS",
            "https://gateway.example.com",
            "'https://gateway.example.com' is no",
            "gateway.example.com",
        ),
        ("MONITOR_HOSTS", "gateway.example.com:8080", "is no host name", "without scheme or port"),
        ("MONITOR_HOSTS", "*.example.com", "'*.example.com' is no host name", "with commas"),
        ("MONITOR_HOSTS", "a,,b", "'' is no host name", "with commas"),
        ("TRUSTED_PROXIES", "10.0.0.0/33", "no CIDR", "10.0.0.0/8"),
        ("TRUSTED_PROXIES", "proxy.internal", "no CIDR", "10.0.0.0/8"),
        ("MAX_HEAD_BYTES", "0", "out of range", "1 to 16777216 bytes"),
        ("MAX_HEAD_BYTES", "32KB", "'32KB' is not a size", "write 32Ki"),
        ("HEADER_TIMEOUT", "0", "out of range", "0.001s to 86400s"),
        ("HEADER_TIMEOUT", "soon; now", "'soon; now' is not a duration", "write it like 250ms"),
        ("DRAIN_TIMEOUT", "25h", "out of range", "0s to 86400s"),
        ("MAX_CONNECTIONS", "0", "'0' cannot be used", "from 1"),
        ("MAX_STREAMS", "0", "'0' cannot be used", "from 1 to 100000"),
        ("HTTP2", "h2c", "'h2c' is not a value of it", "on, off"),
        ("LOG_LEVEL", "loud", "'loud' is not a value of it", "debug, info, warning, error"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "is not an http://", "http://"),
    ],
)
def test_bad_text_says_what_is_wrong_and_what_would_be_right(name, text, what, fix):
    with pytest.raises(BadValue) as caught:
        BY_NAME[name].read(text)
    assert what in caught.value.what
    assert fix in caught.value.fix


@pytest.mark.parametrize("name", ["API_KEY", "ADMIN_TOKEN", "REDIS_URL", "CACHE_SERVICE_URL"])
def test_fault_of_a_variable_that_may_hold_a_secret_does_not_show_it(name):
    with pytest.raises(BadValue) as caught:
        BY_NAME[name].read("http://user:hunter2 @host")
    assert "hunter2" not in caught.value.what + caught.value.fix

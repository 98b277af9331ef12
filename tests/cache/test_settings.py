"""The environment: defaults, every accepted form, all faults at once, no secret in a message."""

import pytest

from app.foundation.errors import ConfigFaults
from cache.settings import Settings, settings_of


def faults(**env):
    with pytest.raises(ConfigFaults) as raised:
        settings_of(env)
    return [str(fault) for fault in raised.value.faults]


def test_the_defaults_are_those_of_the_contract():
    settings = settings_of({})
    assert settings.host == ".".join("0000")
    assert settings == Settings(8081, settings.host, None, 256 * 2**20, 2**20, 300, False, None)


def test_set_but_empty_is_as_unset():
    assert settings_of({"PORT": "", "REDIS_URL": "", "CACHE_TOKEN": ""}) == Settings()


def test_everything_can_be_set():
    env = {
        "PORT": "1",
        "HOST": "::",
        "REDIS_URL": "redis://:pw@host:6379/1",
        "CACHE_MAX_BYTES": "2Gi",
        "CACHE_MAX_ENTRY_BYTES": "1500",
        "CACHE_DEFAULT_TTL": "1h30m",
        "CACHE_REQUIRE_REDIS": "True",
        "CACHE_TOKEN": "abc-._~+/==",
        "DRAIN_DELAY": "5s",
        "DRAIN_TIMEOUT": "1m30s",
    }
    assert settings_of(env) == Settings(
        1, "::", "redis://:pw@host:6379/1", 2**31, 1500, 5400, True, "abc-._~+/==", 5.0, 90.0
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("0s", 0), ("5", 5), ("2.5", 2.5), ("250ms", 0.25), ("1.5s", 1.5), ("1h1m1s1ms", 3661.001)],
)
def test_a_pause_is_go_style_and_may_be_none(text, seconds):
    assert settings_of({"DRAIN_DELAY": text}).drain_delay_s == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "seconds"), [("60", 60), ("60s", 60), ("5m", 300), ("1h", 3600)])
def test_a_bare_number_of_a_duration_is_seconds(text, seconds):
    assert settings_of({"CACHE_DEFAULT_TTL": text}).default_ttl_s == seconds


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "cache.example"])
def test_hosts_are_addresses_or_names(host):
    assert settings_of({"HOST": host}).host == host


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("PORT", ["0", "65536", "x", "-1", "８０８１", "8081.0"]),
        ("HOST", ["a b", "1.2.3", "http://x", "-"]),
        ("CACHE_MAX_BYTES", ["0", "1q", "x", "-1", "1.5Gi", "Mi"]),
        ("CACHE_MAX_ENTRY_BYTES", ["0", "1 Mi"]),
        ("CACHE_DEFAULT_TTL", ["0", "s", "-5", "500ms", "1.5s", "99999999h"]),
        ("DRAIN_DELAY", ["-1s", "5 s", "s", "ms", "1d", ".5s", "５s", "1e3"]),
        ("DRAIN_TIMEOUT", ["soon", "9999999999s"]),
        ("CACHE_REQUIRE_REDIS", ["maybe", "2"]),
        ("CACHE_TOKEN", ["has space", "ключ"]),
        (
            "REDIS_URL",
            [
                "http://x",
                "redis://",
                "redis://h:x",
                "redis://h/x",
                "redis+sentinel://h/0",
                "unix://",
                "nonsense",
            ],
        ),
    ],
)
def test_a_bad_value_is_a_fault_that_names_its_variable_and_the_cure(name, texts):
    for text in texts:
        (fault,) = faults(**{name: text})
        assert fault.startswith(f"{name}: ")
        assert "; " in fault


def test_all_faults_are_told_at_once():
    assert len(faults(PORT="x", HOST="a b", CACHE_MAX_BYTES="x")) == 3


def test_no_secret_is_told():
    told = " ".join(faults(REDIS_URL="http://:hunter2@host", CACHE_TOKEN="hunter2 x"))
    assert "hunter2" not in told
    assert "hunter2" not in repr(settings_of({"REDIS_URL": "redis://:hunter2@h", "CACHE_TOKEN": "hunter2"}))


def test_a_small_cache_holds_entries_up_to_its_own_size():
    assert settings_of({"CACHE_MAX_BYTES": "64Ki"}).max_entry_bytes == 64 * 1024


def test_an_entry_limit_above_the_whole_cache_is_a_fault():
    assert "CACHE_MAX_ENTRY_BYTES" in faults(CACHE_MAX_BYTES="64Ki", CACHE_MAX_ENTRY_BYTES="1Mi")[0]


def test_wanting_redis_without_a_url_is_a_fault():
    assert "REDIS_URL" in faults(CACHE_REQUIRE_REDIS="true")[0]

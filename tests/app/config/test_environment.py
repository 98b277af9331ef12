import pytest

from app.config.environment import EnvironmentRules, api_key_entry, cache_endpoint, parse_rate_limit
from app.config.model import Endpoint, KeyScheme
from app.foundation.errors import ConfigFaults
from app.policy.model import LimitKey, LimitRule, RateLimit


@pytest.mark.parametrize(
    ("text", "requests", "period_s"),
    [
        ("100-M", 100, 60.0),
        ("1-s", 1, 1.0),
        ("5-H", 5, 3600.0),
        ("1000000-d", 1_000_000, 86_400.0),
        ("007-S", 7, 1.0),
    ],
)
def test_a_rate_limit_is_one_rule_per_client_named_default(text, requests, period_s):
    rule = LimitRule("default", LimitKey.CLIENT, requests, period_s, burst=requests)
    assert parse_rate_limit(text) == RateLimit((rule,))


@pytest.mark.parametrize("text", ["off", "OFF"])
def test_off_is_no_limit(text):
    assert parse_rate_limit(text) is None


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("0-M", "from 1 to 1,000,000,000; write off"),
        ("1000000001-M", "from 1 to 1,000,000,000"),
        ("100", "such as 100-M, or off"),
        ("100-W", "COUNT-S, -M, -H or -D"),
        ("-5-M", "such as 100-M"),
        ("1.5-M", "such as 100-M"),
        ("100 - M", "such as 100-M"),
        ("100-M\n", "such as 100-M"),
        ("", "such as 100-M"),
        ("٣-M", "such as 100-M"),
        ("9" * 500, "such as 100-M"),
    ],
)
def test_a_bad_rate_limit_is_a_fault_with_its_cure(text, cure):
    with pytest.raises(ConfigFaults) as caught:
        parse_rate_limit(text)
    assert str(caught.value).startswith("RATE_LIMIT: is ")
    assert cure in str(caught.value)
    assert len(str(caught.value)) < 200


def test_the_cache_service_is_one_endpoint():
    assert cache_endpoint("http://localhost:8081/") == Endpoint("localhost", 8081)


@pytest.mark.parametrize("url", ["localhost:8081", "", "redis://h", "http://u:secret@h", "http://h/cache"])
def test_a_bad_cache_service_url_is_a_fault_that_names_the_variable(url):
    with pytest.raises(ConfigFaults, match=r"^CACHE_SERVICE_URL: ") as caught:
        cache_endpoint(url)
    assert "secret" not in str(caught.value)


def test_an_api_key_is_stored_as_the_client_default():
    assert api_key_entry("k", None).scheme is KeyScheme.SHA256
    assert api_key_entry("k", b"p").scheme is KeyScheme.HMAC_SHA256
    assert api_key_entry("k", None).name == "default"


@pytest.mark.parametrize("api_key", ["", "a b", "schlüssel", "a\n"])
def test_an_api_key_that_no_request_can_carry_is_a_fault_that_does_not_show_it(api_key):
    with pytest.raises(ConfigFaults, match=r"^API_KEY: is empty, or holds spaces") as caught:
        api_key_entry(api_key, None)
    assert not api_key or api_key not in str(caught.value)


def test_secrets_are_not_shown():
    assert "hush" not in repr(EnvironmentRules(api_key="hush", pepper=b"hush"))

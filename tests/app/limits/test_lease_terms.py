import pytest

from app.limits.gcra import Numbers
from app.limits.lease_terms import bucket_name, burst_of, own_part, period_ms
from app.limits.rule import Rule, bucket_key, compile_rules
from app.policy.model import LimitKey, LimitRule, RateLimit


def rule(
    requests: int = 100, period_s: float = 60.0, burst: int = 100, key: LimitKey = LimitKey.CLIENT
) -> Rule:
    header = "X-Tenant" if key is LimitKey.HEADER else None
    return compile_rules("shop", RateLimit((LimitRule("r", key, requests, period_s, burst, header),)))[0]


def test_a_key_tells_who_is_counted_and_no_numbers():
    assert bucket_name(rule(), b"acme") == b"tidegate:limit:{shop/r/acme}"
    assert bucket_name(rule(5, 1.0, 9), b"acme") == bucket_name(rule(), b"acme")


def test_an_address_can_be_read_and_a_header_value_cannot():
    assert bucket_name(rule(), bucket_key(b"10.0.0.1")) == b"tidegate:limit:{shop/r/=10.0.0.1}"
    name = bucket_name(rule(key=LimitKey.HEADER), bucket_key(b"a-secret"))
    assert b"a-secret" not in name
    assert name != bucket_name(rule(key=LimitKey.HEADER), bucket_key(b"another"))


def test_whatever_a_stranger_sends_the_key_is_printable_and_within_one_tag():
    for value in (b"}{" * 9, b"\xff" * 80, b"\r\n", None):
        name = bucket_name(rule(key=LimitKey.HEADER), bucket_key(value))
        assert name.isascii()
        assert name.decode().isprintable()
        assert (name.count(b"{"), name.count(b"}"), name[-1:]) == (1, 1, b"}")


@pytest.mark.parametrize(("period_s", "expected_ms"), [(1.0, 1000), (0.25, 250), (86_400.0, 86_400_000)])
def test_periods_are_whole_milliseconds(period_s, expected_ms):
    assert period_ms(Numbers.of(1, period_s, 1)) == expected_ms


def test_the_own_part_is_the_limit_divided():
    own = own_part(rule(), 4)
    assert burst_of(own.numbers) == 25
    assert own.numbers.cost * 100 == rule().numbers.cost * 400  # as many requests in four periods
    assert own.identity == rule().identity


def test_the_own_part_holds_one_request_at_least():
    assert burst_of(own_part(rule(3, 60.0, 3), 4).numbers) == 1


def test_of_one_gateway_the_own_part_is_the_whole():
    assert own_part(rule(), 1).numbers == rule().numbers

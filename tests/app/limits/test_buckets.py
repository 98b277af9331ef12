from unittest.mock import patch

import pytest

from app.limits import buckets as buckets_module
from app.limits.buckets import Counters
from app.limits.gcra import Numbers

NUMBERS = Numbers.of(requests=1, period_s=60.0, burst=1)
MORE = Numbers.of(requests=2, period_s=60.0, burst=2)
NOW_TICKS = 1_000_000
USED = NOW_TICKS * NUMBERS.requests + NUMBERS.capacity


@pytest.fixture
def few_are_many():
    """Shards from the fifth client on, so that a test can fill them."""
    with patch.object(buckets_module, "SHARD_FROM_CLIENTS", 4), patch.object(buckets_module, "SHARDS", 4):
        yield


def filled(count: int) -> Counters:
    counters = Counters(NUMBERS, NOW_TICKS)
    for number in range(count):
        counters.add(b"client %d" % number, USED, NOW_TICKS)
    return counters


def test_few_clients_stand_in_one_table():
    counters = filled(3)
    assert counters.buckets is not None
    assert list(counters.buckets) == [b"client 0", b"client 1", b"client 2"]


def test_many_clients_are_spread_over_shards(few_are_many):
    counters = filled(9)
    assert counters.buckets is None
    assert counters.size == 9


def test_a_client_from_before_the_spreading_is_found_with_its_usage(few_are_many):
    counters = filled(9)
    assert counters.shard_of(b"client 0").get(b"client 0") is None
    assert counters.move_up(b"client 0") == USED
    assert counters.shard_of(b"client 0")[b"client 0"] == USED
    assert counters.size == 9


def test_a_stranger_is_not_found(few_are_many):
    assert filled(9).move_up(b"stranger") == 0


def test_every_bucket_is_given_up_once_whatever_its_shard_and_era(few_are_many):
    counters = filled(9)
    counters.edit(MORE, NOW_TICKS)
    counters.add(b"late", USED, NOW_TICKS)
    for size in range(10, 0, -1):
        assert counters.size == size
        counters.pop_oldest()
    assert counters.size == 0


def test_the_oldest_is_given_up_from_the_oldest_era():
    counters = filled(2)
    counters.edit(MORE, NOW_TICKS)
    counters.add(b"late", USED, NOW_TICKS)
    counters.pop_oldest()
    assert counters.move_up(b"client 0") == 0
    assert counters.move_up(b"client 1") > 0


def test_an_oldest_bucket_with_usage_stays():
    counters = filled(1)
    assert not counters.pop_oldest_if_full(NOW_TICKS + NUMBERS.cost - 1)
    assert counters.size == 1


def test_an_oldest_bucket_without_usage_goes():
    counters = filled(1)
    assert counters.pop_oldest_if_full(NOW_TICKS + NUMBERS.cost)
    assert counters.size == 0


def test_a_bucket_that_was_full_at_the_edit_goes_when_its_client_comes():
    counters = filled(1)
    counters.edit(MORE, NOW_TICKS + NUMBERS.cost)
    assert counters.move_up(b"client 0") == 0
    assert counters.size == 0


def test_an_edit_with_many_clients_spreads_them_at_once(few_are_many):
    counters = filled(9)
    counters.edit(MORE, NOW_TICKS)
    assert counters.buckets is None


def test_eras_are_bounded():
    counters = filled(1)
    for requests in range(2, 200):
        counters.edit(Numbers.of(requests, 60.0, requests), NOW_TICKS)
    assert len(counters.eras) == 64
    assert counters.size == 0

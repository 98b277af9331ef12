from unittest.mock import patch

import pytest

from app.limits import bucket_store as bucket_store_module
from app.limits.bucket_store import BucketStore
from app.limits.gcra import Numbers

NUMBERS = Numbers.of(requests=1, period_s=60.0, burst=1)
MORE = Numbers.of(requests=2, period_s=60.0, burst=2)
NOW_TICKS = 1_000_000
USED = NOW_TICKS * NUMBERS.requests + NUMBERS.capacity


@pytest.fixture
def few_are_many():
    """Shards from the fifth client on, so that a test can fill them."""
    with (
        patch.object(bucket_store_module, "SHARD_FROM_CLIENTS", 4),
        patch.object(bucket_store_module, "SHARDS", 4),
    ):
        yield


def filled(count: int) -> BucketStore:
    store = BucketStore(NUMBERS, NOW_TICKS)
    for number in range(count):
        store.add(b"client %d" % number, USED, NOW_TICKS)
    return store


def test_few_clients_stand_in_one_table():
    store = filled(3)
    assert store.buckets is not None
    assert list(store.buckets) == [b"client 0", b"client 1", b"client 2"]


def test_many_clients_are_spread_over_shards(few_are_many):
    store = filled(9)
    assert store.buckets is None
    assert store.size == 9


def test_a_client_from_before_the_spreading_is_found_with_its_usage(few_are_many):
    store = filled(9)
    assert store.shard_of(b"client 0").get(b"client 0") is None
    assert store.move_up(b"client 0") == USED
    assert store.shard_of(b"client 0")[b"client 0"] == USED
    assert store.size == 9


def test_a_stranger_is_not_found(few_are_many):
    assert filled(9).move_up(b"stranger") == 0


def test_every_bucket_is_given_up_once_whatever_its_shard_and_generation(few_are_many):
    store = filled(9)
    store.edit(MORE, NOW_TICKS)
    store.add(b"late", USED, NOW_TICKS)
    for size in range(10, 0, -1):
        assert store.size == size
        store.pop_oldest()
    assert store.size == 0


def test_the_oldest_is_given_up_from_the_oldest_generation():
    store = filled(2)
    store.edit(MORE, NOW_TICKS)
    store.add(b"late", USED, NOW_TICKS)
    store.pop_oldest()
    assert store.move_up(b"client 0") == 0
    assert store.move_up(b"client 1") > 0


def test_an_oldest_bucket_with_usage_stays():
    store = filled(1)
    assert not store.pop_oldest_if_full(NOW_TICKS + NUMBERS.cost - 1)
    assert store.size == 1


def test_an_oldest_bucket_without_usage_goes():
    store = filled(1)
    assert store.pop_oldest_if_full(NOW_TICKS + NUMBERS.cost)
    assert store.size == 0


def test_a_bucket_that_was_full_at_the_edit_goes_when_its_client_comes():
    store = filled(1)
    store.edit(MORE, NOW_TICKS + NUMBERS.cost)
    assert store.move_up(b"client 0") == 0
    assert store.size == 0


def test_an_edit_with_many_clients_spreads_them_at_once(few_are_many):
    store = filled(9)
    store.edit(MORE, NOW_TICKS)
    assert store.buckets is None


def test_generations_are_bounded():
    store = filled(1)
    for requests in range(2, 200):
        store.edit(Numbers.of(requests, 60.0, requests), NOW_TICKS)
    assert len(store.generations) == 64
    assert store.size == 0

"""One suite for every `cache.store.Store`: memory, tiered, real Valkeys (one, behind Sentinel, a Cluster; with TLS)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import pytest
import redis as redis_py

from app.foundation.clock import now_s
from cache.entry import Content
from cache.memory import MemoryStore
from cache.redis_store import RedisStore
from cache.store import Durability, Page, Purge, Store
from cache.tiered import TieredStore
from tests.fakes.patience import NEVER_DOWN_MS, patient_with_redis
from tests.fakes.tls_front import TlsFront
from tests.fakes.valkey import Valkey, eventually
from tests.fakes.valkey_cluster import ValkeyCluster
from tests.fakes.valkey_sentinel import SentinelPair

TEXT = Content(b"hello", "text/plain")
BINARY = Content(bytes(range(256)) * 5, "application/x; a=\xe9")


@dataclass
class Case:
    """A store under test, and the durability that its writes have."""

    store: Store
    durability: Durability


@dataclass
class Servers:
    """What a REDIS_URL leads to, and how to empty it."""

    url: str
    flush: Callable[[], None]


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield Servers(server.url, lambda: _flush(server))


@pytest.fixture(scope="module")
def sentinel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with SentinelPair(tmp_path_factory.mktemp("pair"), down_after_ms=NEVER_DOWN_MS) as pair:
        yield Servers(pair.url, lambda: _flush(pair.primary))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ValkeyCluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield Servers(nodes.url, nodes.flush)


def _flush(server: Valkey) -> None:
    with redis_py.Redis.from_url(server.url) as admin:
        admin.flushall()


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsFront]:
    with TlsFront(tmp_path_factory.mktemp("front")) as running:
        yield running


@pytest.fixture(scope="module")
def tls_single(front: TlsFront, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        url = front.secured(f"redis://127.0.0.1:{front.open(server.port)}/0")
        yield Servers(url, lambda: _flush(server))


@pytest.fixture(scope="module")
def tls_sentinel(front: TlsFront, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with SentinelPair(tmp_path_factory.mktemp("pair"), down_after_ms=NEVER_DOWN_MS, front=front) as pair:
        yield Servers(pair.url, lambda: _flush(pair.primary))


@pytest.fixture(scope="module")
def tls_cluster(front: TlsFront, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ValkeyCluster(tmp_path_factory.mktemp("cluster"), front=front) as nodes:
        yield Servers(nodes.url, nodes.flush)


CASES = [
    *("memory", "redis-single", "redis-sentinel", "redis-cluster", "tiered-single", "tiered-cluster"),
    *("redis-tls_single", "redis-tls_sentinel", "redis-tls_cluster"),
]


@pytest.fixture(params=CASES)
async def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Case]:
    patient_with_redis(monkeypatch)
    kind, _, servers_name = request.param.partition("-")
    if kind == "memory":
        yield Case(MemoryStore(2**20), Durability.MEMORY)
        return
    servers: Servers = request.getfixturevalue(servers_name)
    servers.flush()
    redis = RedisStore(servers.url, now_s)
    if kind == "redis":
        yield Case(redis, Durability.REDIS)
        await redis.close()
        return
    tiered = TieredStore(redis, 2**20, now_s)
    await tiered.start()
    yield Case(tiered, Durability.REDIS)
    await tiered.stop()


@pytest.fixture
def store(case: Case) -> Store:
    return case.store


async def names(store: Store, prefix: str = "") -> list[str]:
    page = await store.page(prefix, "", 1000, now_s())
    return [listed.key for listed in page.keys]


async def test_an_unknown_key_has_no_entry(store):
    assert await store.get("a", now_s()) is None


@pytest.mark.parametrize("content", [TEXT, BINARY, Content(b"", "text/plain")])
async def test_what_was_put_is_read_back_byte_for_byte(store, content):
    await store.put("a", content, 60, now_s())
    entry = await store.get("a", now_s())
    assert (entry.value, entry.content_type) == (content.value, content.content_type)


@pytest.mark.parametrize("key", ["a/b", "ключ", "a b", "\x00", "%2F", "k" * 512, "{x}", "*", "\n"])
async def test_every_key_is_its_own(store, key):
    await store.put(key, TEXT, 60, now_s())
    await store.put(key[:-1] + "!", BINARY, 60, now_s())
    assert (await store.get(key, now_s())).value == TEXT.value


async def test_the_first_put_creates_and_the_second_replaces(store):
    assert (await store.put("a", TEXT, 60, now_s())).created
    assert not (await store.put("a", BINARY, 60, now_s())).created
    assert (await store.get("a", now_s())).value == BINARY.value


async def test_a_write_says_where_it_is(case):
    assert (await case.store.put("a", TEXT, 60, now_s())).durability == case.durability
    assert (await case.store.delete("a", now_s())).durability == case.durability
    assert (await case.store.purge(Purge(), now_s())).durability == case.durability


async def test_a_put_and_every_get_name_the_same_etag(store):
    stored = await store.put("a", TEXT, 60, now_s())
    assert (await store.get("a", now_s())).etag == stored.etag


async def test_the_etag_changes_with_the_bytes_and_with_the_media_type(store):
    etags = [
        (await store.put("a", content, 60, now_s())).etag
        for content in (TEXT, Content(b"hellp", "text/plain"), Content(b"hello", "text/html"))
    ]
    assert len(set(etags)) == 3


async def test_an_entry_tells_its_age_and_its_time_left(store):
    await store.put("a", TEXT, 60, now_s())
    at_s = now_s()
    entry = await store.get("a", at_s)
    assert entry.age_s(at_s) == 0
    assert entry.ttl_s(at_s) == 60


async def test_an_entry_is_gone_after_its_ttl(store):
    await store.put("a", TEXT, 1, now_s())

    async def gone() -> bool:
        return await store.get("a", now_s()) is None

    assert not await gone()
    await eventually(gone)
    assert await names(store) == []


async def test_a_put_after_expiry_creates(store):
    await store.put("a", TEXT, 1, now_s())

    async def gone() -> bool:
        return await store.get("a", now_s()) is None

    await eventually(gone)
    assert (await store.put("a", TEXT, 60, now_s())).created


async def test_a_put_starts_the_time_to_live_anew(store):
    await store.put("a", TEXT, 5, now_s())
    await store.put("a", TEXT, 600, now_s())
    assert (await store.get("a", now_s())).ttl_s(now_s()) > 590


async def test_a_deleted_entry_is_gone(store):
    await store.put("a", TEXT, 60, now_s())
    assert (await store.delete("a", now_s())).found
    assert await store.get("a", now_s()) is None


async def test_deleting_nothing_finds_nothing(store):
    assert not (await store.delete("a", now_s())).found


async def test_a_put_after_a_delete_creates(store):
    await store.put("a", TEXT, 60, now_s())
    await store.delete("a", now_s())
    assert not (await store.delete("a", now_s())).found
    assert (await store.put("a", BINARY, 60, now_s())).created
    assert (await store.get("a", now_s())).value == BINARY.value


async def test_a_page_lists_keys_in_order_of_their_bytes_with_size_and_ttl(store):
    for key in ("b", "я", "a/2", "a/1", "Z", "😀", "\uffff"):
        await store.put(key, TEXT, 60, now_s())
    page = await store.page("", "", 100, now_s())
    assert [listed.key for listed in page.keys] == ["Z", "a/1", "a/2", "b", "я", "\uffff", "😀"]
    assert {(listed.size_bytes, listed.ttl_s) for listed in page.keys} == {(5, 60)}
    assert page.after is None


async def test_a_prefix_selects_keys(store):
    for key in ("a", "a/1", "a/2", "a0", "b", "я", "яя"):
        await store.put(key, TEXT, 60, now_s())
    assert await names(store, "a/") == ["a/1", "a/2"]
    assert await names(store, "я") == ["я", "яя"]
    assert await names(store, "c") == []


async def test_pages_follow_each_other_without_gap_or_double(store):
    for i in range(7):
        await store.put(f"k{i}", TEXT, 60, now_s())
    seen = []
    page = await store.page("k", "", 3, now_s())
    while page.keys:
        seen.append([listed.key for listed in page.keys])
        page = await store.page("k", page.after, 3, now_s()) if page.after else Page((), None)
    assert seen == [["k0", "k1", "k2"], ["k3", "k4", "k5"], ["k6"]]


async def test_a_full_last_page_has_no_cursor(store):
    for i in range(3):
        await store.put(f"k{i}", TEXT, 60, now_s())
    assert (await store.page("", "", 3, now_s())).after is None


async def test_a_cursor_before_the_prefix_begins_at_the_prefix(store):
    for key in ("a", "b", "c"):
        await store.put(key, TEXT, 60, now_s())
    page = await store.page("b", "a", 10, now_s())
    assert [listed.key for listed in page.keys] == ["b"]


@pytest.mark.parametrize(
    ("what", "left"),
    [
        (Purge(), []),
        (Purge(prefix="a"), ["b/1"]),
        (Purge(tags=("x",)), ["a/2"]),
        (Purge(tags=("x", "y")), []),
        (Purge(tags=("z",)), ["a/1", "a/2", "b/1"]),
    ],
)
async def test_a_purge_removes_what_it_means_and_counts_it(store, what, left):
    await store.put("a/1", Content(b"1", "t", ("x", "y")), 60, now_s())
    await store.put("a/2", Content(b"2", "t", ("y",)), 60, now_s())
    await store.put("b/1", Content(b"3", "t", ("x",)), 60, now_s())
    assert (await store.purge(what, now_s())).count == 3 - len(left)
    assert await names(store) == left
    assert (await store.get("a/1", now_s()) is None) == ("a/1" not in left)


async def test_a_tag_that_was_taken_off_purges_no_more(store):
    await store.put("a", Content(b"1", "t", ("x",)), 60, now_s())
    await store.put("a", Content(b"1", "t", ("y",)), 60, now_s())
    assert (await store.purge(Purge(tags=("x",)), now_s())).count == 0
    assert (await store.get("a", now_s())).tags == ("y",)
    assert (await store.purge(Purge(tags=("y",)), now_s())).count == 1


async def test_a_purge_of_more_than_one_batch_removes_everything(store):
    await asyncio.gather(*(store.put(f"k{i}", Content(b"", "t", ("x",)), 60, now_s()) for i in range(1101)))
    assert (await store.purge(Purge(tags=("x",)), now_s())).count == 1101
    assert await names(store) == []


async def test_a_put_after_a_purge_stays(store):
    await store.put("a", TEXT, 60, now_s())
    await store.purge(Purge(), now_s())
    await store.put("a", BINARY, 60, now_s())
    assert (await store.get("a", now_s())).value == BINARY.value


async def test_a_value_of_a_mebibyte_is_kept_whole(case):
    value = bytes(2**20)
    store = case.store if case.durability is Durability.REDIS else MemoryStore(2**22)
    await store.put("a", Content(value, "t"), 60, now_s())
    entry = await store.get("a", now_s())
    assert entry is not None
    assert entry.value == value


async def test_many_calls_at_once_each_get_their_own_answer(store):
    await asyncio.gather(*(store.put(f"k{i}", Content(b"%d" % i, "t"), 60, now_s()) for i in range(300)))
    entries = await asyncio.gather(*(store.get(f"k{i}", now_s()) for i in range(300)))
    assert [int(entry.value) for entry in entries] == list(range(300))

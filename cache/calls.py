"""What each call of `/cache` means in HTTP, over ASGI's plain values; routes and fast lane both end here."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from cache.answers import Answer, Headers, json_answer
from cache.entry import Content, Entry, none_match
from cache.errors import CacheError, Refused
from cache.keys import cursor_of, key_of
from cache.metrics import Counts
from cache.query import list_query_of, purge_of, put_query_of
from cache.store import Clock, Durability, ServedStore

__all__ = ["KEY_PATH", "Calls", "Receive", "Scope"]

Scope = MutableMapping[str, Any]  # ASGI's own shape
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

KEY_PATH = b"/cache/"
MAX_PURGE_BYTES = 64 * 1024
MAX_CONTENT_TYPE_BYTES = 256
DEFAULT_CONTENT_TYPE = "application/octet-stream"  # RFC 9110 §8.3: what a recipient may assume


class Calls:
    """Each method answers one call; raises Refused or StoreDown, counted already."""

    def __init__(
        self, store: ServedStore, counts: Counts, clock: Clock, *, max_entry_bytes: int, default_ttl_s: int
    ) -> None:
        self._store = store
        self._counts = counts
        self._clock = clock
        self._max_entry_bytes = max_entry_bytes
        self._default_ttl_s = default_ttl_s

    async def read(self, scope: Scope) -> Answer:
        """GET and HEAD of a key."""
        op = "head" if scope["method"] == "HEAD" else "get"
        try:
            key = _key(scope)
            now_s = self._clock()
            entry = self._store.fresh(key, now_s)
            if entry is None:
                entry = await self._store.get(key, now_s)
        except CacheError:
            self._counts.add(op, "refused")
            raise
        if entry is None:
            self._counts.add(op, "miss")
            raise Refused(404, "no entry with this key, or its time is over")
        condition = _header(scope, b"if-none-match")
        if condition is not None and not none_match(condition.decode("latin-1"), entry.etag):
            self._counts.add(op, "not_modified")
            return Answer(304, _freshness(entry, now_s))
        self._counts.add(op, "hit")
        headers = (
            (b"content-type", entry.content_type.encode("latin-1")),
            (b"content-length", b"%d" % len(entry.value)),
            *_freshness(entry, now_s),
        )
        return Answer(200, headers, b"" if op == "head" else entry.value)

    async def write(self, scope: Scope, receive: Receive) -> Answer:
        """PUT of a key."""
        try:
            key = _key(scope)
            query = put_query_of(scope["query_string"], self._default_ttl_s)
            content_type = _content_type(scope)
            value = await _body(scope, receive, self._max_entry_bytes, "a value")
            stored = await self._store.put(
                key, Content(value, content_type, query.tags), query.ttl_s, self._clock()
            )
        except CacheError:
            self._counts.add("put", "refused")
            raise
        self._counts.add("put", "created" if stored.created else "replaced")
        headers = (*_durability(stored.durability), (b"etag", stored.etag.encode()))
        if stored.created:
            return Answer(201, (*headers, (b"content-length", b"0")))
        return Answer(204, headers)

    async def delete(self, scope: Scope) -> Answer:
        """DELETE of a key."""
        try:
            deleted = await self._store.delete(_key(scope), self._clock())
        except CacheError:
            self._counts.add("delete", "refused")
            raise
        self._counts.add("delete", "deleted" if deleted.found else "miss")
        durability = _durability(deleted.durability)
        if not deleted.found:
            raise Refused(404, "no entry with this key, or its time is over", durability)
        return Answer(204, durability)

    async def page(self, scope: Scope) -> Answer:
        """GET of the list."""
        try:
            query = list_query_of(scope["query_string"])
            page = await self._store.page(query.prefix, query.after, query.limit, self._clock())
        except CacheError:
            self._counts.add("list", "refused")
            raise
        self._counts.add("list", "listed")
        content: dict[str, object] = {
            "keys": [
                {"key": listed.key, "size": listed.size_bytes, "ttl": listed.ttl_s} for listed in page.keys
            ]
        }
        if page.after is not None:
            content["cursor"] = cursor_of(page.after)
        return json_answer(200, content)

    async def purge(self, scope: Scope, receive: Receive) -> Answer:
        """POST of a purge."""
        try:
            what = purge_of(await _body(scope, receive, MAX_PURGE_BYTES, "a purge"))
            purged = await self._store.purge(what, self._clock())
        except CacheError:
            self._counts.add("purge", "refused")
            raise
        self._counts.add("purge", "purged")
        return json_answer(200, {"purged": purged.count}, _durability(purged.durability))


def _key(scope: Scope) -> str:
    raw: bytes = scope["raw_path"]
    if not raw.startswith(KEY_PATH):
        # `/cache%2Fa` is another path than `/cache/a` (RFC 3986 §2.2), though a router that
        # decodes first takes them for one
        raise Refused(404, "no such path; keys are under /cache/")
    return key_of(raw[len(KEY_PATH) :])


def _header(scope: Scope, name: bytes) -> bytes | None:
    """The field's value; several lines are joined as RFC 9110 §5.3 says."""
    values: list[bytes] = [value for field, value in scope["headers"] if field == name]
    return b", ".join(values) if values else None


def _content_type(scope: Scope) -> str:
    content_type = _header(scope, b"content-type")
    if not content_type:
        return DEFAULT_CONTENT_TYPE
    if len(content_type) > MAX_CONTENT_TYPE_BYTES:
        raise Refused(400, f"Content-Type is longer than {MAX_CONTENT_TYPE_BYTES} bytes")
    return content_type.decode("latin-1")


async def _body(scope: Scope, receive: Receive, most_bytes: int, what: str) -> bytes:
    """The whole body; never holds more than `most_bytes` and what one read of the socket brought."""
    too_large = f"the body is larger than {most_bytes} bytes, the most for {what}"
    length = _header(scope, b"content-length")
    if length is not None and length.isdigit() and int(length) > most_bytes:
        raise Refused(413, too_large)  # before the first byte of it, also before `100 Continue`
    chunks: list[bytes] = []
    size_bytes = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(400, "the connection closed before the whole body was there")
        chunk: bytes = message.get("body", b"")
        size_bytes += len(chunk)
        if size_bytes > most_bytes:
            raise Refused(413, too_large)
        if not message.get("more_body", False):
            return b"".join([*chunks, chunk]) if chunks else chunk
        chunks.append(chunk)


def _freshness(entry: Entry, now_s: float) -> Headers:
    return (
        (b"etag", entry.etag.encode()),
        (b"age", b"%d" % entry.age_s(now_s)),
        (b"cache-ttl", b"%d" % entry.ttl_s(now_s)),
    )


def _durability(durability: Durability) -> Headers:
    return ((b"cache-durability", durability.encode()),)

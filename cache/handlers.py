"""What each call of `/cache` means in HTTP, over ASGI's plain values; routes and fast lane both end here."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext

from app.foundation.asgi import Receive, Scope
from app.foundation.conditional import none_match
from app.foundation.errors import TidegateError
from app.foundation.reply import Headers, Reply, json_reply
from cache.body_budget import BodyBudget
from cache.entry import Content, Entry
from cache.errors import Rejected
from cache.keys import cursor_of, key_of
from cache.metrics import Counts
from cache.query import list_query_of, purge_of, put_query_of
from cache.store import Clock, Durability, ServedStore

__all__ = ["BODY_TIMEOUT_S", "KEY_PATH", "Handlers", "Fields", "late_body", "request_of"]

Fields = list[tuple[bytes, bytes]]  # names in lower case

KEY_PATH = b"/cache/"
_UNUSUAL = frozenset((b"content-length", b"transfer-encoding", b"expect", b"upgrade"))
SMALL_BODY_BYTES = 8 * 1024  # comes with its head; needs no room of its own
_NO_BUDGET: AbstractAsyncContextManager[None] = nullcontext()
BODY_TIMEOUT_S = 30.0  # who holds room for a body has to send it
MAX_PURGE_BYTES = 64 * 1024
MAX_CONTENT_TYPE_BYTES = 256
DEFAULT_CONTENT_TYPE = "application/octet-stream"  # RFC 9110 §8.3: what a recipient may assume


class Handlers:
    """Each method answers one call; raises Rejected or StoreDown, counted already."""

    def __init__(
        self,
        store: ServedStore,
        counts: Counts,
        clock: Clock,
        budget: BodyBudget,
        *,
        max_entry_bytes: int,
        default_ttl_s: int,
    ) -> None:
        self._store = store
        self._counts = counts
        self._clock = clock
        self._max_entry_bytes = max_entry_bytes
        self._default_ttl_s = default_ttl_s
        self._budget = budget

    async def read(self, scope: Scope) -> Reply:
        """GET and HEAD of a key."""
        op = "head" if scope["method"] == "HEAD" else "get"
        try:
            key = _key(scope)
            now_s = self._clock()
            entry = self._store.fresh(key, now_s)
            if entry is None:
                entry = await self._store.get(key, now_s)
        except TidegateError:
            self._counts.add(op, "rejected")
            raise
        if entry is None:
            self._counts.add(op, "miss")
            raise Rejected(404, "no entry with this key, or its time is over")
        return self._found(entry, now_s, _header(scope["headers"], b"if-none-match"), op)

    def read_now(self, target: bytes, fields: Fields) -> Reply | None:
        """As `read`, for a GET that memory alone can serve; None for anything unusual."""
        condition = None
        for name, value in fields:
            if name in _UNUSUAL or (name == b"if-none-match" and condition is not None):
                return None
            if name == b"if-none-match":
                condition = value
        if b"?" in target or b"#" in target:
            return None
        try:
            key = key_of(target[len(KEY_PATH) :])
        except Rejected:
            return None
        now_s = self._clock()
        entry = self._store.fresh(key, now_s)
        return None if entry is None else self._found(entry, now_s, condition, "get")

    def _found(self, entry: Entry, now_s: float, condition: bytes | None, op: str) -> Reply:
        if condition is not None and not none_match(condition.decode("latin-1"), entry.etag):
            self._counts.add(op, "not_modified")
            return Reply(304, _freshness(entry, now_s))
        self._counts.add(op, "hit")
        headers = (
            (b"content-type", entry.content_type.encode("latin-1")),
            (b"content-length", b"%d" % len(entry.value)),
            *_freshness(entry, now_s),
        )
        return Reply(200, headers, b"" if op == "head" else entry.value)

    async def write(self, scope: Scope, receive: Receive) -> Reply:
        """PUT of a key."""
        try:
            key = _key(scope)
            query = put_query_of(scope["query_string"], self._default_ttl_s)
            content_type = _content_type(scope["headers"])
            size_bytes = _expected_bytes(scope, self._max_entry_bytes, "a value")
            async with self._budget.reserved(size_bytes) if size_bytes > SMALL_BODY_BYTES else _NO_BUDGET:
                value = await _body(receive, self._max_entry_bytes, "a value")
                return await self._store_value(key, Content(value, content_type, query.tags), query.ttl_s)
        except TidegateError:
            self._counts.add("put", "rejected")
            raise

    def takes_write(self, fields: Fields) -> bool:
        """Whether a PUT with these fields may be handed to `write_small`, once its body is there."""
        size_bytes = -1
        for name, value in fields:
            if name == b"content-length" and value.isdigit() and len(value) < 9:
                size_bytes = int(value)
            elif name in _UNUSUAL:
                return False
        return 0 <= size_bytes <= min(SMALL_BODY_BYTES, self._max_entry_bytes)

    async def write_small(self, target: bytes, fields: Fields, value: bytes) -> Reply:
        """As `write`, for what `takes_write`; `target` under KEY_PATH."""
        path, _, query_string = target.partition(b"?")
        try:
            key = key_of(path[len(KEY_PATH) :])
            query = put_query_of(query_string, self._default_ttl_s)
            content = Content(value, _content_type(fields), query.tags)
            return await self._store_value(key, content, query.ttl_s)
        except TidegateError:
            self._counts.add("put", "rejected")
            raise

    async def _store_value(self, key: str, content: Content, ttl_s: int) -> Reply:
        stored = await self._store.put(key, content, ttl_s, self._clock())
        self._counts.add("put", "created" if stored.created else "replaced")
        headers = (*_durability(stored.durability), (b"etag", stored.etag.encode()))
        if stored.created:
            return Reply(201, (*headers, (b"content-length", b"0")))
        return Reply(204, headers)

    async def delete(self, scope: Scope) -> Reply:
        """DELETE of a key."""
        try:
            deleted = await self._store.delete(_key(scope), self._clock())
        except TidegateError:
            self._counts.add("delete", "rejected")
            raise
        self._counts.add("delete", "deleted" if deleted.found else "miss")
        durability = _durability(deleted.durability)
        if not deleted.found:
            raise Rejected(404, "no entry with this key, or its time is over", durability)
        return Reply(204, durability)

    async def page(self, scope: Scope) -> Reply:
        """GET of the list."""
        try:
            query = list_query_of(scope["query_string"])
            page = await self._store.page(query.prefix, query.after, query.limit, self._clock())
        except TidegateError:
            self._counts.add("list", "rejected")
            raise
        self._counts.add("list", "listed")
        content: dict[str, object] = {
            "keys": [
                {"key": listed.key, "size": listed.size_bytes, "ttl": listed.ttl_s} for listed in page.keys
            ]
        }
        if page.after is not None:
            content["cursor"] = cursor_of(page.after)
        return json_reply(200, content)

    async def purge(self, scope: Scope, receive: Receive) -> Reply:
        """POST of a purge."""
        try:
            size_bytes = _expected_bytes(scope, MAX_PURGE_BYTES, "a purge")
            async with self._budget.reserved(size_bytes) if size_bytes > SMALL_BODY_BYTES else _NO_BUDGET:
                what = purge_of(await _body(receive, MAX_PURGE_BYTES, "a purge"))
            purged = await self._store.purge(what, self._clock())
        except TidegateError:
            self._counts.add("purge", "rejected")
            raise
        self._counts.add("purge", "purged")
        return json_reply(200, {"purged": purged.count}, _durability(purged.durability))


def request_of(fields: Fields) -> str:
    """The request for a line of the log, by the `X-Request-ID` that the gateway gave it."""
    given = _header(fields, b"x-request-id")
    return "request without an id" if given is None else f"request {given.decode('latin-1')[:128]!r}"


def late_body() -> Rejected:
    """The 408 for a body that did not come in time."""
    return Rejected(408, f"the body was not there after {BODY_TIMEOUT_S:g} s")


def _key(scope: Scope) -> str:
    raw: bytes = scope["raw_path"]
    if not raw.startswith(KEY_PATH):
        # `/cache%2Fa` is another path than `/cache/a` (RFC 3986 §2.2), though a router that
        # decodes first takes them for one
        raise Rejected(404, "no such path; keys are under /cache/")
    return key_of(raw[len(KEY_PATH) :])


def _header(fields: Fields, name: bytes) -> bytes | None:
    """The field's value; several lines are joined as RFC 9110 §5.3 says."""
    values: list[bytes] = [value for field, value in fields if field == name]
    return b", ".join(values) if values else None


def _content_type(fields: Fields) -> str:
    content_type = _header(fields, b"content-type")
    if not content_type:
        return DEFAULT_CONTENT_TYPE
    if len(content_type) > MAX_CONTENT_TYPE_BYTES:
        raise Rejected(400, f"Content-Type is longer than {MAX_CONTENT_TYPE_BYTES} bytes")
    return content_type.decode("latin-1")


def _expected_bytes(scope: Scope, most_bytes: int, what: str) -> int:
    """How large the body may become; Rejected 413 before its first byte, also before `100 Continue`."""
    coding = _header(scope["headers"], b"transfer-encoding")
    if coding is not None and coding.strip().lower() != b"chunked":
        # RFC 9112 §6.1; taken for chunked alone, the coded bytes would pass for the value
        raise Rejected(501, "the only transfer coding taken here is chunked")
    length = _header(scope["headers"], b"content-length")
    if length is None or not length.isdigit():
        return most_bytes if coding else 0
    if int(length) > most_bytes:
        raise _too_large(most_bytes, what)
    return int(length)


async def _body(receive: Receive, most_bytes: int, what: str) -> bytes:
    """The whole body; never holds more than `most_bytes` and what one read of the socket brought."""
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await _whole_body(receive, most_bytes, what)
    except TimeoutError:
        raise late_body() from None


async def _whole_body(receive: Receive, most_bytes: int, what: str) -> bytes:
    chunks: list[bytes] = []
    size_bytes = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Rejected(400, "the connection closed before the whole body was there")
        chunk: bytes = message.get("body", b"")
        size_bytes += len(chunk)
        if size_bytes > most_bytes:
            raise _too_large(most_bytes, what)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)  # a single chunk comes as it is, uncopied


def _too_large(most_bytes: int, what: str) -> Rejected:
    return Rejected(413, f"the body is larger than {most_bytes} bytes, the most for {what}")


def _freshness(entry: Entry, now_s: float) -> Headers:
    return (
        (b"etag", entry.etag.encode()),
        (b"age", b"%d" % entry.age_s(now_s)),
        (b"cache-ttl", b"%d" % entry.ttl_s(now_s)),
    )


def _durability(durability: Durability) -> Headers:
    return ((b"cache-durability", durability.encode()),)

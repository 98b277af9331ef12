"""The sync port: plain ASGI for `POST /v1/sync` (long poll) and `POST /v1/report`.

Who calls is judged before the body is read. A parked poll waits for the next snapshot, its own time, the
client's hang-up or the operator's end, whichever comes first. The messages: `config/sync/messages.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

import orjson

from app.admin.bearer import Guesses
from app.config.sync.message_reader import decode_request
from app.config.sync.messages import GATEWAYS_HEADER, MAX_BODY_BYTES, REPORT_PATH, SYNC_PATH, SyncRequest
from app.foundation.clock import now_s
from app.foundation.errors import ClusterError, ConfigFaults
from app.operator.kube.resources import TokenBearer
from app.operator.sync.tokens import TokenFault, Tokens

__all__ = ["Desk", "SyncApi"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

GUESSES_PER_S = 10  # of one address; each may cost a question to the API server
_RETRY_AFTER_S = 2
_MAX_TOLD = 5
_BODY_S = 10.0
_TITLES = {
    400: "Malformed request",
    401: "Token missing or invalid",
    403: "Not your instance",
    404: "No such path",
    405: "Method not allowed",
    408: "Request timed out",
    409: "Replayed",
    413: "Body too large",
    429: "Too many wrong tokens",
    503: "Ask again",
}


class Desk(Protocol):
    """Where calls are taken note of."""

    def hear(self, request: SyncRequest, now_s: float) -> bool:
        """Takes note of a call; False if it is a replayed one."""

    def news_for(self, request: SyncRequest) -> bytes | None:
        """The snapshot for the caller, if it is news to it; None otherwise."""

    def has_snapshot(self) -> bool: ...

    def gateways_in(self, namespace: str) -> int: ...

    def next_news(self) -> asyncio.Event:
        """Set when there is a further snapshot than now, or the operator ends."""

    def is_ending(self) -> bool: ...

    def count_answer(self, path: str, status: int, reason: str) -> None: ...


class SyncApi:
    """The ASGI application."""

    def __init__(self, desk: Desk, tokens: Tokens) -> None:
        self._desk, self._tokens = desk, tokens
        self._guesses = Guesses(GUESSES_PER_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        if path not in (SYNC_PATH, REPORT_PATH):
            return await _Answer(send, self._desk, "other").problem(404, "no_path", path)
        answer = _Answer(send, self._desk, path)
        if scope["method"] != "POST":
            return await answer.problem(405, "method", "POST it", ((b"allow", b"POST"),))
        caller = await self._caller(scope, answer)
        if caller is None:
            return None
        request = await _request(receive, answer)
        if request is None:
            return None
        return await self._serve(path, caller, request, receive, answer)

    async def _caller(self, scope: Scope, answer: "_Answer") -> TokenBearer | None:
        """Whose call it is; None if it was refused."""
        fields = [value for name, value in scope["headers"] if name == b"authorization"]
        authorization = fields[0].decode("latin-1") if len(fields) == 1 else ""
        address, now = (scope.get("client") or ("", 0))[0], now_s()
        if not self._guesses.may_try(address, now) and not self._tokens.knows(authorization, now):
            wait = ((b"retry-after", b"1"),)
            await answer.problem(
                429, "wrong_tokens", "wrong tokens came from your address; wait a second", wait
            )
            return None
        try:
            verdict = await self._tokens.judge(authorization, now)
        except (ClusterError, ConnectionError):
            await answer.later("review", "the API server does not say whose token it is")
            return None
        if not isinstance(verdict, TokenFault):
            return verdict
        self._guesses.was_wrong(address, now)
        if verdict in (TokenFault.TOKEN_MISSING, TokenFault.TOKEN_INVALID):
            challenge = ((b"www-authenticate", b'Bearer realm="tidegate-operator"'),)
            await answer.problem(401, verdict, "send a token of audience tidegate-operator", challenge)
        else:
            await answer.problem(403, verdict, "this service account may not sync here")
        return None

    async def _serve(
        self, path: str, caller: TokenBearer, request: SyncRequest, receive: Receive, answer: "_Answer"
    ) -> None:
        desk, who = self._desk, request.instance
        if (caller.namespace, caller.pod_name, caller.pod_uid) != (who.namespace, who.pod_name, who.pod_uid):
            return await answer.problem(403, "other_instance", "the token belongs to another pod")
        if not desk.hear(request, now_s()):
            return await answer.problem(409, "replayed", "an earlier call, or one of an earlier boot")
        headers = ((GATEWAYS_HEADER.lower().encode(), str(desk.gateways_in(who.namespace)).encode()),)
        if path == REPORT_PATH:
            return await answer.send(204, headers=headers)
        if not desk.has_snapshot() and request.wait_s == 0:
            return await answer.later("no_snapshot", "no list of policies completed yet")
        news = await self._park(request, receive)
        if news is None:
            return await answer.send(204, headers=headers)
        return await answer.send(200, news, (*headers, (b"content-type", b"application/gzip")))

    async def _park(self, request: SyncRequest, receive: Receive) -> bytes | None:
        """A snapshot that is news; None when the time is over, the client gone or the operator ends."""
        desk = self._desk
        hangup = asyncio.ensure_future(_until_hangup(receive))
        try:
            async with asyncio.timeout(request.wait_s):
                while True:
                    further = desk.next_news()  # before looking, so that nothing falls between
                    found = desk.news_for(request)
                    if found is not None or hangup.done() or desk.is_ending():
                        return found
                    await _first_of(further, hangup)
        except TimeoutError:
            return None
        finally:
            hangup.cancel()


async def _first_of(event: asyncio.Event, other: "asyncio.Future[None]") -> None:
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((waiting, other), return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


async def _request(receive: Receive, answer: "_Answer") -> SyncRequest | None:
    """What the body says; None if it was refused."""
    try:
        async with asyncio.timeout(_BODY_S):
            body = await _body(receive)
    except TimeoutError:
        await answer.problem(408, "body", "the body did not come")
        return None
    if body is None:
        await answer.problem(413, "body", f"send at most {MAX_BODY_BYTES} bytes")
        return None
    try:
        return decode_request(body)
    except ConfigFaults as faults:
        told = [str(fault) for fault in faults.faults[:_MAX_TOLD]]
        await answer.problem(400, "body", "; ".join(told))
        return None


async def _body(receive: Receive) -> bytes | None:
    """None if it is too large."""
    chunks, size = [], 0
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY_BYTES:
            return None
        if not message.get("more_body"):
            return b"".join(chunks)


async def _until_hangup(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _Answer:
    """The answer to one call, sent and counted once."""

    def __init__(self, send: Send, desk: Desk, path: str) -> None:
        self._send, self._desk, self._path = send, desk, path

    async def send(
        self,
        status: int,
        body: bytes = b"",
        headers: tuple[tuple[bytes, bytes], ...] = (),
        reason: str = "",
    ) -> None:
        length = () if status == 204 else ((b"content-length", str(len(body)).encode()),)
        self._desk.count_answer(self._path, status, reason)
        await self._send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
        await self._send({"type": "http.response.body", "body": body})

    async def problem(
        self, status: int, reason: str, detail: str, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        """problem+json (RFC 9457)."""
        body = orjson.dumps({"title": _TITLES[status], "status": status, "detail": detail, "reason": reason})
        content_type = (b"content-type", b"application/problem+json")
        await self.send(status, body, (*headers, content_type), reason)

    async def later(self, reason: str, detail: str) -> None:
        await self.problem(503, reason, detail, ((b"retry-after", str(_RETRY_AFTER_S).encode()),))

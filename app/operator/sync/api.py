"""The sync port: plain ASGI for the long polls `POST /v1/sync`, `/v1/endpoints` and `/v1/certificates`, and for
`POST /v1/report` and `/v1/summary`.

The caller is judged before its body is read. A parked poll waits for something newer, the end of its time, the client's
disconnect, the operator's end, or (`/v1/sync`) somebody who begins to look at the fleet, whichever comes first.
The messages: `config/sync/messages.py`, `config/sync/newest.py`, `config/sync/summary.py`.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from app.config.sync.message_codec import decode_request
from app.config.sync.messages import (
    AUDIENCE,
    GATEWAYS_HEADER,
    MAX_BODY_BYTES,
    REPORT_PATH,
    SYNC_PATH,
    SyncRequest,
)
from app.config.sync.newest import NewestRequest
from app.config.sync.newest_codec import MAX_REQUEST_BYTES, decode_newest_request
from app.config.sync.summary import SETTINGS_HEADER, SUMMARY_PATH, WATCH_HEADER
from app.config.sync.summary_codec import MAX_SUMMARY_BYTES, decode_summary
from app.foundation.asgi import Receive, Scope, Send
from app.foundation.bearer import Guesses, bearer_token
from app.foundation.errors import ClusterError, ConfigFaults
from app.foundation.reply import Headers, Reply, problem, send_reply
from app.operator.clock import Clock
from app.operator.kube.resources import TokenBearer
from app.operator.metrics import OperatorCounts
from app.operator.snapshot.served import ServedSnapshots
from app.operator.sync.feeds import Feed, Feeds
from app.operator.sync.fleet import Fleet
from app.operator.sync.reports import GatewayReports
from app.operator.sync.tokens import TokenFault, Tokens

__all__ = ["SyncApi"]

LOG = logging.getLogger("tidegate.operator")

T = TypeVar("T")

GUESSES_PER_S = 10  # from one address; each may cost a request to the API server
_RETRY_AFTER_S = 2
_MAX_FAULTS = 5
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


class SyncApi:
    """The ASGI application."""

    def __init__(
        self,
        reports: GatewayReports,
        served: ServedSnapshots,
        feeds: Feeds,
        fleet: Fleet,
        tokens: Tokens,
        counts: OperatorCounts,
        clock: Clock,
    ) -> None:
        self._reports, self._served, self._feeds, self._fleet = reports, served, feeds, fleet
        self._tokens, self._counts, self._clock = tokens, counts, clock
        self._guesses = Guesses(GUESSES_PER_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        feed = self._feeds.of(path)
        if feed is None and path not in (SYNC_PATH, REPORT_PATH, SUMMARY_PATH):
            return await _Response(send, self._counts, "other").problem(404, "no_path", path)
        response = _Response(send, self._counts, path)
        if scope["method"] != "POST":
            return await response.problem(405, "method", "POST it", ((b"allow", b"POST"),))
        caller = await self._caller(scope, response)
        if caller is None:
            return None
        if path == SUMMARY_PATH:
            return await self._take_summary(caller, receive, response)
        if feed is not None:
            return await self._serve_newest(feed, caller, receive, response)
        request = await _read_request(receive, response, decode_request, MAX_BODY_BYTES)
        if request is None:
            return None
        return await self._serve(caller, request, receive, response)

    async def _caller(self, scope: Scope, response: "_Response") -> TokenBearer | None:
        """Whose call it is; None if it was rejected."""
        fields = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
        token = bearer_token(fields)
        address, now_s = (scope.get("client") or ("", 0))[0], self._clock.now_s()
        if not self._guesses.may_try(address, now_s) and not self._tokens.has_verified(token, now_s):
            await response.problem(
                429,
                "wrong_tokens",
                "wrong tokens came from your address; wait a second",
                ((b"retry-after", b"1"),),
            )
            return None
        try:
            verdict = await self._tokens.verify(token, now_s)
        except (ClusterError, ConnectionError):
            await response.later("review", "the API server does not say whose token it is")
            return None
        if not isinstance(verdict, TokenFault):
            return verdict
        self._guesses.was_wrong(address, now_s)
        if verdict in (TokenFault.TOKEN_MISSING, TokenFault.TOKEN_INVALID):
            challenge = ((b"www-authenticate", b'Bearer realm="tidegate-operator"'),)
            await response.problem(401, verdict, f"send a token of audience {AUDIENCE}", challenge)
        else:
            await response.problem(403, verdict, "this service account may not sync here")
        return None

    async def _serve(
        self, caller: TokenBearer, request: SyncRequest, receive: Receive, response: "_Response"
    ) -> None:
        instance = request.instance
        claimed = (instance.namespace, instance.pod_name, instance.pod_uid)
        if (caller.namespace, caller.pod_name, caller.pod_uid) != claimed:
            return await response.problem(403, "other_instance", "the token belongs to another pod")
        if not self._reports.take(request, self._clock.now_s()):
            return await response.problem(409, "replayed", "an earlier call, or one of an earlier boot")
        if response.path == REPORT_PATH:
            return await response.send(204, headers=self._headers(instance.namespace))
        if self._served.current is None and request.wait_s == 0:
            return await response.later("no_snapshot", "no list of policies completed yet")
        packed = await self._park(request, receive)
        headers = self._headers(instance.namespace)
        if packed is None:
            return await response.send(204, headers=headers)
        return await response.send(200, packed, (*headers, (b"content-type", b"application/gzip")))

    async def _serve_newest(
        self, feed: Feed[Any], caller: TokenBearer, receive: Receive, response: "_Response"
    ) -> None:
        """Only to the gateways beside the operator: they serve the cluster's Gateways, and get their keys."""
        if caller.namespace != self._tokens.namespace:
            return await response.problem(
                403, "other_namespace", "your gateways serve no listener of the cluster"
            )
        request = await _read_request(receive, response, decode_newest_request, MAX_REQUEST_BYTES)
        if request is None:
            return None
        try:
            packed = await _park_newest(feed, request, receive)
        except ConfigFaults as faults:
            LOG.error("gateways keep what they have: %s", faults)
            return await response.later("too_large", "more than one response holds")
        headers = self._headers(caller.namespace)
        if packed is None:
            return await response.send(204, headers=headers)
        return await response.send(200, packed, (*headers, (b"content-type", b"application/gzip")))

    async def _take_summary(self, caller: TokenBearer, receive: Receive, response: "_Response") -> None:
        """The token says whose it is: a gateway speaks for itself alone."""
        summary = await _read_request(receive, response, decode_summary, MAX_SUMMARY_BYTES)
        if summary is None:
            return
        now_s, wall_s = self._clock.now_s(), self._clock.wall_s()
        digest = self._fleet.record_summary(caller.pod_uid, summary, now_s, wall_s)
        held = (SETTINGS_HEADER.lower().encode(), digest.encode())
        await response.send(204, headers=(*self._headers(caller.namespace), held))

    def _headers(self, namespace: str) -> Headers:
        """How many gateways share the traffic, and whether somebody looks at them."""
        gateways = (GATEWAYS_HEADER.lower().encode(), str(self._fleet.count_in(namespace)).encode())
        pace_s = self._fleet.pace_s(self._clock.now_s())
        if pace_s is None:
            return (gateways,)
        return (gateways, (WATCH_HEADER.lower().encode(), f"{pace_s:g}".encode()))

    async def _park(self, request: SyncRequest, receive: Receive) -> bytes | None:
        """A newer snapshot; None when the time is over, the client has gone, the operator ends or somebody looks."""
        served = self._served
        can_send = request.sends_summaries is not None
        begin = self._fleet.watch.next_begin() if can_send else asyncio.Event()
        disconnected = asyncio.ensure_future(_until_disconnect(receive))
        try:
            async with asyncio.timeout(request.wait_s):
                while True:
                    change = served.next_change()  # before looking, so that no change falls between
                    packed = served.newer_for(request)
                    if packed is not None or disconnected.done() or served.is_closed:
                        return packed
                    if begin.is_set() or (request.sends_summaries is False and self._is_watched()):
                        return None
                    await _first_of(disconnected, change, begin)
        except TimeoutError:
            return None
        finally:
            disconnected.cancel()

    def _is_watched(self) -> bool:
        return self._fleet.watch.is_on(self._clock.now_s())


async def _park_newest(feed: Feed[Any], request: NewestRequest, receive: Receive) -> bytes | None:
    """What is newer; None when the time is over, the client has gone or the operator ends. Raises ConfigFaults."""
    disconnected = asyncio.ensure_future(_until_disconnect(receive))
    try:
        async with asyncio.timeout(request.wait_s):
            while True:
                change = feed.next_change()  # before looking, so that no change falls between
                packed = feed.newer_than(request.held)
                if packed is not None or disconnected.done() or feed.is_closed:
                    return packed
                await _first_of(disconnected, change)
    except TimeoutError:
        return None
    finally:
        disconnected.cancel()


async def _first_of(other: "asyncio.Future[None]", *events: asyncio.Event) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    futures: list[asyncio.Future[Any]] = [other, *waiting]
    try:
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()


async def _read_request(
    receive: Receive, response: "_Response", decode: Callable[[bytes], T], most_bytes: int
) -> T | None:
    """The message in the body; None if it was rejected."""
    try:
        async with asyncio.timeout(_BODY_S):
            body = await _read_body(receive, most_bytes)
    except TimeoutError:
        await response.problem(408, "body", "the body did not come")
        return None
    if body is None:
        await response.problem(413, "body", f"send at most {most_bytes} bytes")
        return None
    try:
        return decode(body)
    except ConfigFaults as faults:
        await response.problem(400, "body", "; ".join(map(str, faults.faults[:_MAX_FAULTS])))
        return None


async def _read_body(receive: Receive, most_bytes: int) -> bytes | None:
    """None if it is too large."""
    chunks, size = [], 0
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > most_bytes:
            return None
        if not message.get("more_body"):
            return b"".join(chunks)


async def _until_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _Response:
    """The response to one call, sent and counted once."""

    def __init__(self, send: Send, counts: OperatorCounts, path: str) -> None:
        self._send, self._counts, self.path = send, counts, path

    async def send(self, status: int, body: bytes = b"", headers: Headers = (), reason: str = "") -> None:
        length = () if status == 204 else ((b"content-length", str(len(body)).encode()),)
        await self._send_counted(Reply(status, (*headers, *length), body), reason)

    async def problem(self, status: int, reason: str, detail: str, headers: Headers = ()) -> None:
        """problem+json (RFC 9457)."""
        await self._send_counted(problem(status, detail, headers, _TITLES[status], reason=reason), reason)

    async def later(self, reason: str, detail: str) -> None:
        await self.problem(503, reason, detail, ((b"retry-after", str(_RETRY_AFTER_S).encode()),))

    async def _send_counted(self, whole: Reply, reason: str) -> None:
        self._counts.sync_responses[self.path, str(whole.status), reason] += 1
        await send_reply(self._send, "POST", whole)

"""Copies of requests: each goes to an upstream of its own, and its response is discarded (HTTPRoute: RequestMirror).

A copy never holds up the request that it is made of: its body is not waited for, and nothing that happens to it is
seen by the client, the breaker or outlier ejection. What its upstream does not take in time is given up.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Final

from app.dataplane.codec.body import RequestBody
from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.response import ResponseHead
from app.dataplane.eventloop.timer_wheel import NEVER
from app.dataplane.proxy.context import ProxyContext
from app.dataplane.proxy.retry import IDEMPOTENT
from app.dataplane.proxy.routes import MirrorTarget, RoutePlan
from app.dataplane.proxy.state import ExchangeState
from app.dataplane.proxy.upstream_request import prepare_call, request_head
from app.dataplane.upstream.connector import ConnectFailure
from app.dataplane.upstream.pool import ConnectionPool, UpstreamStream
from app.dataplane.upstream.response_receiver import ResponseReceiver
from app.foundation.clock import now_s
from app.foundation.reasons import Reason

__all__ = ["MAX_UNDER_WAY", "MAX_UNSENT_BYTES", "MirroredRequest", "mirror"]

MAX_UNDER_WAY: Final = 256
"""Copies at once, of all routes of this process: beyond them requests go unmirrored."""
MAX_UNSENT_BYTES: Final = 256 * 1024
"""Of a copy's body, held while its upstream does not take it; with the number above 64 MiB at the very most."""
TIMEOUT_S: Final = 30.0
"""Where the route's own timeout is off: nobody would miss the copy, so it must end by itself."""

COMPLETED: Final = "completed"
FAILED: Final = "failed"
TIMED_OUT: Final = "timed_out"
DROPPED: Final = "dropped"


def mirror(
    context: ProxyContext, state: ExchangeState, body: RequestBody, route: RoutePlan, now: float
) -> tuple["MirroredRequest", ...]:
    """Start the copies of a request, before it is sent itself: `body` still holds all that came of it."""
    if state.request.websocket:
        return ()
    copies = []
    for target in route.mirrors:
        if target.share < 1.0 and context.random.random() >= target.share:
            continue
        if len(context.mirrored) >= MAX_UNDER_WAY:
            target.counts.count_mirrored(DROPPED)
            continue
        copy = MirroredRequest(context, state, body, route, target)
        copies.append(copy)
        try:
            copy.start(now)
        except Exception as bug:  # the copy's end, not the request's
            copy.failed_inside(bug)
    return tuple(copies)


class MirroredRequest(ResponseReceiver):
    """One copy, from its start to the end of its response. It ends exactly once, in `_end`.

    As a `ResponseReceiver` it discards what it gets. `_connection`: None while there is none. `_is_reused`: it had
    served before, so it may turn out to be stale.
    """

    __slots__ = (
        "_body",
        "_connection",
        "_context",
        "_is_over",
        "_is_reused",
        "_pool",
        "_route",
        "_state",
        "_target",
        "_task",
        "armed_tick",
        "deadline_s",
        "head_only",
        "upgrade_key",
    )

    def __init__(
        self,
        context: ProxyContext,
        state: ExchangeState,
        body: RequestBody,
        route: RoutePlan,
        target: MirrorTarget,
    ) -> None:
        self._context = context
        self._state = state
        self._route = route
        self._target = target
        self._body = own = RequestBody(body.length_bytes)
        for piece in body.replay or ():
            own.add(piece)
        if body.complete:
            own.end(body.trailers)
        self._pool: ConnectionPool | None = None
        self._connection: UpstreamStream | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_over = self._is_reused = False
        self.head_only = state.request.method == b"HEAD"
        self.upgrade_key: bytes | None = None
        self.armed_tick = 0
        self.deadline_s = NEVER

    # The request

    def start(self, now: float) -> None:
        """Take an address and send what there is of the request; names are resolved first where none is known."""
        self._context.mirrored.add(self)
        self._set_deadline(now)
        pool = self._target.upstream.choose(now, None)
        if pool is None:
            self._run(self._resolve)
        else:
            self._begin(pool)

    def _begin(self, pool: ConnectionPool) -> None:
        self._pool = pool
        pool.begin()
        connection = pool.take(False)
        if connection is not None:
            self._is_reused = True
            self._send(connection)
        else:
            self._run(self._connect)

    def _run(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        self._task = self._context.loop.create_task(self._guarded(work))

    async def _guarded(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            await work()
        except Exception as bug:  # the top of a supervised task
            self._task = None
            self.failed_inside(bug)

    async def _resolve(self) -> None:
        upstream = self._target.upstream
        with suppress(TimeoutError):
            async with asyncio.timeout(self._route.connect_s or TIMEOUT_S):
                await upstream.first_address()
        self._task = None
        pool = upstream.choose(now_s(), None)
        if pool is None:
            self._end(FAILED)
        else:
            self._begin(pool)

    async def _connect(self) -> None:
        pool = self._pool
        if pool is None:
            return
        made = await pool.connect(self._route.connect_s or TIMEOUT_S, False)
        self._task = None
        if isinstance(made, ConnectFailure):
            self._end(FAILED)
        else:
            self._send(made)

    def _send(self, connection: UpstreamStream) -> None:
        """The head, with what there is of the body, of which nothing is kept then."""
        state, body = self._state, self._body
        self._connection = connection
        connection.begin(self)
        head = request_head(
            state, self._route.forwarding, self._target.upstream.credential, self._pool, body.length_bytes
        )
        if state.request.is_grpc:
            prepare_call(head, state, now_s())
        connection.send(head, body)
        body.forget()

    def send_body(self, data: bytes) -> None:
        """A part (not empty) of the body."""
        if self._is_over:
            return
        body, connection = self._body, self._connection
        body.add(data)
        if connection is not None:
            connection.send_body(data)
        unsent_bytes = body.replay_bytes if connection is None else connection.unsent_bytes()
        if unsent_bytes > MAX_UNSENT_BYTES:
            self._end(DROPPED)
        else:
            self._set_deadline(now_s())

    def end_body(self, trailers: list[Field]) -> None:
        """The body is complete."""
        if self._is_over:
            return
        self._body.end(trailers)
        if self._connection is not None:
            self._connection.end_body(trailers)
        self._set_deadline(now_s())

    def abandon(self) -> None:
        """The rest of the request will never come, or the gateway ends."""
        self._end(DROPPED)

    # Time

    def _set_deadline(self, now: float) -> None:
        """The route's `idle` while the body comes, then its `request`, which here bounds the response's body too."""
        wait_s = self._route.request_s if self._body.complete else self._route.idle_s
        self._context.wheel.set(self, now + (wait_s or TIMEOUT_S))

    def on_deadline(self, now: float) -> None:
        self._end(TIMED_OUT)

    # The response (upstream.response_receiver.ResponseReceiver)

    def on_response_head(self, head: ResponseHead) -> bool:
        return True

    def on_response_end(self, data: bytes, trailers: list[Field], reusable: bool) -> None:
        """The connection serves another request where both messages are whole."""
        connection, pool = self._connection, self._pool
        if connection is not None and pool is not None:
            connection.receiver = None
            if reusable and self._body.complete and not connection.unsent_bytes():
                self._connection = self._pool = None
                pool.release(connection, now_s())
        self._end(COMPLETED)

    def on_upstream_failed(self, reason: Reason, detail: str) -> None:
        connection, pool = self._connection, self._pool
        if connection is not None and pool is not None and self._is_stale(connection):
            pool.discard(connection)
            self._connection, self._is_reused = None, False
            pool.begin()
            self._run(self._connect)
            return
        self._end(FAILED)

    def _is_stale(self, connection: UpstreamStream) -> bool:
        """Whether the server closed an idle connection just as it was used (RFC 9110 §9.2.2)."""
        if not self._is_reused or connection.response_begun or self._body.seen_bytes:
            return False
        return self._state.request.method in IDEMPOTENT

    def failed_inside(self, bug: BaseException) -> None:
        self._context.on_internal_error(bug)
        self._end(FAILED)

    def on_interim(self, head: ResponseHead) -> None: ...
    def on_response_body(self, data: bytes) -> None: ...
    def on_flush(self) -> None: ...
    def on_upgraded(self, head: ResponseHead, rest: bytes) -> None:
        """Never: it asks for no upgrade."""

    def pause_upload(self) -> None:
        """Nobody is slowed down: `send_body` gives the copy up where too much waits."""

    def resume_upload(self) -> None: ...

    # The end

    def _end(self, outcome: str) -> None:
        """Whatever is under way for it ends, and it is counted. The second call does nothing."""
        if self._is_over:
            return
        self._is_over = True
        self._context.mirrored.discard(self)
        self._context.wheel.remove(self)
        self._target.counts.count_mirrored(outcome)
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        connection, self._connection = self._connection, None
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.discard(connection)

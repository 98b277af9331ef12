"""One attempt of an exchange: from an address to a connection, and the request's way onto it."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Protocol

from app.dataplane.codec.body import RequestBody
from app.dataplane.eventloop.timer_wheel import NEVER
from app.dataplane.proxy.context import ProxyContext
from app.dataplane.proxy.routes import RoutePlan, Target
from app.dataplane.proxy.state import ExchangeState
from app.dataplane.proxy.upstream_request import prepare_call, request_head
from app.dataplane.upstream.connector import ConnectFailure
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.dataplane.upstream.http2_stream import Http2Stream
from app.dataplane.upstream.pool import ConnectionPool, UpstreamStream
from app.dataplane.upstream.response_receiver import ResponseReceiver
from app.foundation.clock import now_s
from app.foundation.reasons import Reason

__all__ = ["Attempt", "AttemptOwner"]


class AttemptOwner(ResponseReceiver, Protocol):
    """What receives the response also hears how the attempt goes."""

    __slots__ = ()

    def set_deadline(self, now: float) -> None:
        """Something has begun that the exchange waits for."""
        ...


class Attempt:
    """A try at one address. From `start` on it is counted in that address's pool (`_pool`), and it is given back
    exactly once, by `release`, `detach` or `drop`.

    `connection`: None until there is one, and after it was given back. `reused`: it had served before.
    `deadline_s`: when this attempt must have a response's head; NEVER while that is not known.
    """

    __slots__ = (
        "_body",
        "_context",
        "_owner",
        "_pool",
        "_route",
        "_state",
        "_target",
        "_task",
        "connection",
        "deadline_s",
        "reused",
    )

    def __init__(
        self,
        owner: AttemptOwner,
        context: ProxyContext,
        state: ExchangeState,
        body: RequestBody,
        route: RoutePlan,
        target: Target,
    ) -> None:
        self._owner = owner
        self._context = context
        self._state = state
        self._body = body
        self._route = route
        self._target = target
        self._pool: ConnectionPool | None = None
        self._task: asyncio.Task[None] | None = None
        self.connection: UpstreamStream | None = None
        self.deadline_s = NEVER
        self.reused = False

    # From an address to a connection

    def start(self, pool: ConnectionPool | None, *, fresh: bool) -> None:
        """`pool` None: no address is known yet, so names are resolved first. `fresh`: on no idle connection."""
        state = self._state
        state.endpoint = self._pool = pool
        if pool is None:
            self._run(self._resolve)
            return
        state.attempts += 1
        pool.begin()
        connection = None if fresh else pool.take(state.request.websocket)
        if connection is not None:
            self.reused = True
            self._send(connection)
        else:
            self._run(lambda: self._connect(pool))

    def _run(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        self._task = self._context.loop.create_task(self._guarded(work))

    async def _guarded(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            await work()  # made here: a task cancelled before its start would leave it never awaited
        except Exception as bug:  # the top of a supervised task
            self._owner.failed_inside(bug)

    async def _resolve(self) -> None:
        upstream = self._target.upstream
        with suppress(TimeoutError):
            async with asyncio.timeout(self._route.connect_s or None):
                await upstream.first_address()
        self._task = None
        now = now_s()
        pool = upstream.choose(now, None)
        if pool is not None:
            self._owner.set_deadline(now)
            self.start(pool, fresh=False)
        else:
            self._state.attempts += 1
            rejection = upstream.rejection  # its last endpoint has gone since this request was admitted
            if rejection is not None:
                self._fail(rejection.detail, rejection.reason)
            else:
                self._fail(f"no address is known for {upstream.name}")

    async def _connect(self, pool: ConnectionPool) -> None:
        made = await pool.connect(self._route.connect_s, self._state.request.websocket)
        if isinstance(made, ConnectFailure):
            self._fail(f"{self._target.upstream.name} at {pool.label}: {made.detail}", made.reason)
        else:
            self._task = None
            self._send(made)

    def _fail(self, detail: str, reason: Reason = Reason.UPSTREAM_CONNECT) -> None:
        self._task = None  # it is this one, which must not be cancelled by its own end
        self._owner.on_upstream_failed(reason, detail)

    # The request

    def _send(self, connection: UpstreamStream) -> None:
        """The head, with what there is of the body."""
        owner, body = self._owner, self._body
        self.connection = connection
        connection.begin(owner)
        state, target = self._state, self._target
        forwarding = self._route.forwarding if target.forwarding is None else target.forwarding
        credential = target.upstream.credential
        head = request_head(state, forwarding, credential, self._pool, body.length_bytes)
        if state.request.is_grpc:
            prepare_call(head, state, now_s())
        if body.length_bytes:
            owner.resume_upload()  # before the write, which may pause it again
        connection.send(head, body)
        if body.replay:
            self._sent()

    def send_body(self, data: bytes) -> None:
        """A part of the body, kept by `RequestBody`: it goes out now, or waits for the connection."""
        if self.connection is not None:
            self.connection.send_body(data)
            self._sent()
        elif self._body.is_large:
            self._owner.pause_upload()

    def end_body(self) -> None:
        """The body is complete."""
        if self.connection is not None:
            self.connection.end_body(self._body.trailers)

    def _sent(self) -> None:
        body = self._body
        body.sent = True
        if body.is_large:
            body.forget()

    # The response

    @property
    def response_begun(self) -> bool:
        """A byte of the response came, or the upstream ended it alone, with its connection going on."""
        return self.connection is not None and self.connection.response_begun

    @property
    def is_unprocessed(self) -> bool:
        """The upstream said that it did nothing with the request (RFC 9113 §8.7)."""
        return isinstance(self.connection, Http2Stream) and self.connection.unprocessed

    def pause_reading(self) -> None:
        if self.connection is not None:
            self.connection.pause_reading()

    def resume_reading(self) -> None:
        if self.connection is not None:
            self.connection.resume_reading()

    # Ends

    def release(self, reusable: bool, now: float) -> None:
        """The response is complete: the connection serves another exchange if it is `reusable`, else it ends."""
        connection, pool = self.connection, self._pool
        self.connection = self._pool = None
        if connection is None or pool is None:
            return
        connection.receiver = None
        if self._body.replay is None and connection.unsent_bytes():
            reusable = False  # the response came before the whole of a large body was taken
        if reusable:
            connection.resume_reading()
            pool.release(connection, now)
        else:
            pool.discard(connection)

    def detach(self) -> tuple[UpstreamConnection, ConnectionPool] | None:
        """Hand the connection to a tunnel; the pool counts it until `ConnectionPool.end_tunnel`."""
        connection, pool = self.connection, self._pool
        self.connection = self._pool = None
        if pool is None or not isinstance(connection, UpstreamConnection):
            return None  # HTTP/2 has no 101 (RFC 9113 §8.6)
        connection.receiver = None
        return connection, pool

    def drop(self) -> None:
        """End the attempt, connecting or connected: its response is not wanted any more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        connection, self.connection = self.connection, None
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.discard(connection)

"""The attempts of one exchange: which address, which connection, and what follows a failure."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Final, Protocol

from app.breaker.values import Outcome
from app.dataplane.codec.body import RequestBody
from app.dataplane.eventloop.timer_wheel import NEVER
from app.dataplane.proxy.context import ProxyContext
from app.dataplane.proxy.retry import CONNECT_ERROR, RESET, TIMEOUT, backoff_s, may_resend, may_retry
from app.dataplane.proxy.routes import RoutePlan, Target
from app.dataplane.proxy.state import ExchangeState
from app.dataplane.proxy.upstream_request import request_head
from app.dataplane.upstream.http1_connection import ResponseReceiver, UpstreamConnection
from app.dataplane.upstream.outlier import FailureOwner, attribute_failure, record_failure, record_success
from app.dataplane.upstream.pool import ConnectionPool
from app.foundation.clock import now_s
from app.foundation.reasons import Reason

__all__ = ["AttemptOwner", "Attempts"]

_WORDS: Final = {
    Reason.UPSTREAM_CONNECT: CONNECT_ERROR,
    Reason.UPSTREAM_RESET: RESET,
    Reason.UPSTREAM_TIMEOUT: TIMEOUT,
}
_FAILURE, _IGNORED = Outcome.FAILURE, Outcome.IGNORED


class AttemptOwner(ResponseReceiver, Protocol):
    """The exchange as its attempts see it."""

    @property
    def response_begun(self) -> bool: ...
    def set_deadline(self, now: float) -> None: ...
    def fail(self, reason: Reason, detail: str, outcome: Outcome) -> None: ...


class Attempts:
    """`connection`: of the attempt under way, once there is one. At any moment at most one attempt is counted in
    its pool (`_pool`); it is given back exactly once, by `release`, `detach` or `_drop`.
    """

    __slots__ = (
        "_body",
        "_context",
        "_fresh",
        "_head",
        "_owner",
        "_pause",
        "_pool",
        "_rejecting",
        "_request_deadline_s",
        "_resent",
        "_reused",
        "_route",
        "_started_s",
        "_state",
        "_target",
        "_task",
        "_tries",
        "_try_deadline_s",
        "connection",
    )

    def __init__(
        self,
        owner: AttemptOwner,
        context: ProxyContext,
        state: ExchangeState,
        body: RequestBody,
        route: RoutePlan,
        target: Target,
        now: float,
    ) -> None:
        self._owner = owner
        self._context = context
        self._state = state
        self._body = body
        self._route = route
        self._target = target
        self._started_s = now
        self.connection: UpstreamConnection | None = None
        self._pool: ConnectionPool | None = None
        self._task: asyncio.Task[None] | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._head = b""
        self._tries = 0
        self._request_deadline_s = NEVER
        self._try_deadline_s = NEVER
        self._fresh = self._resent = self._reused = False
        self._rejecting: list[ConnectionPool] = []
        if route.retry is not None:
            route.budget.count_request(route.retry.budget, now)

    # One attempt

    def start(self, now: float, avoid: ConnectionPool | None = None) -> None:
        """Try the best address; on an idle connection where there is one."""
        self._pause = None
        pool = self._target.upstream.choose(now, avoid)
        if pool is None:
            self._state.endpoint = None
            self._owner.set_deadline(now)
            self._run(self._resolve)
        else:
            self._try(pool, now)

    def _try(self, pool: ConnectionPool, now: float) -> None:
        state = self._state
        state.endpoint = self._pool = pool
        state.attempts += 1
        self._tries += 1
        pool.begin()
        self._try_deadline_s = NEVER
        self._owner.set_deadline(now)
        connection = None if self._fresh else pool.take_idle()
        if connection is not None:
            self._reused = True
            self._send(connection)
        else:
            self._reused = False
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
        if upstream.addresses:
            self.start(now_s())
        else:
            self._state.attempts += 1
            self.failed(Reason.UPSTREAM_CONNECT, f"no address is known for {upstream.name}", now_s())

    async def _connect(self, pool: ConnectionPool) -> None:
        name, connect_s = self._target.upstream.name, self._route.connect_s
        try:
            connection = await pool.connect(connect_s)
        except TimeoutError:
            self._task = None
            detail = f"{name} at {pool.label}: no connection within {connect_s:g} s"
            self.failed(Reason.UPSTREAM_CONNECT, detail, now_s())
        except OSError as error:
            self._task = None
            why = getattr(error, "verify_message", "") or error.strerror or type(error).__name__
            self.failed(Reason.UPSTREAM_CONNECT, f"{name} at {pool.label}: {why}", now_s())
        else:
            self._task = None
            self._send(connection)

    def _send(self, connection: UpstreamConnection) -> None:
        owner, body = self._owner, self._body
        self.connection = connection
        connection.begin(owner)
        if not self._head:
            self._head = request_head(self._state, self._route, body.length_bytes)
        kept = body.replay
        owner.resume_upload()  # before the write, which may pause it again
        if kept:
            body.sent = True
            connection.transport.write(self._head + b"".join(kept))
            if body.is_large:
                body.forget()
        else:
            connection.transport.write(self._head)

    def send_body(self, framed: bytes) -> None:
        """A part of the body, framed and kept by `RequestBody`: on its way, or waiting for a connection."""
        if not framed:
            return
        body, connection = self._body, self.connection
        if connection is None:
            if body.is_large:
                self._owner.pause_upload()
            return
        body.sent = True
        connection.transport.write(framed)
        if body.is_large:
            body.forget()

    def pause_reading(self) -> None:
        if self.connection is not None and not self.connection.transport.is_closing():
            self.connection.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.connection is not None and not self.connection.transport.is_closing():
            self.connection.transport.resume_reading()

    # What became of it

    def succeeded(self, now: float) -> None:
        """The response is no failure."""
        if self._state.endpoint is not None:
            record_success(self._state.endpoint.state, now)

    def judge(self, now: float) -> Outcome:
        """Record the endpoint's failure; whose it was decides whether the breaker counts it."""
        endpoint = self._state.endpoint
        if endpoint is not None:
            record_failure(endpoint.state, self._target.upstream.states, now)
        return self._outcome(now)

    def _outcome(self, now: float) -> Outcome:
        endpoint = self._state.endpoint
        if endpoint is None:
            return _FAILURE
        owner = attribute_failure(endpoint.state, self._target.upstream.states, now)
        return _IGNORED if owner is FailureOwner.ENDPOINT else _FAILURE

    def failed(self, reason: Reason, detail: str, now: float) -> None:
        """This attempt is over without a response: once more if that is safe and allowed, else the end."""
        state, body, counts, upstream = self._state, self._body, self._target.counts, self._target.upstream
        if state.completed:
            return
        answered = self.connection is not None and self.connection.answered
        self._drop()
        if reason is Reason.UPSTREAM_RESET and may_resend(
            state.request.method, self._reused, answered, self._resent, body.sent, body.replayable
        ):
            # the server closed an idle connection just as we used it: nobody's failure (RFC 9110 §9.2.2)
            self._resent = self._fresh = True
            self._tries -= 1
            counts.count_retry("stale_connection")
            self.start(now)
            return
        endpoint = state.endpoint
        if endpoint is not None:
            record_failure(endpoint.state, upstream.states, now)
        if reason is Reason.UPSTREAM_CONNECT and endpoint is not None and not self._owner.response_begun:
            self._rejecting.append(endpoint)
            other = upstream.choose_other(now, self._rejecting)
            if other is not None:
                self._tries -= 1  # nothing of it left: another address is no second sending
                counts.count_retry("next_endpoint")
                self._try(other, now)
                return
        if not self._retry(_WORDS.get(reason, ""), now):
            self._owner.fail(reason, detail, self._outcome(now))

    def retry_status(self, status: int, failed: bool, now: float) -> bool:
        """Whether this response is dropped and the request tried again."""
        if self._route.retry is None or not self._may_retry(status) or not self._take_budget(now):
            return False
        if failed and self._state.endpoint is not None:
            record_failure(self._state.endpoint.state, self._target.upstream.states, now)
        self._drop()
        self._again(now)
        return True

    def timed_out(self, now: float) -> None:
        """The exchange's deadline has passed, and no response began."""
        if self._body.complete and now < self.deadline_s(now):
            self._owner.set_deadline(now)  # it was of an earlier attempt
            return
        if now < self._request_deadline_s and now >= self._try_deadline_s:
            self.failed(Reason.UPSTREAM_TIMEOUT, f"no answer within {self._route.per_try_s:g} s", now)
            return
        within = self._route.request_s if self._body.complete else self._route.idle_s
        detail = f"{self._target.upstream.name} gave no answer within {within:g} s"
        self._owner.fail(Reason.UPSTREAM_TIMEOUT, detail, self.judge(now))

    def deadline_s(self, now: float) -> float:
        """When this attempt or the whole must have a response's head; runs from the request's last byte."""
        route = self._route
        if self._request_deadline_s == NEVER and route.request_s:
            self._request_deadline_s = now + route.request_s
        if self._try_deadline_s == NEVER and route.per_try_s and self._pause is None:
            self._try_deadline_s = now + route.per_try_s
        return min(self._request_deadline_s, self._try_deadline_s)

    def _may_retry(self, outcome: str | int) -> bool:
        body = self._body
        return may_retry(
            self._route.retry,
            self._tries,
            outcome,
            self._state.request.method,
            body.sent,
            body.replayable,
            self._owner.response_begun,
        )

    def _retry(self, outcome: str, now: float) -> bool:
        if self._route.retry is None or not self._may_retry(outcome) or not self._take_budget(now):
            return False
        self._again(now)
        return True

    def _take_budget(self, now: float) -> bool:
        route, counts = self._route, self._target.counts
        if route.retry is not None and route.budget.take(route.retry.budget, now):
            counts.count_retry("retried")
            return True
        counts.count_retry("budget_exhausted")
        return False

    def _again(self, now: float) -> None:
        retry, context = self._route.retry, self._context
        if retry is None:
            return
        self._try_deadline_s = NEVER
        self._rejecting = []
        pause_s = backoff_s(retry, self._tries, context.random.random())
        failed_on = self._state.endpoint
        self._pause = context.loop.call_later(pause_s, lambda: self.start(now_s(), avoid=failed_on))
        self._owner.set_deadline(now)

    # Ends

    def release(self, reusable: bool, now: float) -> None:
        """The response is complete: the connection may serve another exchange, or goes."""
        connection, pool = self.connection, self._pool
        self.connection = self._pool = None
        self._state.upstream_s = now - self._started_s
        if connection is None or pool is None:
            return
        connection.receiver = None
        if self._body.replay is None and connection.transport.get_write_buffer_size():
            reusable = False  # answered before it took the whole of a large body
        if reusable:
            connection.transport.resume_reading()
            pool.release(connection, now)
        else:
            pool.discard(connection)

    def detach(self) -> tuple[UpstreamConnection, ConnectionPool] | None:
        """Hand the connection to a tunnel; the pool counts it until `ConnectionPool.end_tunnel`."""
        connection, pool = self.connection, self._pool
        self.connection = self._pool = None
        if connection is None or pool is None:
            return None
        connection.receiver = None
        return connection, pool

    def abandon(self, now: float) -> None:
        """Nobody wants the response any more."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._state.upstream_s is None:
            self._state.upstream_s = now - self._started_s
        self._drop()

    def _drop(self) -> None:
        """End the attempt that is under way, connecting or connected."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        connection, self.connection = self.connection, None
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.discard(connection)

"""The tries of one exchange: which address, which connection, and what follows a failure."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING

from app.clock import now_s
from app.dataplane.eventloop.timer_wheel import NEVER
from app.dataplane.proxy.completion import Verdict
from app.dataplane.proxy.retry import CONNECT_ERROR, RESET, TIMEOUT, backoff_s, may_resend, may_retry
from app.dataplane.proxy.upstream_request import request_head
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.dataplane.upstream.load_balancer import Blame, blame, note_failure, note_success
from app.dataplane.upstream.upstream import Address, Upstream, keep
from app.errors import Reason

if TYPE_CHECKING:
    from app.dataplane.proxy.exchange import Exchange
    from app.dataplane.proxy.routes import RoutePlan

__all__ = ["Trial"]

_WORDS = {
    Reason.UPSTREAM_CONNECT: CONNECT_ERROR,
    Reason.UPSTREAM_RESET: RESET,
    Reason.UPSTREAM_TIMEOUT: TIMEOUT,
}


class Trial:
    """`attempts`: how often it was sent or tried to be sent. `address`: of the last of them."""

    __slots__ = (
        "_connection",
        "_ended_s",
        "_fresh",
        "_handle",
        "_head",
        "_plan",
        "_refusing",
        "_request_deadline_s",
        "_resent",
        "_reused",
        "_started_s",
        "_task",
        "_tries",
        "_try_deadline_s",
        "address",
        "attempts",
        "exchange",
        "upstream",
    )

    def __init__(self, exchange: "Exchange", upstream: Upstream, now: float) -> None:
        admission = exchange.admission
        assert admission is not None and admission.plan is not None  # noqa: S101, PT018
        self.exchange = exchange
        self.upstream = upstream
        self.address: Address | None = None
        self.attempts = 0
        self._plan: RoutePlan = admission.plan
        self._tries = 0
        self._connection: UpstreamConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._head = b""
        self._started_s = now
        self._ended_s = 0.0
        self._request_deadline_s = NEVER
        self._try_deadline_s = NEVER
        self._fresh = self._resent = self._reused = False
        self._refusing: list[Address] = []
        if self._plan.retry is not None:
            self._plan.budget.count_request(self._plan.retry.budget, now)

    # One try

    def start(self, now: float, avoid: Address | None = None) -> None:
        """Try the best address; on an idle connection where there is one."""
        self._handle = None
        address = self.address = self.upstream.choose(now, avoid)
        if address is None:
            self.exchange.set_deadline(now)
            self._run(self._resolve)
        else:
            self._try(address, now)

    def _try(self, address: Address, now: float) -> None:
        self.address = address
        self.attempts += 1
        self._tries += 1
        address.state.in_flight += 1
        self._try_deadline_s = NEVER
        self.exchange.set_deadline(now)
        idle = address.idle
        while idle and not self._fresh:
            connection = idle.pop()
            if not connection.transport.is_closing():
                self._reused = True
                self._send(connection)
                return
        self._reused = False
        self._run(self._connect, address)

    def _run(self, work: Callable[..., Coroutine[None, None, None]], *given: Address) -> None:
        self._task = self.exchange.runtime.loop.create_task(self._guarded(work, *given))

    async def _guarded(self, work: Callable[..., Coroutine[None, None, None]], *given: Address) -> None:
        try:
            await work(*given)  # made here: a task cancelled before its start would leave it never awaited
        except Exception as bug:  # the top of a supervised task
            self.exchange.failed_inside(bug)

    async def _resolve(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._plan.connect_s or None):
                await self.upstream.first_address()
        self._task = None
        if self.upstream.addresses:
            self.start(now_s())
        else:
            self.attempts += 1
            self.failed(Reason.UPSTREAM_CONNECT, f"no address is known for {self.upstream.name}", now_s())

    async def _connect(self, address: Address) -> None:
        try:
            connection = await self.upstream.connect(address, self._plan.connect_s)
        except TimeoutError:
            detail = (
                f"{self.upstream.name} at {address.label}: no connection within {self._plan.connect_s:g} s"
            )
            self._task = None
            self.failed(Reason.UPSTREAM_CONNECT, detail, now_s())
        except OSError as error:
            why = getattr(error, "verify_message", "") or error.strerror or type(error).__name__
            self._task = None
            self.failed(Reason.UPSTREAM_CONNECT, f"{self.upstream.name} at {address.label}: {why}", now_s())
        else:
            self._task = None
            self._send(connection)

    def _send(self, connection: UpstreamConnection) -> None:
        exchange = self.exchange
        body = exchange.body
        self._connection = connection
        connection.begin(exchange)
        if not self._head:
            self._head = request_head(exchange)
        kept = body.replay
        if exchange.paused_client:
            exchange.resume_client()  # before the write, which may pause it anew
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
        body = self.exchange.body
        if self._connection is None:
            if body.is_large:
                self.exchange.pause_client()
            return
        body.sent = True
        self._connection.transport.write(framed)
        if body.is_large:
            body.forget()

    def pause_reading(self) -> None:
        if self._connection is not None:
            self._connection.transport.pause_reading()

    def resume_reading(self) -> None:
        if self._connection is not None and not self._connection.transport.is_closing():
            self._connection.transport.resume_reading()

    # What became of it

    def answered_well(self, now: float) -> None:
        if self.address is not None:
            note_success(self.address.state, now)

    def judge(self, now: float) -> Verdict:
        """Note the endpoint's failure; whose it was decides whether the breaker counts it."""
        if self.address is None:
            return Verdict.FAILURE
        note_failure(self.address.state, self.upstream.states, now)
        return self._verdict(now)

    def _verdict(self, now: float) -> Verdict:
        if self.address is None:
            return Verdict.FAILURE
        its_own = blame(self.address.state, self.upstream.states, now) is Blame.ENDPOINT
        return Verdict.IGNORE if its_own else Verdict.FAILURE

    def failed(self, reason: Reason, detail: str, now: float) -> None:
        """This try is over without an answer: once more if that is safe and allowed, else the end."""
        exchange, connection, address = self.exchange, self._connection, self.address
        if exchange.finished:
            return
        answered = connection is not None and connection.answered
        self._drop()
        body, counts = exchange.body, exchange.admission.target.counts  # type: ignore[union-attr]
        if reason is Reason.UPSTREAM_RESET and may_resend(
            exchange.request.method, self._reused, answered, self._resent, body.sent, body.replayable
        ):
            # the server closed an idle connection just as we used it: nobody's failure (RFC 9110 §9.2.2)
            self._resent = self._fresh = True
            self._tries -= 1
            counts.count_retry("stale_connection")
            self.start(now)
            return
        if address is not None:
            note_failure(address.state, self.upstream.states, now)
        if reason is Reason.UPSTREAM_CONNECT and address is not None and not exchange.answer_begun:
            self._refusing.append(address)
            other = self.upstream.choose_other(now, self._refusing)
            if other is not None:
                self._tries -= 1  # nothing of it left: another address is no second sending
                counts.count_retry("next_endpoint")
                self._try(other, now)
                return
        if not self._retry(_WORDS.get(reason, ""), now):
            exchange.fail(reason, detail, self._verdict(now))

    def retry_status(self, status: int, failed: bool, now: float) -> bool:
        """Whether this answer is dropped and the request tried again."""
        if self._plan.retry is None or not self._may_retry(status):
            return False
        if not self._take(now):
            return False
        if failed and self.address is not None:
            note_failure(self.address.state, self.upstream.states, now)
        self._drop()
        self._again(now)
        return True

    def timed_out(self, now: float) -> None:
        if self.exchange.body.complete and now < self.deadline_s(now):
            self.exchange.set_deadline(now)  # it was of an earlier try
            return
        if now < self._request_deadline_s and now >= self._try_deadline_s:
            self.failed(Reason.UPSTREAM_TIMEOUT, f"no answer within {self._plan.per_try_s:g} s", now)
            return
        within = self._plan.request_s if self.exchange.body.complete else self._plan.idle_s
        detail = f"{self.upstream.name} gave no answer within {within:g} s"
        self.exchange.fail(Reason.UPSTREAM_TIMEOUT, detail, self.judge(now))

    def deadline_s(self, now: float) -> float:
        """When this try or the whole must have an answer's head; runs from the request's last byte."""
        if self._request_deadline_s == NEVER and self._plan.request_s:
            self._request_deadline_s = now + self._plan.request_s
        if self._try_deadline_s == NEVER and self._plan.per_try_s and self._handle is None:
            self._try_deadline_s = now + self._plan.per_try_s
        return min(self._request_deadline_s, self._try_deadline_s)

    def spent_s(self, now: float) -> float:
        """Seconds with the upstream, all tries."""
        return (self._ended_s or now) - self._started_s

    def _may_retry(self, outcome: str | int) -> bool:
        exchange = self.exchange
        body = exchange.body
        return may_retry(
            self._plan.retry,
            self._tries,
            outcome,
            exchange.request.method,
            body.sent,
            body.replayable,
            exchange.answer_begun,
        )

    def _retry(self, outcome: str, now: float) -> bool:
        if self._plan.retry is None or not self._may_retry(outcome) or not self._take(now):
            return False
        self._again(now)
        return True

    def _take(self, now: float) -> bool:
        retry, counts = self._plan.retry, self.exchange.admission.target.counts  # type: ignore[union-attr]
        assert retry is not None  # noqa: S101
        if self._plan.budget.take(retry.budget, now):
            counts.count_retry("retried")
            return True
        counts.count_retry("budget_exhausted")
        return False

    def _again(self, now: float) -> None:
        retry, runtime = self._plan.retry, self.exchange.runtime
        assert retry is not None  # noqa: S101
        self._try_deadline_s = NEVER
        self._refusing = []
        pause_s = backoff_s(retry, self._tries, runtime.random.random())
        failed_on = self.address
        self._handle = runtime.loop.call_later(pause_s, lambda: self.start(now_s(), avoid=failed_on))
        self.exchange.set_deadline(now)

    # Ends

    def release(self, reusable: bool, now: float) -> None:
        """The answer is complete: the connection may serve another exchange, or goes."""
        connection, address = self._connection, self.address
        self._connection = None
        self._ended_s = now
        if connection is None or address is None:
            return
        address.state.in_flight -= 1
        connection.exchange = None
        body, upstream = self.exchange.body, self.upstream
        if body.replay is None and connection.transport.get_write_buffer_size():
            reusable = False  # answered before it took the whole of a large body
        if (
            reusable
            and not connection.transport.is_closing()
            and address in upstream.addresses
            and not upstream.closed
        ):
            connection.transport.resume_reading()
            keep(address, connection, now)
        else:
            connection.close()

    def detach(self) -> UpstreamConnection | None:
        """Hand the connection to a tunnel; the endpoint counts it as in flight until `tunnel_closed`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.exchange = None
        return connection

    def tunnel_closed(self) -> None:
        if self.address is not None:
            self.address.state.in_flight -= 1

    def abandon(self) -> None:
        """Nobody wants the answer any more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._task is not None or self._connection is not None:
            self._drop()

    def _drop(self) -> None:
        """End the try that is under way, connecting or connected."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        connection, self._connection = self._connection, None
        if self.address is not None:
            self.address.state.in_flight -= 1
        if connection is not None:
            connection.close()

"""The attempts of one exchange: which address is tried, and what follows a failure."""

import asyncio
from typing import Final, Protocol

from app.breaker.values import Outcome
from app.dataplane.codec.body import RequestBody
from app.dataplane.eventloop.timer_wheel import NEVER
from app.dataplane.proxy.attempt import Attempt, AttemptOwner
from app.dataplane.proxy.context import ProxyContext
from app.dataplane.proxy.retry import (
    CONNECT_ERROR,
    IDEMPOTENT,
    RESET,
    TIMEOUT,
    backoff_s,
    may_resend,
    may_retry,
)
from app.dataplane.proxy.routes import RoutePlan, Target
from app.dataplane.proxy.state import ExchangeState
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.dataplane.upstream.outlier import FailureOwner, attribute_failure, record_failure, record_success
from app.dataplane.upstream.pool import ConnectionPool
from app.foundation.clock import now_s
from app.foundation.reasons import Reason

__all__ = ["Attempts", "AttemptsOwner"]

_WORDS: Final = {
    Reason.UPSTREAM_CONNECT: CONNECT_ERROR,
    Reason.UPSTREAM_RESET: RESET,
    Reason.UPSTREAM_TIMEOUT: TIMEOUT,
}
_MAYBE_UNSENT: Final = (Reason.UPSTREAM_CONNECT, Reason.UPSTREAM_PROTOCOL)
MAX_UNPROCESSED: Final = 3
"""Times that a request is sent again because the upstream did nothing with it."""
_FAILURE: Final = Outcome.FAILURE
_IGNORED: Final = Outcome.IGNORED


class AttemptsOwner(AttemptOwner, Protocol):
    """The exchange as its attempts see it. `response_begun`: the client has bytes of a response."""

    __slots__ = ()

    response_begun: bool

    def fail(self, reason: Reason, detail: str, outcome: Outcome) -> None: ...


class Attempts:
    """At most one attempt is under way at any moment; none is while a retry waits for its time (`_pause`).

    `_tries`: attempts that count against the retry stanza. `_resent`: a stale connection was met; from then on
    connections are fresh. `_failed_pools`: what could not be connected to since the last pause.
    """

    __slots__ = (
        "_attempt",
        "_body",
        "_context",
        "_failed_pools",
        "_owner",
        "_pause",
        "_request_deadline_s",
        "_resent",
        "_route",
        "_started_s",
        "_state",
        "_target",
        "_tries",
        "_unprocessed",
    )

    def __init__(
        self,
        owner: AttemptsOwner,
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
        self._attempt: Attempt | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._tries = 0
        self._request_deadline_s = NEVER
        self._resent = False
        self._unprocessed = 0
        self._failed_pools: tuple[ConnectionPool, ...] = ()
        if route.retry is not None:
            route.budget.count_request(route.retry.budget, now)

    def start(self, now: float, avoid: ConnectionPool | None = None) -> None:
        """Try the best address, but not `avoid` where there is another."""
        self._pause = None
        self._try(self._target.upstream.choose(now, avoid), now)

    def _try(self, pool: ConnectionPool | None, now: float) -> None:
        self._tries += 1
        attempt = self._attempt = Attempt(
            self._owner, self._context, self._state, self._body, self._route, self._target
        )
        self._owner.set_deadline(now)
        attempt.start(pool, fresh=self._resent)

    # The attempt under way

    def send_body(self, data: bytes) -> None:
        """A part of the request's body; it is kept for the next attempt where none is under way."""
        if self._attempt is not None:
            self._attempt.send_body(data)
        elif self._body.is_large:
            self._owner.pause_upload()

    def end_body(self) -> None:
        """The request's body is complete."""
        if self._attempt is not None:
            self._attempt.end_body()

    def pause_reading(self) -> None:
        if self._attempt is not None:
            self._attempt.pause_reading()

    def resume_reading(self) -> None:
        if self._attempt is not None:
            self._attempt.resume_reading()

    # What became of it

    def succeeded(self, now: float) -> None:
        """The response is no failure."""
        if self._state.endpoint is not None:
            record_success(self._state.endpoint.state, now)

    def judge(self, now: float) -> Outcome:
        """Record the endpoint's failure; whose it was decides whether the breaker counts it."""
        self._record_failure(now)
        return self._outcome(now)

    def _note_end(self, outcome: str, now: float, has_head: bool = False) -> None:
        """For the record of decisions: an attempt is over without a response for the client."""
        state = self._state
        since_ms = (now - state.started_s) * 1000.0
        endpoint = state.endpoint.label if state.endpoint is not None else None
        ended = (endpoint, str(outcome), since_ms if has_head else None, since_ms)
        state.failed_attempts = (*state.failed_attempts, ended)

    def _record_failure(self, now: float) -> None:
        endpoint = self._state.endpoint
        if endpoint is not None:
            upstream = self._target.upstream
            record_failure(endpoint.state, upstream.states, now)
            if upstream.on_failure is not None:
                upstream.on_failure(upstream, endpoint)

    def _outcome(self, now: float) -> Outcome:
        endpoint = self._state.endpoint
        if endpoint is None:
            return _FAILURE
        owner = attribute_failure(endpoint.state, self._target.upstream.states, now)
        return _IGNORED if owner is FailureOwner.ENDPOINT else _FAILURE

    def failed(self, reason: Reason, detail: str, now: float) -> None:
        """The attempt is over without a response. Another one follows if that is safe and allowed."""
        if self._state.completed:
            return
        if reason is Reason.UPSTREAM_RESET and (self._resend_unprocessed(now) or self._resend(now)):
            return
        is_unsent = reason in _MAYBE_UNSENT and (self._attempt is None or self._attempt.connection is None)
        self._note_end(reason, now)
        self._drop()
        self._record_failure(now)
        if is_unsent and self._try_elsewhere(now):
            return
        if not self._retry(_WORDS.get(reason, ""), now):
            self._owner.fail(reason, detail, self._outcome(now))

    def _resend_unprocessed(self, now: float) -> bool:
        """Whether the upstream did nothing with it: it may be sent again, whatever its method (RFC 9113 §8.7)."""
        attempt, body = self._attempt, self._body
        if attempt is None or not attempt.is_unprocessed or self._unprocessed >= MAX_UNPROCESSED:
            return False
        if attempt.response_begun or self._owner.response_begun or (body.sent and not body.replayable):
            return False
        endpoint = self._state.endpoint
        self._note_end("unprocessed", now)
        self._drop()
        self._unprocessed += 1
        self._tries -= 1
        self._target.counts.count_retry("unprocessed")
        self.start(now, avoid=endpoint)
        return True

    def _resend(self, now: float) -> bool:
        """Whether the server closed an idle connection just as it was used: nobody's failure (RFC 9110 §9.2.2)."""
        attempt, body = self._attempt, self._body
        if attempt is None or not may_resend(
            self._state.request.method,
            attempt.reused,
            attempt.response_begun,
            self._resent,
            body.sent,
            body.replayable,
        ):
            return False
        self._note_end("stale_connection", now)
        self._drop()
        self._resent = True
        self._tries -= 1
        self._target.counts.count_retry("stale_connection")
        self.start(now)
        return True

    def _try_elsewhere(self, now: float) -> bool:
        """Whether another address takes the request, of which nothing was sent yet."""
        endpoint = self._state.endpoint
        if endpoint is None or self._owner.response_begun:
            return False
        self._failed_pools = (*self._failed_pools, endpoint)
        other = self._target.upstream.choose_other(now, self._failed_pools)
        if other is None:
            return False
        self._tries -= 1  # nothing was sent: another address is no second sending
        self._target.counts.count_retry("next_endpoint")
        self._try(other, now)
        return True

    def retry_status(self, status: int, failed: bool, now: float) -> bool:
        """Whether this response is dropped and the request tried again."""
        if not self._take_retry(status, now):
            return False
        if failed:
            self._record_failure(now)
        self._note_end(f"status_{status}", now, has_head=True)
        self._drop()
        self._again(now)
        return True

    def _retry(self, outcome: str, now: float) -> bool:
        if not self._take_retry(outcome, now):
            return False
        self._again(now)
        return True

    def _take_retry(self, outcome: str | int, now: float) -> bool:
        """Whether stanza and budget allow another attempt; it is taken from the budget."""
        retry, body, counts = self._route.retry, self._body, self._target.counts
        request = self._state.request
        # gRPC knows no methods: which statuses may be tried again is the stanza's to say, where no message was sent
        repeatable = request.method in IDEMPOTENT or (request.is_grpc and isinstance(outcome, int))
        if retry is None or not may_retry(
            retry,
            self._tries,
            outcome,
            repeatable,
            body.sent,
            body.replayable,
            self._owner.response_begun,
        ):
            return False
        if self._route.budget.take(retry.budget, now):
            counts.count_retry("retried")
            return True
        counts.count_retry("budget_exhausted")
        return False

    def _again(self, now: float) -> None:
        """The next attempt, after a pause."""
        retry, context = self._route.retry, self._context
        if retry is None:
            return
        self._failed_pools = ()
        pause_s = backoff_s(retry, self._tries, context.random.random())
        failed_on = self._state.endpoint
        self._pause = context.loop.call_later(pause_s, lambda: self.start(now_s(), avoid=failed_on))
        self._owner.set_deadline(now)

    # Time

    def timed_out(self, now: float) -> None:
        """The exchange's deadline has passed, and no response began."""
        if self._body.complete and now < self.deadline_s(now):
            self._owner.set_deadline(now)  # it was of an earlier attempt
            return
        attempt_s = self._attempt.deadline_s if self._attempt is not None else NEVER
        if now < self._request_deadline_s and now >= attempt_s:
            self.failed(Reason.UPSTREAM_TIMEOUT, f"no response within {self._route.per_try_s:g} s", now)
            return
        within = self._route.request_s if self._body.complete else self._route.idle_s
        detail = f"{self._target.upstream.name} did not respond within {within:g} s"
        self._owner.fail(Reason.UPSTREAM_TIMEOUT, detail, self.judge(now))

    def deadline_s(self, now: float) -> float:
        """When the attempt, or all of them, must have a response's head; runs from the request's last byte."""
        route, attempt = self._route, self._attempt
        if self._request_deadline_s == NEVER and route.request_s:
            self._request_deadline_s = now + route.request_s
        if attempt is None or not route.per_try_s:
            return self._request_deadline_s
        if attempt.deadline_s == NEVER:
            attempt.deadline_s = now + route.per_try_s
        return min(self._request_deadline_s, attempt.deadline_s)

    # Ends

    def release(self, reusable: bool, now: float) -> None:
        """The response is complete. `reusable`: so is the connection's message, and it may serve again."""
        self._state.upstream_s = now - self._started_s
        if self._attempt is not None:
            self._attempt.release(reusable, now)

    def detach(self) -> tuple[UpstreamConnection, ConnectionPool] | None:
        """Hand the connection to a tunnel; the pool counts it until `ConnectionPool.end_tunnel`."""
        return self._attempt.detach() if self._attempt is not None else None

    def abandon(self, now: float) -> None:
        """Nobody wants the response any more."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._state.upstream_s is None:
            self._state.upstream_s = now - self._started_s
        self._drop()

    def _drop(self) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.drop()

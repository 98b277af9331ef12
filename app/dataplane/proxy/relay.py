"""An admitted request on its way to the upstream, and the response on its way back, with back-pressure both ways.

Neither side is read faster than the other one takes the bytes. The attempts decide what follows a failure.
"""

from typing import Final, Protocol

from app.breaker.values import Outcome
from app.dataplane.codec.body import RequestBody
from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.grpc import NO_STATUS, counted_status, trailers_status
from app.dataplane.codec.response import ResponseHead
from app.dataplane.eventloop.timer_wheel import NEVER
from app.dataplane.proxy.admission import Admit
from app.dataplane.proxy.attempts import Attempts, AttemptsOwner
from app.dataplane.proxy.call_deadline import (
    CALLER_EARLY_S,
    call_deadline_s,
    ended_at_deadline,
    has_passed,
    is_streaming_probe,
    is_too_slow,
)
from app.dataplane.proxy.client_response import response_lines
from app.dataplane.proxy.completion import return_permit
from app.dataplane.proxy.context import ProxyContext
from app.dataplane.proxy.downstream import Downstream, TunnelOwner
from app.dataplane.proxy.response_writer import ResponseWriter
from app.dataplane.proxy.state import ExchangeState
from app.dataplane.upstream.pool import ConnectionPool
from app.foundation.clock import now_s
from app.foundation.reasons import REASONS, Reason

__all__ = ["Relay", "RelayOwner"]

# In Python 3.11 naming an enum's member takes 0.1 µs
_IGNORED: Final = Outcome.IGNORED
_SUCCESS: Final = Outcome.SUCCESS
_SLOW: Final = Outcome.SLOW


class RelayOwner(Protocol):
    """The exchange as its relay sees it."""

    __slots__ = ()

    def complete(self, now: float) -> None:
        """Nothing more is to be counted of it."""
        ...

    def fail(self, reason: Reason, detail: str, outcome: Outcome) -> None: ...
    def failed_inside(self, bug: BaseException) -> None: ...


class Relay(AttemptsOwner, TunnelOwner):
    """Between the client's side (`Downstream`, `ResponseWriter`) and the attempts' connections (`ResponseReceiver`).

    `response_begun`: the client has bytes of the response. `_attempts`: None before `start` and after the end.
    `_unsent_bytes`: what the client had not taken when the deadline was set. `_tunnelled`: the pool that counts the
    connection which became a tunnel.
    """

    __slots__ = (
        "_attempts",
        "_body",
        "_context",
        "_downstream",
        "_owner",
        "_route",
        "_state",
        "_target",
        "_tunnelled",
        "_unsent_bytes",
        "_writer",
        "head_only",
        "response_begun",
        "upgrade_key",
    )

    def __init__(
        self,
        owner: RelayOwner,
        downstream: Downstream,
        writer: ResponseWriter,
        context: ProxyContext,
        state: ExchangeState,
        body: RequestBody,
        admission: Admit,
    ) -> None:
        self._owner = owner
        self._downstream = downstream
        self._writer = writer
        self._context = context
        self._state = state
        self._body = body
        self._route = admission.route
        self._target = admission.target
        self._attempts: Attempts | None = None
        self._tunnelled: ConnectionPool | None = None
        self._unsent_bytes = 0
        self.response_begun = False
        self.head_only = state.request.method == b"HEAD"
        self.upgrade_key = state.request.websocket_key if state.request.websocket else None

    def start(self, now: float) -> None:
        """Send the request: its head now, its body as it comes."""
        if self._state.request.expects_continue and not self._body.complete:
            self._writer.write_continue()
        self._attempts = attempts = Attempts(
            self, self._context, self._state, self._body, self._route, self._target, now
        )
        attempts.start(now)

    def stop(self, now: float) -> None:
        """Nobody wants the response any more."""
        attempts, self._attempts = self._attempts, None
        if attempts is not None:
            attempts.abandon(now)

    # From the client

    def send_body(self, data: bytes) -> None:
        """A part (not empty) of the request's body."""
        if self._attempts is not None:
            self._attempts.send_body(data)
            self.set_deadline(now_s())

    def end_body(self) -> None:
        """The request's body is complete."""
        if self._attempts is not None:
            self._attempts.end_body()
            self.set_deadline(now_s())

    def on_client_blocked(self) -> None:
        """The client does not take what it is sent."""
        if self._attempts is not None:
            self._attempts.pause_reading()

    def on_client_writable(self) -> None:
        if self._attempts is not None:
            self._attempts.resume_reading()
            self.set_deadline(now_s())

    # From the upstream (upstream.http1_connection.ResponseReceiver)

    def on_interim(self, head: ResponseHead) -> None:
        if not self._state.request.http10 and not self.response_begun:
            self._writer.write_interim(head)

    def on_response_head(self, head: ResponseHead) -> bool:
        attempts, state = self._attempts, self._state
        if attempts is None:
            return False
        now = now_s()
        status, awaits_status, at_deadline = head.status, False, False
        if state.request.is_grpc:
            state.grpc_status = head.grpc_status
            awaits_status = head.grpc_status == NO_STATUS and status < 400
            if head.grpc_status != NO_STATUS:
                status = counted_status(head.grpc_status)
                at_deadline = ended_at_deadline(state, now)
        settings = self._target.breaker.settings
        failed = status >= 400 and status in settings.failure_on
        if status >= 400 and not at_deadline and attempts.retry_status(status, failed, now):
            return False
        state.head_s = head_s = now - state.started_s
        if state.shadow is not None:
            state.shadow.on_head(status, head_s)
        if at_deadline:
            state.outcome = self._judge_lateness(attempts, now)
        elif failed:
            state.outcome = attempts.judge(now)
        else:
            slow = settings.slow_calls
            state.outcome = _SLOW if slow is not None and head_s > slow.threshold_s else _SUCCESS
            if not awaits_status:
                attempts.succeeded(now)
        state.status = status
        is_endless = head.is_event_stream and head.length_bytes < 0
        is_judged_later = awaits_status and self._route.request_s > 0.0
        if state.permit is not None and (state.permit.is_probe or is_endless) and not is_judged_later:
            # a probe is judged here: its body may take for ever, and all would wait
            return_permit(state, now)
        lines = response_lines(state, head, self._context.date_line)
        self._writer.write_head(head.status, head.phrase, lines, head.length_bytes)
        return True

    def on_response_body(self, data: bytes) -> None:
        self._state.bytes_out += len(data)
        self._writer.write_body(data)

    def on_flush(self) -> None:
        if self._writer.flush():
            self.response_begun = True
            self.set_deadline(now_s())

    def on_response_end(self, data: bytes, trailers: list[Field], reusable: bool) -> None:
        now = now_s()
        self._state.bytes_out += len(data)
        self.response_begun = True
        attempts, self._attempts = self._attempts, None
        if attempts is not None:
            if self._state.request.is_grpc:
                self._judge_trailers(attempts, trailers, now)
            attempts.release(reusable and self._body.complete, now)
        self._owner.complete(now)
        self._writer.end_response(trailers, data)
        self._downstream.exchange_done(now)

    def _judge_trailers(self, attempts: Attempts, trailers: list[Field], now: float) -> None:
        """A call whose head said nothing of its success: its trailers do. Without a status the head's counts."""
        state = self._state
        if state.grpc_status != NO_STATUS or state.status >= 400:
            return
        grpc_status = trailers_status(trailers)
        if grpc_status != NO_STATUS:
            state.grpc_status = grpc_status
            state.status = counted_status(grpc_status)
            if state.shadow is not None and state.head_s is not None:
                state.shadow.on_head(state.status, state.head_s)
        if ended_at_deadline(state, now):
            state.outcome = self._judge_lateness(attempts, now)
        elif state.status >= 400 and state.status in self._target.breaker.settings.failure_on:
            state.outcome = attempts.judge(now)
        else:
            attempts.succeeded(now)

    def on_upgraded(self, head: ResponseHead, rest: bytes) -> None:
        """101: from here on bytes pass unread, both ways."""
        state, attempts, now = self._state, self._attempts, now_s()
        detached = attempts.detach() if attempts is not None else None
        if attempts is None or detached is None:
            return
        state.status = 101
        state.outcome = _SUCCESS
        attempts.succeeded(now)
        return_permit(state, now)  # a tunnel may last for days
        connection, self._tunnelled = detached
        self.response_begun = True
        lines = b"".join(response_lines(state, head, self._context.date_line))
        self._downstream.start_tunnel(self, head.phrase, lines, connection, rest)

    def on_tunnel_end(self, bytes_in: int, bytes_out: int) -> None:
        """Both sides of the WebSocket are gone."""
        now = now_s()
        pool, self._tunnelled = self._tunnelled, None
        if pool is not None:
            pool.end_tunnel()
        self.stop(now)
        self._state.bytes_in, self._state.bytes_out = bytes_in, bytes_out
        self._owner.complete(now)

    def on_upstream_failed(self, reason: Reason, detail: str) -> None:
        attempts, now = self._attempts, now_s()
        if attempts is not None and not self._miss_call_deadline(attempts, now):
            attempts.failed(reason, detail, now)

    def failed_inside(self, bug: BaseException) -> None:
        self._owner.failed_inside(bug)

    def fail(self, reason: Reason, detail: str, outcome: Outcome) -> None:
        """The attempts have found no way on (proxy.attempts.AttemptsOwner)."""
        self._owner.fail(reason, detail, outcome)

    def pause_upload(self) -> None:
        """The upstream takes no more of the body."""
        self._downstream.pause_upload()

    def resume_upload(self) -> None:
        if self._downstream.upload_paused:
            self._downstream.resume_upload()

    # Time

    def on_deadline(self, now: float) -> None:
        """What was waited for has not come."""
        attempts = self._attempts
        if attempts is None or (self._state.request.is_grpc and self._on_call_deadline(attempts, now)):
            return
        unsent = self._writer.unsent_bytes()
        if self.response_begun and unsent and unsent != self._unsent_bytes:
            self.set_deadline(now)  # the client takes bytes, if slowly
        elif self.response_begun:
            # a client that takes nothing is not the upstream's failure
            outcome = _IGNORED if unsent else attempts.judge(now)
            self._owner.fail(Reason.UPSTREAM_TIMEOUT, "bytes were owed, and none came", outcome)
        elif not self._body.complete and not self._downstream.upload_paused:
            detail = "the request's body did not come in time"
            self._owner.fail(Reason.REQUEST_TIMEOUT, detail, _IGNORED)
        else:
            attempts.timed_out(now)

    def set_deadline(self, now: float) -> None:
        """`idle` while bytes are owed by either side; else the request's and the attempt's own end.

        A probe's upload is bound by `timeout.request` from its start: everybody else is rejected meanwhile.
        """
        state, route, attempts = self._state, self._route, self._attempts
        if attempts is None:
            return
        deadline_s = NEVER
        if state.status or not self._body.complete:
            if route.idle_s:
                deadline_s = now + route.idle_s
            if state.status:
                self._unsent_bytes = self._writer.unsent_bytes()
            elif state.permit is not None and state.permit.is_probe and route.request_s:
                deadline_s = min(deadline_s, state.started_s + route.request_s)
        else:
            deadline_s = attempts.deadline_s(now)
        if state.request.is_grpc:
            deadline_s = call_deadline_s(state, deadline_s, route.request_s)
        self._downstream.set_deadline(deadline_s)

    # Time, of gRPC

    def _on_call_deadline(self, attempts: Attempts, now: float) -> bool:
        """Whether it was a deadline that only gRPC has."""
        if self._miss_call_deadline(attempts, now):
            return True
        state = self._state
        if is_streaming_probe(state) and now >= state.started_s + self._route.request_s:
            return_permit(state, now)  # it streams: nobody is kept waiting for its end
            self.set_deadline(now)
            return True
        return False

    def _miss_call_deadline(self, attempts: Attempts, now: float) -> bool:
        """Whether the call ended because its time is over, which what ends it now may be seen before our timer."""
        state = self._state
        if not has_passed(state, now):
            return False
        detail = f"the call was not over within its grpc-timeout of {state.request.grpc_timeout_s:g} s"
        self._owner.fail(Reason.UPSTREAM_TIMEOUT, detail, self._judge_lateness(attempts, now))
        return True

    def _judge_lateness(self, attempts: Attempts, now: float) -> Outcome:
        """Of a call that ended at its deadline, whoever ended it."""
        return attempts.judge(now) if is_too_slow(self._state, self._body) else _IGNORED

    def on_caller_gone(self, now: float) -> None:
        """It gave up; at its own deadline that is a timeout, which it only saw a moment earlier than we do."""
        state, attempts = self._state, self._attempts
        if (
            attempts is not None
            and is_too_slow(state, self._body)
            and has_passed(state, now + CALLER_EARLY_S)
        ):
            state.outcome = attempts.judge(now)
            state.status, state.reason = REASONS[Reason.UPSTREAM_TIMEOUT][0], Reason.UPSTREAM_TIMEOUT
            state.error = f"the caller gave up at its grpc-timeout of {state.request.grpc_timeout_s:g} s"

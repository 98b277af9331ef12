"""One request's life: admitted or rejected, sent, retried, answered; completed exactly once.

`begin` is the only entrance and `completion.complete` the only exit. Everything that moves an exchange is a callback:
of the client's side, of the upstream connection, of the timer wheel.
"""

from typing import Final, Protocol, assert_never

from app.breaker.values import Outcome
from app.dataplane.codec.body import RequestBody
from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.fields import sane_request_id
from app.dataplane.codec.local_reply import LocalReply
from app.dataplane.codec.request import Request
from app.dataplane.codec.response import ResponseHead
from app.dataplane.eventloop.timer_wheel import NEVER
from app.dataplane.proxy.admission import Admission, Admit, Landing, Redirect, Reject, Wait, decide, resume
from app.dataplane.proxy.attempts import Attempts
from app.dataplane.proxy.client_response import landing, redirection, rejection, response_lines
from app.dataplane.proxy.completion import complete, return_permit
from app.dataplane.proxy.context import ProxyContext
from app.dataplane.proxy.response_writer import ResponseWriter
from app.dataplane.proxy.state import ExchangeState
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.dataplane.upstream.pool import ConnectionPool
from app.foundation.clock import now_s, wall_s
from app.foundation.reasons import Reason, Rejection
from app.limits.limiter import Verdict

__all__ = ["Downstream", "Exchange"]

NO_BODY: Final = RequestBody(0)
"""Shared by requests without a body: nobody writes to it."""

# In Python 3.11 naming an enum's member takes 0.1 µs
_IGNORED, _SUCCESS, _SLOW = Outcome.IGNORED, Outcome.SUCCESS, Outcome.SLOW
_OVERLOADED = Rejection(Reason.OVERLOADED, "too many requests are in flight; try again", retry_after_s=1)


class Downstream(Protocol):
    """The client's protocol as an exchange sees it: of HTTP/1.1 the connection, of HTTP/2 a stream of it."""

    def set_deadline(self, deadline_s: float) -> None: ...
    def pause_upload(self) -> None: ...
    def resume_upload(self) -> None: ...
    def abort(self) -> None: ...
    def exchange_done(self) -> None:
        """The response is written: the client's side may go on to its next request."""

    def start_tunnel(
        self, exchange: "Exchange", phrase: bytes, lines: bytes, upstream: UpstreamConnection, rest: bytes
    ) -> None: ...


class Exchange:
    """`response_begun`: the client has bytes of a response. `answered`: it has all of them."""

    __slots__ = (
        "_attempts",
        "_context",
        "_downstream",
        "_tunnelled",
        "_unsent_bytes",
        "_waiting",
        "_writer",
        "answered",
        "body",
        "head_only",
        "request",
        "response_begun",
        "state",
        "upload_paused",
        "wants_upgrade",
    )

    def __init__(
        self,
        downstream: Downstream,
        writer: ResponseWriter,
        context: ProxyContext,
        request: Request,
        now: float,
    ) -> None:
        self._downstream = downstream
        self._writer = writer
        self._context = context
        self.request = request
        self.body = RequestBody(request.length_bytes) if request.length_bytes else NO_BODY
        given = request.request_id
        request_id = given if given and sane_request_id(given) else context.request_id()
        self.state = ExchangeState(request, request_id, now)
        self.head_only = request.method == b"HEAD"
        self.wants_upgrade = request.websocket
        self.response_begun = self.answered = False
        self._attempts: Attempts | None = None
        self._waiting: Wait | None = None
        self._tunnelled: ConnectionPool | None = None
        self.upload_paused = False
        self._unsent_bytes = 0

    def begin(self, now: float) -> None:
        """Its turn has come: decide, then act."""
        context, request = self._context, self.request
        counts = context.counts
        counts.in_flight += 1
        try:
            if context.tracer is not None:
                self.state.trace = context.tracer.begin(request.traceparent or None)
            if request.rejection is not None:
                self.reject(request.rejection)
            elif counts.in_flight > context.settings.max_in_flight:
                self.reject(_OVERLOADED)
            else:
                random = context.random.random
                self._act(decide(request, context.plans, context.limiter, random, now, wall_s()), now)
        except Exception as bug:  # this request's end: who called us may be another one
            self.failed_inside(bug)

    def _act(self, admission: Admission, now: float) -> None:
        """Do what was decided."""
        state = self.state
        state.route, state.client = admission.route, admission.client
        match admission:
            case Admit():
                state.key, state.limit_lines = admission.key, admission.limit_lines
                state.permit, state.shadow = admission.permit, admission.shadow
                state.target = admission.target
                self._forward(admission, now)
            case Reject():
                state.limit_lines, state.target = admission.limit_lines, admission.target
                self.reject(admission.rejection)
            case Redirect():
                state.limit_lines = admission.limit_lines
                self._reply(redirection(state, self._context.date_line))
            case Landing():
                self._reply(landing(state, admission.path, self._context.date_line))
            case Wait():
                self._waiting = admission
                admission.waiting.on_verdict = self._on_verdict
                if not self.body.complete:
                    self.pause_upload()  # what has no connection yet must not pile up
            case _:
                assert_never(admission)

    def _forward(self, admission: Admit, now: float) -> None:
        self._attempts = attempts = Attempts(
            self, self._context, self.state, self.body, admission.route, admission.target, now
        )
        if self.request.expects_continue and not self.body.complete:
            self._writer.write_continue()
        attempts.start(now)

    def _on_verdict(self, verdict: Verdict, now: float) -> None:
        """The store that a limit had to ask has answered, or did not in time."""
        waiting, self._waiting = self._waiting, None
        if waiting is None or self.state.completed:
            return
        try:
            admission = resume(waiting, verdict, self._context.random.random, now)
            self.resume_upload()
            self._act(admission, now)
        except Exception as bug:  # this request's end: who called us decides for others too
            self.failed_inside(bug)

    def on_request_body(self, data: bytes) -> None:
        """A part of the request's body."""
        body = self.body
        limit = self._context.max_body_bytes
        if limit and body.seen_bytes + len(data) > limit and not self.answered:
            self.fail(Reason.BODY_TOO_LARGE, f"the body is larger than {limit} bytes", _IGNORED)
        if self.answered:
            body.seen_bytes += len(data)
            return
        framed = body.add(data)
        if self._attempts is not None:
            self._attempts.send_body(framed)
            self.set_deadline(now_s())

    def on_request_end(self, trailers: list[Field]) -> None:
        """The request is complete."""
        body = self.body
        if body.complete:
            return
        body.trailers = trailers
        end = body.end()
        if self._attempts is not None and not self.answered:
            self._attempts.send_body(end)
            self.set_deadline(now_s())

    def on_request_malformed(self, detail: str) -> None:
        """The body's framing broke: there is no telling where it ends (RFC 9112 §7.1)."""
        self.fail(Reason.REQUEST_MALFORMED, f"the body is malformed: {detail}", _IGNORED)

    def on_client_gone(self) -> None:
        """Nobody waits for the response: end the upstream's work, count nothing (contract: breaker)."""
        state = self.state
        if state.completed:
            return
        now = now_s()
        state.outcome, state.error = _IGNORED, "client_gone"
        self._stop(now)
        self.answered = True
        self._complete(now)

    def on_client_blocked(self) -> None:
        """The client does not take what it is sent."""
        if self._attempts is not None:
            self._attempts.pause_reading()

    def on_client_writable(self) -> None:
        if self._attempts is not None:
            self._attempts.resume_reading()
            self.set_deadline(now_s())

    def on_tunnel_end(self, bytes_in: int, bytes_out: int) -> None:
        """Both sides of the WebSocket are gone."""
        now = now_s()
        self.answered = True
        self.state.bytes_in, self.state.bytes_out = bytes_in, bytes_out
        pool, self._tunnelled = self._tunnelled, None
        if pool is not None:
            pool.end_tunnel()
        if self._attempts is not None:
            self._attempts.abandon(now)
        complete(self.state, self._context, now)

    # The upstream's side

    def on_interim(self, head: ResponseHead) -> None:
        if not self.request.http10 and not self.response_begun:
            self._writer.write_interim(head)

    def on_response_head(self, head: ResponseHead) -> bool:
        now = now_s()
        state, attempts = self.state, self._attempts
        target = state.target
        if attempts is None or target is None:
            return False
        status = head.status
        settings = target.breaker.settings
        failed = status >= 400 and status in settings.failure_on
        if status >= 400 and attempts.retry_status(status, failed, now):
            return False
        head_s = now - state.started_s
        if state.shadow is not None:
            state.shadow.on_head(status, head_s)
        if failed:
            state.outcome = attempts.judge(now)
        else:
            slow = settings.slow_calls
            state.outcome = _SLOW if slow is not None and head_s > slow.threshold_s else _SUCCESS
            attempts.succeeded(now)
        state.status = status
        is_endless = head.is_event_stream and head.length_bytes < 0
        if state.permit is not None and (state.permit.permit.is_probe or is_endless):
            # a probe is judged here: its body may take for ever, and all would wait
            return_permit(state, now)
        lines = response_lines(state, head, self._context.date_line)
        self._writer.write_head(status, head.phrase, lines, head.length_bytes)
        return True

    def on_response_body(self, data: bytes) -> None:
        self.state.bytes_out += len(data)
        self._writer.write_body(data)

    def on_flush(self) -> None:
        if self._writer.flush():
            self.response_begun = True
            self.set_deadline(now_s())

    def on_response_end(self, trailers: list[Field], reusable: bool) -> None:
        now = now_s()
        self.response_begun = self.answered = True
        attempts, self._attempts = self._attempts, None
        if attempts is not None:
            attempts.release(reusable and self.body.complete, now)
        self._complete(now)
        self._writer.end_response(trailers)
        self._downstream.exchange_done()

    def on_upgraded(self, head: ResponseHead, rest: bytes) -> None:
        """101: from here on bytes pass unread, both ways."""
        state, attempts, now = self.state, self._attempts, now_s()
        detached = attempts.detach() if attempts is not None else None
        if attempts is None or detached is None:
            return
        state.status = 101
        state.outcome = _SUCCESS
        attempts.succeeded(now)
        return_permit(state, now)  # a tunnel may last for days
        connection, self._tunnelled = detached
        self.response_begun = True
        lines = response_lines(state, head, self._context.date_line)
        self._downstream.start_tunnel(self, head.phrase, lines, connection, rest)

    def on_upstream_failed(self, reason: Reason, detail: str) -> None:
        if self._attempts is not None and not self.state.completed:
            self._attempts.failed(reason, detail, now_s())

    def pause_upload(self) -> None:
        self.upload_paused = True
        self._downstream.pause_upload()

    def resume_upload(self) -> None:
        if self.upload_paused:
            self.upload_paused = False
            self._downstream.resume_upload()

    # Ends

    def reject(self, reason: Rejection) -> None:
        """Answer with a rejection; the request goes no further."""
        self.state.reason = reason.reason.value
        self._reply(rejection(self.state, reason, self._context.date_line))

    def _reply(self, reply: LocalReply) -> None:
        self.state.status = reply.status
        self.response_begun = self.answered = True
        self.state.bytes_out = self._writer.reply(reply)
        self._complete(now_s())
        self._downstream.exchange_done()

    def fail(self, reason: Reason, detail: str, outcome: Outcome) -> None:
        """The exchange cannot go on: reject while that is possible, else cut the response off visibly."""
        state = self.state
        if state.completed:
            return
        state.outcome, state.error = outcome, detail
        self._stop(now_s())
        if not self.response_begun:
            if not self.body.complete:
                self._writer.end_after_response()
            self.reject(Rejection(reason, detail))
            return
        # a truncated response must never look complete (RFC 9112 §8)
        state.reason = reason.value
        self.answered = True
        self._complete(now_s())
        self._downstream.abort()

    def failed_inside(self, bug: BaseException) -> None:
        """A fault of ours: logged with its trace, answered 500 where that is still possible."""
        self._context.on_internal_error(bug)
        if self.state.completed:
            self._downstream.abort()  # it failed amid its own end: the client must not wait for the rest
            return
        self._writer.end_after_response()
        self.fail(Reason.INTERNAL_ERROR, "the gateway failed; its log tells more", _IGNORED)

    def _stop(self, now: float) -> None:
        """Whatever is under way for this exchange ends."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.waiting.cancel()
        if self._attempts is not None:
            self._attempts.abandon(now)

    def _complete(self, now: float) -> None:
        self.state.bytes_in = self.body.seen_bytes
        complete(self.state, self._context, now)

    # Deadlines

    def on_deadline(self, now: float) -> None:
        """The deadline came due while this exchange was under way."""
        attempts = self._attempts
        if attempts is None or self.state.completed:
            return
        unsent = self._writer.unsent_bytes()
        if self.response_begun and unsent and unsent != self._unsent_bytes:
            self.set_deadline(now)  # the client takes bytes, if slowly
        elif self.response_begun:
            # a client that takes nothing is not the upstream's failure
            outcome = _IGNORED if unsent else attempts.judge(now)
            self.fail(Reason.UPSTREAM_TIMEOUT, "bytes were owed, and none came", outcome)
        elif not self.body.complete and not self.upload_paused:
            self.fail(Reason.REQUEST_TIMEOUT, "the request's body did not come in time", _IGNORED)
        else:
            attempts.timed_out(now)

    def set_deadline(self, now: float) -> None:
        """`idle` while bytes are owed by either side; else the request's and the attempt's own end.

        A probe's upload is bound by `timeout.request` from its start: everybody else is rejected meanwhile.
        """
        state = self.state
        route = state.route
        if state.completed or route is None:
            return
        deadline_s = NEVER
        if state.status or not self.body.complete:
            if route.idle_s:
                deadline_s = now + route.idle_s
            if state.status:
                self._unsent_bytes = self._writer.unsent_bytes()
            elif state.permit is not None and state.permit.permit.is_probe and route.request_s:
                deadline_s = min(deadline_s, state.started_s + route.request_s)
        elif self._attempts is not None:
            deadline_s = self._attempts.deadline_s(now)
        self._downstream.set_deadline(deadline_s)

"""One request's life: admitted or refused, sent, tried again, answered; finished exactly once.

Everything that moves it is a callback: of the client connection, of the upstream connection, of the wheel.
"""

import asyncio
from typing import Protocol

from app.clock import now_s, wall_s
from app.dataplane.codec.fields import sane_request_id
from app.dataplane.codec.heads import AnswerHead
from app.dataplane.codec.local_reply import CONTINUE
from app.dataplane.codec.request import NO_BODY, Request, RequestBody, chunk, last_chunk
from app.dataplane.eventloop.timer_wheel import NEVER
from app.dataplane.proxy.admission import Admission, decide, resume
from app.dataplane.proxy.attempts import Trial
from app.dataplane.proxy.client_response import (
    answer_head,
    interim_head,
    is_event_stream,
    own_answer,
    upgrade_head,
)
from app.dataplane.proxy.completion import Verdict, finish, tell_breaker
from app.dataplane.proxy.context import Runtime
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.errors import Reason, Refuse
from app.limits.limiter import Verdict as LimitVerdict
from app.telemetry.tracing import Trace

__all__ = ["Client", "Exchange"]

# In Python 3.11 naming an enum's member takes 0.1 µs
_IGNORE, _SUCCESS, _SLOW = Verdict.IGNORE, Verdict.SUCCESS, Verdict.SLOW


class Client(Protocol):
    """The client connection as its exchange sees it."""

    deadline_s: float
    armed_tick: int
    transport: asyncio.Transport
    read_paused: bool

    def on_deadline(self, now_s: float) -> None: ...
    def write(self, data: bytes) -> None: ...
    def unsent_bytes(self) -> int: ...
    def pause_client(self) -> None: ...
    def resume_client(self) -> None: ...
    def abort(self) -> None: ...
    def exchange_done(self, exchange: "Exchange") -> None: ...
    def start_tunnel(self, exchange: "Exchange", connection: UpstreamConnection, rest: bytes) -> None: ...


class Exchange:
    """`answer_begun`: the client has bytes of an answer. `answered`: it has all of them.

    `decided`: a refusal that only waits for its turn.
    """

    __slots__ = (
        "_chunked",
        "_out",
        "_unsent_bytes",
        "admission",
        "answer_begun",
        "answered",
        "body",
        "bytes_out",
        "client",
        "close",
        "decided",
        "error",
        "finished",
        "head_only",
        "paused_client",
        "reason",
        "request",
        "request_id",
        "runtime",
        "started_s",
        "status",
        "trace",
        "trial",
        "verdict",
        "wants_upgrade",
    )

    def __init__(self, client: Client, runtime: Runtime, request: Request, now: float) -> None:
        self.client = client
        self.runtime = runtime
        self.request = request
        length_bytes = request.head.length_bytes
        # a request without one shares a body that nobody writes to (a tunnel counts in its own)
        self.body = RequestBody(length_bytes) if length_bytes or request.websocket else NO_BODY
        given = request.head.request_id
        self.request_id = given if given and sane_request_id(given) else runtime.request_id()
        self.started_s = now
        self.admission: Admission | None = None
        self.trial: Trial | None = None
        self.trace: Trace | None = None
        self.head_only = request.method == b"HEAD"
        self.wants_upgrade = request.websocket
        self.close = request.close
        self.decided = request.refuse
        self.status = 0
        self.reason = ""
        self.error = ""
        self.bytes_out = 0
        self.verdict = _IGNORE
        self.answer_begun = self.answered = self.finished = self.paused_client = False
        self._out: list[bytes] = []
        self._chunked = False
        self._unsent_bytes = 0

    # The client's side

    def begin(self, now: float) -> None:
        """Its turn has come: decide, then act."""
        runtime, request = self.runtime, self.request
        runtime.counts.in_flight += 1
        if runtime.tracer is not None:
            self.trace = runtime.tracer.begin(request.head.traceparent or None)
        if self.decided is not None:
            self.refuse(self.decided)
            return
        if runtime.counts.in_flight > runtime.settings.max_in_flight:
            self.refuse(
                Refuse(Reason.OVERLOADED, "too many requests are in flight; try again", retry_after_s=1)
            )
            return
        if runtime.draining and self.wants_upgrade:
            self.refuse(Refuse(Reason.DRAINING, "this gateway is going away; connect again", retry_after_s=1))
            return
        admission = decide(request, runtime.plans, runtime.limiter, runtime.random.random, now, wall_s())
        self.admission = admission
        self.act(admission, now)

    def act(self, admission: Admission, now: float) -> None:
        """Do what was decided."""
        if admission.refuse is not None:
            self.refuse(admission.refuse)
        elif admission.target is not None:
            self.trial = Trial(self, admission.target.upstream, now)
            if self.request.head.expects_continue and not self.body.complete:
                self.client.write(CONTINUE)
            self.trial.start(now)
        elif admission.waiting is not None:
            admission.waiting.on_verdict = self._limits_said
            if not self.body.complete:
                self.pause_client()  # what has no connection yet must not pile up
        else:
            self._redirect()

    def _limits_said(self, verdict: LimitVerdict, now: float) -> None:
        """The store that a limit had to ask has answered, or did not in time."""
        admission = self.admission
        assert admission is not None  # noqa: S101
        try:
            resume(admission, verdict, self.runtime.random.random, now)
            if self.paused_client:
                self.resume_client()
            self.act(admission, now)
        except Exception as bug:  # this request's end: who called us decides for others too
            self.close = True
            self.failed_inside(bug)

    def _stop_waiting(self) -> None:
        if self.admission is not None and self.admission.waiting is not None:
            self.admission.waiting.cancel()

    def request_bytes_came(self, data: bytes) -> None:
        """A part of the request's body."""
        body = self.body
        limit = self.runtime.max_body_bytes
        if limit and body.seen_bytes + len(data) > limit and not self.answered:
            self.fail(Reason.BODY_TOO_LARGE, f"the body is larger than {limit} bytes", _IGNORE)
        if self.answered:
            body.seen_bytes += len(data)
            return
        framed = body.add(data)
        # without a trial its turn has not come; reading is paused, so what is kept is bounded
        if self.trial is not None:
            self.trial.send_body(framed)
            self.set_deadline(now_s())

    def request_ended(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """The request is complete."""
        if self.body.complete:
            return
        self.body.trailers = trailers
        end = self.body.end()
        if self.answered:
            self.client.exchange_done(self)
        elif self.trial is not None:
            self.trial.send_body(end)
            self.set_deadline(now_s())

    def fail_malformed(self, detail: str) -> None:
        """The body's framing broke: there is no telling where it ends (RFC 9112 §7.1)."""
        self.close = True
        self.fail(Reason.REQUEST_MALFORMED, detail, _IGNORE)

    def tunnel_ended(self, bytes_in: int, bytes_out: int) -> None:
        """Both sides of the WebSocket are gone."""
        self.answered = True
        self.body.seen_bytes, self.bytes_out = bytes_in, bytes_out
        if self.trial is not None:
            self.trial.tunnel_closed()
        finish(self, now_s())

    def client_gone(self) -> None:
        """Nobody waits for the answer: end the upstream's work, count nothing (contract: breaker)."""
        if self.finished:
            return
        self.verdict = _IGNORE
        self.error = "client_gone"
        self._stop_waiting()
        if self.trial is not None:
            self.trial.abandon()
        self.answered = True
        finish(self, now_s())

    def pause_upstream(self) -> None:
        if self.trial is not None:
            self.trial.pause_reading()

    def resume_upstream(self) -> None:
        if self.trial is not None:
            self.trial.resume_reading()
            self.set_deadline(now_s())

    # The upstream's side

    def on_interim(self, status: int, phrase: bytes, fields: list[tuple[bytes, bytes]]) -> None:
        if not self.request.http10 and not self._out:
            self.client.write(interim_head(status, phrase, fields))

    def on_answer_head(
        self, status: int, phrase: bytes, fields: list[tuple[bytes, bytes]], head: AnswerHead
    ) -> bool:
        now = now_s()
        trial, admission = self.trial, self.admission
        assert trial is not None and admission is not None and admission.target is not None  # noqa: S101, PT018
        settings = admission.target.breaker.settings
        failed = status >= 400 and status in settings.failure_on
        if status >= 400 and trial.retry_status(status, failed, now):
            return False
        if admission.target.shadow is not None:
            admission.shadow.on_head(status, now - self.started_s)
        slow = settings.slow_calls
        if failed:
            self.verdict = trial.judge(now)
        else:
            late = slow is not None and now - self.started_s > slow.threshold_s
            self.verdict = _SLOW if late else _SUCCESS
            trial.answered_well(now)
            if head.length_bytes < 0 and is_event_stream(fields):
                tell_breaker(self, now)  # it may never end, and must not hold a probe for ever
        self.status = status
        if self.runtime.draining or not self.body.complete:
            self.close = True
        self._chunked = answer_head(self, status, phrase, fields, head, self._out)
        return True

    def on_answer_bytes(self, data: bytes) -> None:
        self.bytes_out += len(data)
        self._out.append(chunk(data) if self._chunked else data)

    def flush(self) -> None:
        out = self._out
        if out:
            self._out = []
            self.answer_begun = True
            self.client.write(out[0] if len(out) == 1 else b"".join(out))
            self.set_deadline(now_s())

    def on_answer_end(self, trailers: list[tuple[bytes, bytes]], reusable: bool) -> None:
        now = now_s()
        if self._chunked:
            self._out.append(last_chunk(trailers))
        out = self._out
        self._out = []
        self.answer_begun = self.answered = True
        if self.trial is not None:
            self.trial.release(reusable and self.body.complete, now)
        finish(self, now)
        self.client.write(out[0] if len(out) == 1 else b"".join(out))
        self.client.exchange_done(self)
        self.trial = None  # no cycle is left for the collector to find: 4 % of a small request

    def on_upgraded(self, phrase: bytes, fields: list[tuple[bytes, bytes]], rest: bytes) -> None:
        """101: from here on bytes pass unread, both ways."""
        assert self.trial is not None  # noqa: S101
        self.status = 101
        self.verdict = _SUCCESS
        now = now_s()
        self.trial.answered_well(now)
        tell_breaker(self, now)  # a tunnel may last for days, and must not hold a probe for so long
        connection = self.trial.detach()
        self.answer_begun = True
        self.runtime.wheel.set(self.client, NEVER)
        self.client.write(upgrade_head(self, phrase, fields))
        if connection is not None:
            self.client.start_tunnel(self, connection, rest)

    def on_upstream_failed(self, reason: Reason, detail: str) -> None:
        if self.trial is not None and not self.finished:
            self.trial.failed(reason, detail, now_s())

    def pause_client(self) -> None:
        self.client.pause_client()
        self.runtime.hang_ups.watch(self.client)

    def resume_client(self) -> None:
        self.client.resume_client()

    # Ends

    def refuse(self, refuse: Refuse) -> None:
        """Answer with a refusal; the request goes no further."""
        self.reason = refuse.reason.value
        self._close_if_unread()
        data, status, self.bytes_out = own_answer(self, refuse)
        self._answer(data, status)

    def _close_if_unread(self) -> None:
        if not self.body.complete and not self.request.rest_is_short:
            self.close = True

    def _redirect(self) -> None:
        self._close_if_unread()
        data, status, _ = own_answer(self, None)
        self._answer(data, status)

    def _answer(self, data: bytes, status: int) -> None:
        self.status = status
        self._out = []
        self.answer_begun = self.answered = True
        finish(self, now_s())
        self.client.write(data)
        self.client.exchange_done(self)

    def fail(self, reason: Reason, detail: str, verdict: Verdict) -> None:
        """The exchange cannot go on: refuse while that is possible, else cut the answer off visibly."""
        if self.finished:
            return
        self.verdict = verdict
        self.error = detail
        self._stop_waiting()
        if self.trial is not None:
            self.trial.abandon()
        if not self.answer_begun:
            if not self.body.complete:
                self.close = True
            self.refuse(Refuse(reason, detail))
            return
        # a truncated answer must never look complete (RFC 9112 §8)
        self.reason = reason.value
        self.answered = True
        finish(self, now_s())
        self.client.abort()

    def failed_inside(self, bug: BaseException) -> None:
        """A fault of ours: logged with its trace, answered 500 where that is still possible."""
        self.runtime.on_internal_error(bug)
        self.fail(Reason.INTERNAL_ERROR, "the gateway failed; its log tells more", _IGNORE)

    def on_deadline(self, now: float) -> None:
        """The client's deadline came due while this exchange was its current one."""
        trial = self.trial
        if trial is None or self.finished:
            return
        unsent = self.client.unsent_bytes()
        if self.answer_begun and unsent and unsent != self._unsent_bytes:
            self.set_deadline(now)  # the client takes bytes, if slowly
            return
        if self.answer_begun:
            # a client that takes nothing is not the upstream's failure
            verdict = _IGNORE if unsent else trial.judge(now)
            self.fail(Reason.UPSTREAM_TIMEOUT, "bytes were owed, and none came", verdict)
        elif not self.body.complete and not self.paused_client:
            self.fail(Reason.REQUEST_TIMEOUT, "the request's body did not come", _IGNORE)
        else:
            trial.timed_out(now)

    def set_deadline(self, now: float) -> None:
        """`idle` while bytes are owed by either side; else the request's and the try's own end."""
        if self.finished or self.admission is None or self.admission.plan is None:
            return
        plan = self.admission.plan
        if self.status or not self.body.complete:
            deadline = now + plan.idle_s if plan.idle_s else NEVER
            self._unsent_bytes = self.client.unsent_bytes() if self.status else 0
        elif self.trial is not None:
            deadline = self.trial.deadline_s(now)
        else:
            deadline = NEVER
        self.runtime.wheel.set(self.client, deadline)

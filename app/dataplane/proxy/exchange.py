"""One request's life: admitted or rejected, relayed to an upstream where it is admitted, completed exactly once.

`begin` is the only entrance and `completion.complete` the only exit. Everything that moves an exchange is a callback:
of the client's side, of the upstream connection, of the timer wheel.
"""

from typing import Final, TypeAlias, assert_never

from app.breaker.awaited_permit import BreakerVerdict
from app.breaker.values import Outcome
from app.dataplane.codec.body import BodyReceiver, RequestBody
from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.fields import id_in_json, sane_request_id
from app.dataplane.codec.grpc import rejection_status
from app.dataplane.codec.http2_request import HTTP2
from app.dataplane.codec.local_reply import LocalReply, grpc_rejection_trailers
from app.dataplane.codec.request import Request
from app.dataplane.proxy.admission import (
    Admission,
    Admit,
    Grant,
    Landing,
    Redirect,
    Reject,
    Wait,
    WaitForPermit,
    decide,
    resume,
    resume_at_breaker,
)
from app.dataplane.proxy.client_response import landing, preflight, redirection, rejection
from app.dataplane.proxy.completion import complete
from app.dataplane.proxy.context import ProxyContext
from app.dataplane.proxy.downstream import Downstream
from app.dataplane.proxy.in_flight import AwaitedPlace
from app.dataplane.proxy.mirror import MirroredRequest, mirror
from app.dataplane.proxy.relay import Relay, RelayOwner
from app.dataplane.proxy.response_writer import ResponseWriter
from app.dataplane.proxy.state import ExchangeState
from app.foundation.clock import now_s, wall_s
from app.foundation.reasons import REASONS, Reason, Rejection
from app.limits.limiter import Verdict
from app.telemetry.rejected_clients import RejectedClients

__all__ = ["Exchange"]

NO_BODY: Final = RequestBody(0)
"""Shared by requests without a body: nobody writes to it."""

Waiting: TypeAlias = Wait | WaitForPermit | AwaitedPlace

_IGNORED: Final = Outcome.IGNORED  # in Python 3.11 naming an enum's member takes 0.1 µs
_OVERLOADED: Final = Rejection(
    Reason.OVERLOADED, "too many requests are in flight; try again", retry_after_s=1
)


class Exchange(RelayOwner, BodyReceiver):
    """`body`: the request's, of which a part may be there before `begin`. `_copies`: those that go to mirrors.

    `_waiting`: for a place, a limit's store or a breaker's owner, before the admission; `_relay`: after it, until the
    end. Both None: rejected.
    """

    __slots__ = ("_context", "_copies", "_downstream", "_relay", "_waiting", "_writer", "body", "state")

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
        self.body = RequestBody(request.length_bytes) if request.length_bytes else NO_BODY
        given = request.request_id
        if given and sane_request_id(given):
            self.state = ExchangeState(request, given, now)
            self.state.id_in_json = id_in_json(given)
        else:
            self.state = ExchangeState(request, context.request_id(), now)
        self._waiting: Waiting | None = None
        self._relay: Relay | None = None
        self._copies: tuple[MirroredRequest, ...] = ()

    # Admission

    def begin(self, now: float) -> None:
        """Its turn has come: decide, then act."""
        context, request = self._context, self.state.request
        counts = context.counts
        counts.in_flight += 1
        try:
            if context.tracer is not None:
                self.state.trace = context.tracer.begin(request.traceparent or None)
            if request.rejection is not None:
                self._reject(request.rejection)
            elif counts.in_flight > context.in_flight.most:
                self._wait_for_place(now)
            else:
                random, wall = context.random.random, wall_s()
                self.state.began_wall_s = wall
                self._act(decide(request, context.plans, context.limiter, random, now, wall), now)
        except Exception as bug:  # this request's end: who called us may be another one
            self.failed_inside(bug)

    def _act(self, admission: Admission, now: float) -> None:
        """Do what was decided."""
        state = self.state
        state.route, state.client = admission.route, admission.client
        if isinstance(admission, Reject):  # compiled, `case` asks CPython first: 0.1 k instructions for each
            self._act_on_rejection(admission)
            return
        match admission:
            case Admit():
                state.key, state.limit_lines = admission.key, admission.limit_lines
                state.permit, state.shadow = admission.permit, admission.shadow
                state.target = admission.target
                if admission.route.mirrors:
                    self._copies = mirror(self._context, state, self.body, admission.route, now)
                self._relay = relay = Relay(
                    self, self._downstream, self._writer, self._context, state, self.body, admission
                )
                relay.start(now)
            case Redirect():
                state.limit_lines = admission.limit_lines
                context = self._context
                self._reply(redirection(state, admission.redirect, context.plans, context.date_line))
            case Grant():
                self._reply(preflight(state, admission.asked, self._context.date_line))
            case Landing():
                self._reply(landing(state, admission.path, self._context.date_line))
            case Wait():
                admission.waiting.on_verdict = self._on_verdict
                self._wait(admission)
            case WaitForPermit():
                admission.waiting.on_verdict = self._on_permit
                self._wait(admission)
            case _:
                assert_never(admission)

    def _act_on_rejection(self, rejected: Reject) -> None:
        state = self.state
        state.limit_lines, state.target, state.rule = rejected.limit_lines, rejected.target, rejected.rule
        if rejected.client is not None or rejected.rule is not None:
            _count_client(rejected, self._context.counts.rejected)
        self._reject(rejected.rejection)

    def _wait_for_place(self, now: float) -> None:
        """It is one too many, unless another worker has a place to spare."""
        awaited = self._context.in_flight.wait(now)
        if awaited is None:
            self._reject(_OVERLOADED)
            return
        awaited.on_place = self._on_place
        self._wait(awaited)

    def _on_place(self, has_place: bool, now: float) -> None:
        """The parent has decided, or did not in time."""
        if self._end_wait() is None:
            return
        try:
            if self._downstream.upload_paused:
                self._downstream.resume_upload()
            if not has_place:
                self._reject(_OVERLOADED)
                return
            context = self._context
            random, request = context.random.random, self.state.request
            self._act(decide(request, context.plans, context.limiter, random, now, wall_s()), now)
        except Exception as bug:  # this request's end: who called us decides for others too
            self.failed_inside(bug)

    def _wait(self, waiting: Waiting) -> None:
        self._waiting = waiting
        if not self.body.complete:
            self._downstream.pause_upload()  # what has no connection yet must not pile up

    def _on_verdict(self, verdict: Verdict, now: float) -> None:
        """The store that a limit had to ask has responded, or did not in time."""
        waiting = self._end_wait()
        if isinstance(waiting, Wait):
            try:
                self._resume(resume(waiting, verdict, self._context.random.random, now), now)
            except Exception as bug:  # this request's end: who called us decides for others too
                self.failed_inside(bug)

    def _on_permit(self, verdict: BreakerVerdict, now: float) -> None:
        """The owner of the breaker has decided, or did not in time."""
        waiting = self._end_wait()
        if isinstance(waiting, WaitForPermit):
            try:
                self._resume(resume_at_breaker(waiting, verdict, now), now)
            except Exception as bug:  # likewise
                self.failed_inside(bug)

    def _end_wait(self) -> Waiting | None:
        """What this exchange waited for; None if it is over."""
        waiting, self._waiting = self._waiting, None
        return None if self.state.completed else waiting

    def _resume(self, admission: Admission, now: float) -> None:
        if self._downstream.upload_paused:
            self._downstream.resume_upload()
        self._act(admission, now)

    # The client's side

    def on_request_body(self, data: bytes) -> None:
        """A part of the request's body."""
        body, limit = self.body, self._context.max_body_bytes
        if limit and body.seen_bytes + len(data) > limit:
            self.fail(Reason.BODY_TOO_LARGE, f"the body is larger than {limit} bytes", _IGNORED)
        if self.state.completed:
            body.seen_bytes += len(data)
            return
        body.add(data)
        if self._relay is not None:
            self._relay.send_body(data)
        for copy in self._copies:
            copy.send_body(data)

    def on_request_end(self, trailers: list[Field]) -> None:
        """The request is complete."""
        body = self.body
        if body.complete:
            return
        body.end(trailers)
        if self._relay is not None:
            self._relay.end_body()
        for copy in self._copies:
            copy.end_body(trailers)

    def on_request_malformed(self, detail: str) -> None:
        """The body's framing broke: where it ends cannot be known (RFC 9112 §7.1)."""
        self.fail(Reason.REQUEST_MALFORMED, f"the body is malformed: {detail}", _IGNORED)

    def on_client_gone(self) -> None:
        """Nobody waits for the response: end the upstream's work, count nothing (contract: breaker)."""
        state = self.state
        if state.completed:
            return
        now = now_s()
        state.outcome, state.error = _IGNORED, "client_gone"
        if self._relay is not None and state.request.grpc_timeout_s is not None:
            self._relay.on_caller_gone(now)
        self._stop(now)
        self.complete(now)

    def on_client_blocked(self) -> None:
        """The client does not take what it is sent."""
        if self._relay is not None:
            self._relay.on_client_blocked()

    def on_client_writable(self) -> None:
        """It does again."""
        if self._relay is not None:
            self._relay.on_client_writable()

    def on_deadline(self, now: float) -> None:
        """The deadline came due while this exchange was under way."""
        if self._relay is not None:
            self._relay.on_deadline(now)

    # Ends

    def _reject(self, reason: Rejection) -> None:
        """Respond with a rejection; the request goes no further."""
        self.state.reason = reason.reason  # its word: `.value` are two calls in Python 3.11
        reply = rejection(self.state, reason, self._context.date_line)
        if self.state.request.is_grpc:
            self.state.grpc_status = rejection_status(reply.counted_status)
        self._reply(reply)

    def _reply(self, reply: LocalReply) -> None:
        self.state.status = reply.counted_status
        self.state.bytes_out = self._writer.reply(reply)
        now = now_s()
        self.complete(now)
        self._downstream.exchange_done(now)

    def fail(self, reason: Reason, detail: str, outcome: Outcome) -> None:
        """The exchange cannot go on: reject while that is possible, else cut the response off visibly."""
        state, relay = self.state, self._relay
        if state.completed:
            return
        state.outcome, state.error = outcome, detail
        self._stop(now_s())
        if relay is None or not relay.response_begun:
            if not self.body.complete:
                self._writer.end_after_response()
            self._reject(Rejection(reason, detail))
            return
        # a truncated response must never look complete (RFC 9112 §8)
        state.reason = reason
        if state.request.is_grpc and state.request.protocol == HTTP2:
            self._end_call(Rejection(reason, detail))
            return
        self.complete(now_s())
        self._downstream.abort()

    def _end_call(self, rejection: Rejection) -> None:
        """Of gRPC, whose trailers say that and why it failed: a caller learns nothing from a stream that is reset."""
        state = self.state
        state.status = REASONS[rejection.reason][0]
        state.grpc_status = rejection_status(state.status)
        now = now_s()
        self.complete(now)
        self._writer.end_response(grpc_rejection_trailers(rejection))
        self._downstream.exchange_done(now)

    def failed_inside(self, bug: BaseException) -> None:
        """A fault of ours: logged with its trace; the client gets 500 where that is still possible."""
        self._context.on_internal_error(bug)
        if self.state.completed:
            self._downstream.abort()  # it failed amid its own end: the client must not wait for the rest
            return
        self._writer.end_after_response()
        self.fail(Reason.INTERNAL_ERROR, "the gateway failed; its log says why", _IGNORED)

    def _stop(self, now: float) -> None:
        """Whatever is under way for this exchange ends."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            (waiting if isinstance(waiting, AwaitedPlace) else waiting.waiting).cancel()
        if self._relay is not None:
            self._relay.stop(now)

    def complete(self, now: float) -> None:
        """It is over, however it ended."""
        self._relay = None
        if self._copies:
            self._let_copies_go()
        if self.body.seen_bytes:
            self.state.bytes_in = self.body.seen_bytes
        complete(self.state, self._context, now)

    def _let_copies_go(self) -> None:
        """They end by themselves, but for those whose rest of the body nobody will read."""
        copies, self._copies = self._copies, ()
        if not self.body.complete:
            for copy in copies:
                copy.abandon()


def _count_client(rejected: Reject, clients: RejectedClients) -> None:
    """Whom the rejection hits: somebody with a name, or whoever meets a limit."""
    route, client, rule = rejected.route, rejected.client, rejected.rule
    if route is not None:
        clients.count(
            route.name,
            client.name if client is not None else None,
            rule.identity if rule is not None else None,
        )

"""The head of the response for the client, made again from what the upstream's meant; and local replies."""

from app.config.model import Redirect
from app.dataplane.codec.cors import Preflight
from app.dataplane.codec.field_edits import edited
from app.dataplane.codec.local_reply import (
    LocalReply,
    grpc_rejection_reply,
    preflight_reply,
    redirect_reply,
    rejection_reply,
)
from app.dataplane.codec.response import ResponseHead
from app.dataplane.proxy.listener_route import listener_of
from app.dataplane.proxy.routes import Plans, RoutePlan
from app.dataplane.proxy.state import ExchangeState
from app.foundation.reasons import Rejection
from app.routing.target import redirect_location

__all__ = ["landing", "preflight", "redirection", "rejection", "response_lines"]


def response_lines(state: ExchangeState, head: ResponseHead, date_line: bytes) -> list[bytes]:
    """The header lines for the client, in pieces, without framing. `date_line`: for a response without Date
    (RFC 9110 §6.6.1)."""
    route = state.route
    lines = head.lines.copy()
    lines.append(b"x-request-id: %b\r\n" % state.request_id)
    lines.append(state.limit_lines)
    if route is not None and route.edits_responses:
        lines = [_edited(b"".join(lines), state, route)]
    if not head.dated:
        lines.append(date_line)
    return lines


def _edited(lines: bytes, state: ExchangeState, route: RoutePlan) -> bytes:
    """The route's and the upstream's own edits come last: they may overrule what `cors` says."""
    if route.cors is not None:
        lines = route.cors.shared(lines, state.request.fields)
    target, edits = state.target, route.forwarding.response_edits
    if target is not None and target.forwarding is not None:
        edits = target.forwarding.response_edits
    return edited(lines, edits) if edits is not None else lines


def rejection(state: ExchangeState, reason: Rejection, date_line: bytes) -> LocalReply:
    if state.request.is_grpc:
        return grpc_rejection_reply(reason, state.request_id, date_line, _route_lines(state))
    return rejection_reply(reason, state.request_id, state.id_in_json, date_line, _route_lines(state))


def redirection(state: ExchangeState, redirect: Redirect, plans: Plans, date_line: bytes) -> LocalReply:
    """`redirect`: of the exchange's route, or of an upstream of it."""
    route, request = state.route, state.request
    prefix = route.prefix if route is not None else b"/"
    listener = listener_of(request, plans)
    location = redirect_location(
        redirect,
        prefix,
        request.peer.scheme,
        request.host,
        request.path,
        request.query,
        listener.public_port if listener is not None else None,
    )
    return redirect_reply(redirect.status, location, state.request_id, date_line, _route_lines(state))


def preflight(state: ExchangeState, asked: Preflight, date_line: bytes) -> LocalReply:
    """What the exchange's route, which has `cors`, grants to a page of another origin (Fetch §3.3)."""
    route = state.route
    assert route is not None and route.cors is not None  # noqa: S101, PT018
    return preflight_reply(route.cors.preflight_lines(asked), state.request_id, date_line)


def landing(state: ExchangeState, path: bytes, date_line: bytes) -> LocalReply:
    """To the gateway's own page, for this request only: another client's `/` may be an error."""
    return redirect_reply(
        302, path, state.request_id, date_line, b"cache-control: no-store\r\nvary: accept\r\n"
    )


def _route_lines(state: ExchangeState) -> bytes:
    """The header lines that limits and route add to a local reply."""
    route = state.route
    if route is None or not route.edits_responses:
        return state.limit_lines
    edits = route.forwarding.response_edits
    return b"%b%b%b" % (
        state.limit_lines,
        route.cors.grant_lines(state.request.fields) if route.cors is not None else b"",
        edits.lines if edits is not None else b"",
    )

"""A refusal of a request whose bytes were understood before: no exchange is made for it.

A flood is mostly such requests, and what one costs decides how much of a flood is borne.
"""

from app.clock import now_s, wall_s
from app.dataplane.codec.fields import sane_request_id
from app.dataplane.codec.local_reply import refusal_bytes
from app.dataplane.codec.request import Request
from app.dataplane.proxy.admission import Admission
from app.dataplane.proxy.client_response import own_lines
from app.dataplane.proxy.completion import line_end
from app.dataplane.proxy.context import Runtime
from app.errors import REASONS, Refuse
from app.telemetry.counts import NO_ROUTE

__all__ = ["refuse_again"]


def refuse_again(
    request: Request, body_bytes: int, admission: Admission, refuse: Refuse, runtime: Runtime, began_s: float
) -> bytes:
    """The answer, counted and logged as an exchange's end is; the whole body, `body_bytes`, has come."""
    given = request.head.request_id
    request_id = given if given and sane_request_id(given) else runtime.request_id()
    status, reason, plan = REASONS[refuse.reason][0], refuse.reason.value, admission.plan
    data, length_bytes = refusal_bytes(
        refuse, request_id, runtime.date_line, own_lines(admission), False, request.method == b"HEAD"
    )
    cells = plan.counts if plan is not None else runtime.counts.route(NO_ROUTE)
    duration_s = now_s() - began_s
    cells.count(request.method, status, reason)
    cells.duration.observe(duration_s)
    log = runtime.log
    if log.is_on:
        log.write(
            (
                wall_s() - duration_s,
                request_id,
                status,
                reason,
                body_bytes,
                length_bytes,
                duration_s * 1000.0,
                None,
                0,
                None,
                line_end(log, request, admission, None),
            )
        )
    return data

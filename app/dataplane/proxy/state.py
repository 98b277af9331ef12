"""The plain record of one exchange: what was found out, decided and measured, for its completion to read."""

from typing import Final

from app.breaker.values import Outcome, Permit
from app.dataplane.codec.grpc import NO_STATUS
from app.dataplane.codec.request import Request
from app.dataplane.proxy.routes import RoutePlan, Target
from app.dataplane.proxy.shadow import ShadowCall
from app.dataplane.upstream.pool import ConnectionPool
from app.keys.keyring import Client
from app.limits.rule import Rule
from app.telemetry.decisions import Attempt
from app.telemetry.tracing import Trace

__all__ = ["ExchangeState"]

_IGNORED: Final = Outcome.IGNORED


class ExchangeState:
    """`status` 0: no response began; of gRPC it is the one that `grpc_status` counts as. `reason`: the reason word of a
    local reply or a cut, "" for an upstream's own.

    `permit` and `shadow` go back to their breakers exactly once, with `outcome`. `upstream_s`: seconds with the
    upstream, all attempts; None where none was made. `head_s`: seconds from the request to the head of
    the response. `failed_attempts`: those given up. `rule`: the limit rule that rejected. `was_probe`: it met a
    half-open breaker. `id_in_json`: the request's id as it stands in a JSON string. Times are monotonic seconds, but
    for `began_wall_s`: since the epoch, 0 where nobody has looked.
    """

    __slots__ = (
        "attempts",
        "began_wall_s",
        "bytes_in",
        "bytes_out",
        "client",
        "completed",
        "endpoint",
        "error",
        "failed_attempts",
        "grpc_status",
        "head_s",
        "id_in_json",
        "key",
        "limit_lines",
        "outcome",
        "permit",
        "reason",
        "request",
        "request_id",
        "route",
        "rule",
        "shadow",
        "started_s",
        "status",
        "target",
        "trace",
        "upstream_s",
        "was_probe",
    )

    def __init__(self, request: Request, request_id: bytes, started_s: float) -> None:
        self.request = request
        self.request_id = request_id
        self.started_s = started_s
        self.attempts = 0
        self.began_wall_s = 0.0
        self.bytes_in = 0
        self.bytes_out = 0
        self.client: Client | None = None
        self.completed = False
        self.endpoint: ConnectionPool | None = None
        self.error = ""
        self.failed_attempts: tuple[Attempt, ...] = ()
        self.grpc_status: int = NO_STATUS
        self.head_s: float | None = None
        self.id_in_json = request_id
        self.key: bytes | None = None
        self.limit_lines = b""
        self.outcome: Outcome = _IGNORED
        self.permit: Permit | None = None
        self.reason = ""
        self.route: RoutePlan | None = None
        self.rule: Rule | None = None
        self.shadow: ShadowCall | None = None
        self.status = 0
        self.target: Target | None = None
        self.trace: Trace | None = None
        self.upstream_s: float | None = None
        self.was_probe = False

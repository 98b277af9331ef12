"""The plain record of one exchange: what was found out, decided and measured, for its completion to read."""

from typing import Final

from app.breaker.purgatory_state import CallState
from app.breaker.values import Outcome
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
    half-open breaker. Times are monotonic seconds.
    """

    attempts: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    client: Client | None = None
    completed: bool = False
    endpoint: ConnectionPool | None = None
    error: str = ""
    failed_attempts: tuple[Attempt, ...] = ()
    grpc_status: int = NO_STATUS
    head_s: float | None = None
    key: bytes | None = None
    limit_lines: bytes = b""
    outcome: Outcome = _IGNORED
    permit: CallState | None = None
    reason: str = ""
    route: RoutePlan | None = None
    rule: Rule | None = None
    shadow: ShadowCall | None = None
    status: int = 0
    target: Target | None = None
    trace: Trace | None = None
    upstream_s: float | None = None
    was_probe: bool = False

    def __init__(self, request: Request, request_id: bytes, started_s: float) -> None:
        self.request = request
        self.request_id = request_id
        self.started_s = started_s

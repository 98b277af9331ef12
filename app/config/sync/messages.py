"""What gateways and the operator say to each other: `POST /v1/sync` (long poll), `POST /v1/report` (no wait).

Both take one body: who the gateway is, what it applied, what went wrong, which targets it knows, what its
breakers do. A gateway connects; `Authorization: Bearer <token of audience tidegate-operator>` is judged before
the body.

| response | meaning |
|---|---|
| 200 | `/v1/sync`: a newer snapshot, packed: the ConfigMap's bytes, or a delta (`snapshot.decode`) |
| 204 | nothing newer within `waitSeconds` (`/v1/sync`), or taken note of (`/v1/report`) |
| 400, 413 | the body breaks the rules below; problem+json names the first faults |
| 401, 403 | no valid token; a valid token that is not of `instance` |
| 429 | ten wrong tokens came from this address within a second; one known to be right is taken all the same |
| 409 | replayed: an earlier boot, or a `call` not above the last one of this boot |
| 503 | try again after `Retry-After`: no list completed yet, API server unavailable, or ending |

200 and 204 carry `Tidegate-Gateways: N`, how many gateways the caller's namespace has (≥ 1). A snapshot that
the gateway says it rejected as a whole (`attempt`) is not offered to it again. While somebody looks at the fleet they
carry `Tidegate-Watch` too, and a parked poll that has not heard of it ends with 204 (`config/sync/summary.py`).
The body: `config/sync/message_codec.py`.
"""

from dataclasses import dataclass
from enum import StrEnum

from app.config.sync.newest import Held

__all__ = [
    "AUDIENCE",
    "GATEWAYS_HEADER",
    "MAX_BODY_BYTES",
    "REPORT_PATH",
    "SYNC_PATH",
    "MAX_ERRORS",
    "MAX_MESSAGE",
    "MAX_TRANSITIONS",
    "Applied",
    "ApplyResult",
    "Attempt",
    "BreakerReport",
    "Instance",
    "PolicyError",
    "PortFault",
    "SyncRequest",
    "Targets",
    "TransitionReport",
]

AUDIENCE = "tidegate-operator"
SYNC_PATH = "/v1/sync"
REPORT_PATH = "/v1/report"
GATEWAYS_HEADER = "Tidegate-Gateways"

MAX_BODY_BYTES = 2 << 20
MAX_ERRORS = 200
MAX_TRANSITIONS = 64
MAX_MESSAGE = 1_024  # characters


class ApplyResult(StrEnum):
    """How the last attempt to take a snapshot over ended."""

    APPLIED = "applied"
    PARTIAL = "partial"
    """Applied, but for the policies named in `errors`."""
    REJECTED = "rejected"
    """The whole snapshot is bad; the last good one is kept."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A gateway process. `boot_id`: random, new at every start. `gateway`: the name that `Gateway` refs mean.

    `call`: counts the requests of this boot from 1, in the order in which their bodies were made.
    """

    pod_uid: str
    pod_name: str
    namespace: str
    boot_id: str
    call: int
    gateway: str | None = None
    version: str = ""
    schema_versions: tuple[int, ...] = (1,)


@dataclass(frozen=True, slots=True)
class Applied:
    """The snapshot that requests are served with."""

    lineage: str
    sequence: int
    hash: str
    at_wall_s: float


@dataclass(frozen=True, slots=True)
class PolicyError:
    """A policy of the attempted snapshot that this gateway does not understand."""

    uid: str
    generation: int
    message: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last snapshot that this gateway tried; `message` says what is wrong with a rejected one."""

    lineage: str
    sequence: int
    result: ApplyResult
    message: str = ""
    errors: tuple[PolicyError, ...] = ()


@dataclass(frozen=True, slots=True)
class Targets:
    """What policies may name here."""

    routes: tuple[str, ...] = ()
    upstreams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BreakerReport:
    """A breaker now. `policies`: UIDs of the policies in force for it (its settings', its override's).

    `not_closed_since_wall_s`: None while closed, or from a gateway of a version that does not say it.
    """

    name: str
    state: str
    since_wall_s: float
    reason: str | None = None
    policies: tuple[str, ...] = ()
    not_closed_since_wall_s: float | None = None
    failed_probes: int = 0


@dataclass(frozen=True, slots=True)
class TransitionReport:
    """A transition of a breaker. `number` rises within a boot; it is sent again until a call with it got a reply."""

    number: int
    name: str
    from_state: str
    to_state: str
    reason: str
    at_wall_s: float
    policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PortFault:
    """A port of listeners that cannot be served; `why` for people."""

    port: int
    why: str


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """`wait_s`: how long to park it (0–60). `limit_store_up`: None without a shared limit store.

    `sends_summaries`: whether it does so now (`config/sync/summary.py`); None from a version that cannot. `ports`: of
    listeners, those that every process of this gateway has bound; `port_faults`: those that it cannot serve.
    `certificates`: how far it got with them (`config/sync/newest.py`), None where it holds none yet. `takes_deltas`:
    whether a snapshot may come as what changed since `applied`.
    """

    instance: Instance
    applied: Applied | None = None
    attempt: Attempt | None = None
    targets: Targets = Targets()
    breakers: tuple[BreakerReport, ...] = ()
    transitions: tuple[TransitionReport, ...] = ()
    limit_store_up: bool | None = None
    wait_s: int = 0
    sends_summaries: bool | None = None
    ports: tuple[int, ...] = ()
    port_faults: tuple[PortFault, ...] = ()
    certificates: Held | None = None
    takes_deltas: bool | None = None

"""What gateways and the operator say to each other: `POST /v1/sync` (long poll), `POST /v1/report` (no wait).

Both take one body: who the gateway is, what it applied, what went wrong, which targets it knows, what its
breakers do. A gateway dials; `Authorization: Bearer <token of audience tidegate-operator>` is judged before
the body.

| answer | meaning |
|---|---|
| 200 | `/v1/sync`: a newer snapshot, packed: the ConfigMap's bytes (`config/snapshot.py`, `decode`) |
| 204 | nothing newer within `waitSeconds` (`/v1/sync`), or taken note of (`/v1/report`) |
| 400, 413 | the body breaks the rules below; problem+json names the first faults |
| 401, 403 | no valid token; a valid token of somebody else than `instance` |
| 429 | ten wrong tokens came from this address within a second; one known to be right is taken all the same |
| 409 | replayed: an earlier boot, or a `call` not above the last one of this boot |
| 503 | ask again after `Retry-After`: no list completed yet, API server away, or ending |

200 and 204 carry `Tidegate-Gateways: N`, how many gateways the caller's namespace has (≥ 1). A snapshot that
the gateway says it rejected as a whole (`attempt`) is not offered to it again. How the operator reads a
body: `config/sync/message_reader.py`.
"""

from dataclasses import dataclass
from enum import StrEnum

import orjson

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
    "SyncRequest",
    "Targets",
    "TransitionReport",
    "encode_request",
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
    """A breaker now. `policies`: UIDs of the policies in force for it (its settings', its override's)."""

    name: str
    state: str
    since_wall_s: float
    reason: str | None = None
    policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TransitionReport:
    """A breaker moved. `number` rises within a boot; it is sent again until a call with it was answered."""

    number: int
    name: str
    from_state: str
    to_state: str
    reason: str
    at_wall_s: float
    policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """`wait_s`: how long to park it (0–60). `limit_store_up`: None without a shared limit store."""

    instance: Instance
    applied: Applied | None = None
    attempt: Attempt | None = None
    targets: Targets = Targets()
    breakers: tuple[BreakerReport, ...] = ()
    transitions: tuple[TransitionReport, ...] = ()
    limit_store_up: bool | None = None
    wait_s: int = 0


def encode_request(request: SyncRequest) -> bytes:
    """The body of a call; messages over 1 KiB are cut. Send at most 64 transitions at a time."""
    who, applied, attempt = request.instance, request.applied, request.attempt
    return orjson.dumps(
        {
            "instance": {
                "podUID": who.pod_uid,
                "podName": who.pod_name,
                "namespace": who.namespace,
                "bootID": who.boot_id,
                "call": who.call,
                "gateway": who.gateway,
                "version": who.version,
                "schemaVersions": who.schema_versions,
            },
            "applied": applied
            and {
                "lineage": applied.lineage,
                "sequence": applied.sequence,
                "hash": applied.hash,
                "at": applied.at_wall_s,
            },
            "attempt": attempt and _attempt_body(attempt),
            "targets": {"routes": request.targets.routes, "upstreams": request.targets.upstreams},
            "breakers": [
                {
                    "name": breaker.name,
                    "state": breaker.state,
                    "since": breaker.since_wall_s,
                    "reason": breaker.reason,
                    "policies": breaker.policies,
                }
                for breaker in request.breakers
            ],
            "transitions": [
                {
                    "number": moved.number,
                    "name": moved.name,
                    "from": moved.from_state,
                    "to": moved.to_state,
                    "reason": moved.reason,
                    "at": moved.at_wall_s,
                    "policies": moved.policies,
                }
                for moved in request.transitions
            ],
            "limitStoreUp": request.limit_store_up,
            "waitSeconds": request.wait_s,
        }
    )


def _attempt_body(attempt: Attempt) -> dict[str, object]:
    return {
        "lineage": attempt.lineage,
        "sequence": attempt.sequence,
        "result": attempt.result,
        "message": attempt.message[:MAX_MESSAGE],
        "errors": [
            {"uid": error.uid, "generation": error.generation, "message": error.message[:MAX_MESSAGE]}
            for error in attempt.errors[:MAX_ERRORS]
        ],
    }

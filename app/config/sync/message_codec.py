"""The body that a gateway sends and the operator reads (`messages`): one declaration writes it and reads it strictly.

Every value is typed, bounded and counted. Unknown keys are ignored, since gateways may be newer than the operator.
"""

import orjson

from app.config.sync.body import body_fault, read_body
from app.config.sync.messages import (
    MAX_BODY_BYTES,
    MAX_ERRORS,
    MAX_MESSAGE,
    MAX_TRANSITIONS,
    Applied,
    ApplyResult,
    Attempt,
    BreakerReport,
    Instance,
    PolicyError,
    PortFault,
    SyncRequest,
    Targets,
    TransitionReport,
)
from app.config.sync.newest import Held
from app.config.sync.snapshot import MAX_SEQUENCE, uid_text
from app.policy.model import BreakerState
from app.schema.fields import CheckedText, Choice, Whole
from app.schema.message_fields import Flag, Numbers, ShortText, Texts, WallTime
from app.schema.names import dns_label, dns_subdomain
from app.schema.records import ListOf, Nested, Record

__all__ = ["decode_request", "encode_request"]

MAX_DEPTH = 8  # of brackets
MAX_WAIT_S = 60
MAX_TARGETS = 20_000  # routes, and as many upstreams
MAX_BREAKERS = 20_000
MAX_WORD = 64
MAX_PORTS = 10_000
MAX_PORT = 65_535

_SEQUENCE = Whole("sequence", 1, MAX_SEQUENCE, "", is_required=True)
_LINEAGE = CheckedText("lineage", uid_text, "a text")
_POLICIES = Texts("policies", 8, 128)
_BREAKER_NAME = ShortText("name", 1_024, example="the breaker's name")  # `upstream@route`

_INSTANCE = Record(
    Instance,
    "Who calls.",
    {
        "pod_uid": CheckedText("podUID", uid_text, "a text"),
        "pod_name": CheckedText("podName", dns_subdomain, "a text"),
        "namespace": CheckedText("namespace", dns_label, "a text"),
        "boot_id": CheckedText("bootID", uid_text, "a text"),
        "call": Whole("call", 1, MAX_SEQUENCE, "", is_required=True),
        "gateway": CheckedText("gateway", dns_subdomain, takes_null=True),
        "version": ShortText("version", MAX_WORD),
        "schema_versions": Numbers("schemaVersions", 8, 1_000),
    },
    is_open=True,
)
_APPLIED = Record(
    Applied,
    "What requests are served with.",
    {
        "lineage": _LINEAGE,
        "sequence": _SEQUENCE,
        "hash": CheckedText("hash", uid_text, "a text"),
        "at_wall_s": WallTime("at"),
    },
    is_open=True,
)
_ERROR = Record(
    PolicyError,
    "A policy that was not understood.",
    {
        "uid": CheckedText("uid", uid_text, "a text"),
        "generation": Whole("generation", 1, MAX_SEQUENCE, "", is_required=True),
        "message": ShortText("message", MAX_MESSAGE),
    },
    is_open=True,
)
_ATTEMPT = Record(
    Attempt,
    "The last snapshot that was tried.",
    {
        "lineage": _LINEAGE,
        "sequence": _SEQUENCE,
        "result": Choice("result", ApplyResult, ""),
        "message": ShortText("message", MAX_MESSAGE),
        "errors": ListOf("errors", _ERROR, (0, MAX_ERRORS), ""),
    },
    is_open=True,
)
_TARGETS = Record(
    Targets,
    "What policies may name here.",
    {
        "routes": Texts("routes", MAX_TARGETS, 253),
        "upstreams": Texts("upstreams", MAX_TARGETS, 253),
    },
    is_open=True,
)
_BREAKER = Record(
    BreakerReport,
    "A breaker now.",
    {
        "name": _BREAKER_NAME,
        "state": Choice("state", BreakerState, ""),
        "since_wall_s": WallTime("since"),
        "reason": ShortText("reason", MAX_WORD, None),
        "policies": _POLICIES,
        "not_closed_since_wall_s": WallTime("notClosedSince", is_required=False),
        "failed_probes": Whole("failedProbes", 0, MAX_SEQUENCE, "", 0),
    },
    is_open=True,
)
_TRANSITION = Record(
    TransitionReport,
    "A breaker's transition.",
    {
        "number": Whole("number", 1, MAX_SEQUENCE, "", is_required=True),
        "name": _BREAKER_NAME,
        "from_state": Choice("from", BreakerState, ""),
        "to_state": Choice("to", BreakerState, ""),
        "reason": ShortText("reason", MAX_WORD),
        "at_wall_s": WallTime("at"),
        "policies": _POLICIES,
    },
    is_open=True,
)
_PORT_FAULT = Record(
    PortFault,
    "A port that cannot be served.",
    {
        "port": Whole("port", 1, MAX_PORT, "", is_required=True),
        "why": ShortText("why", MAX_MESSAGE),
    },
    is_open=True,
)
_HELD = Record(
    Held,
    "How far it got with what travels beside snapshots.",
    {
        "boot": ShortText("boot", 128),
        "version": Whole("version", 0, MAX_SEQUENCE, "", 0),
    },
    is_open=True,
)
_REQUEST = Record(
    SyncRequest,
    "A call of a gateway.",
    {
        "instance": Nested("instance", _INSTANCE, Instance("", "", "", "", 1), "say who calls"),
        "applied": Nested("applied", _APPLIED),
        "attempt": Nested("attempt", _ATTEMPT),
        "targets": Nested("targets", _TARGETS, Targets()),
        "breakers": ListOf("breakers", _BREAKER, (0, MAX_BREAKERS), ""),
        "transitions": ListOf("transitions", _TRANSITION, (0, MAX_TRANSITIONS), ""),
        "limit_store_up": Flag("limitStoreUp"),
        "wait_s": Whole("waitSeconds", 0, MAX_WAIT_S, "", 0),
        "sends_summaries": Flag("sendsSummaries"),
        "ports": Numbers("ports", MAX_PORTS, MAX_PORT, least=0),
        "port_faults": ListOf("portFaults", _PORT_FAULT, (0, MAX_PORTS), ""),
        "certificates": Nested("certificates", _HELD),
        "takes_deltas": Flag("takesDeltas"),
    },
    is_open=True,
)


def encode_request(request: SyncRequest) -> bytes:
    """The body of a call; messages over 1 KiB are cut. Send at most 64 transitions at a time."""
    return orjson.dumps(_REQUEST.write(request))


def decode_request(body: bytes) -> SyncRequest:
    """What a gateway says; raises ConfigFaults with the first 100 faults, paths as in the body."""
    if len(body) > MAX_BODY_BYTES:
        raise body_fault(f"is larger than {MAX_BODY_BYTES:,} bytes", "send less")
    return read_body(_REQUEST, body, MAX_DEPTH)

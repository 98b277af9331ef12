import orjson
import pytest

from app.config.sync.message_codec import decode_request, encode_request
from app.config.sync.messages import MAX_BODY_BYTES, SyncRequest
from app.foundation.errors import ConfigFaults
from tests.app.config.sync_samples import FULL, INSTANCE

DELETE = object()


def body_with(path: str, value) -> bytes:
    """`FULL` with the value at `path` (keys and indexes with dots) replaced, or taken out."""
    document = orjson.loads(encode_request(FULL))
    *outer, last = path.split(".")
    place = document
    for part in outer:
        place = place[int(part)] if part.isdigit() else place[part]
    if value is DELETE:
        del place[last]
    else:
        place[int(last) if last.isdigit() else last] = value
    return orjson.dumps(document)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("instance", DELETE, "instance: is required"),
        ("instance", None, "instance: is required"),
        ("instance", [], "instance: is a list"),
        ("instance.podUID", DELETE, "instance.podUID: is required"),
        ("instance.podUID", "a b", "instance.podUID: is 'a b'"),
        ("instance.podName", "A", "instance.podName: 'A' is not a DNS subdomain"),
        ("instance.namespace", "a.b", "instance.namespace: 'a.b' is not a DNS label"),
        ("instance.bootID", 1, "instance.bootID: is a number"),
        ("instance.call", 0, "instance.call: is 0"),
        ("instance.call", 1.5, "instance.call: is a number with a fraction"),
        ("instance.gateway", "A", "instance.gateway: 'A'"),
        ("instance.version", "x" * 65, "instance.version: has 65 characters"),
        ("instance.schemaVersions", [], "instance.schemaVersions: has 0 items"),
        ("instance.schemaVersions", DELETE, "instance.schemaVersions: is required"),
        ("instance.schemaVersions", [True], "instance.schemaVersions[0]: is true/false"),
        ("applied", 5, "applied: is a number"),
        ("applied.lineage", DELETE, "applied.lineage: is required"),
        ("applied.hash", "", "applied.hash: is ''"),
        ("applied.sequence", 2**60, "applied.sequence: is 1152921504606846976"),
        ("applied.at", -1, "applied.at: is -1; it must be seconds since 1970"),
        ("applied.at", True, "applied.at: is true/false"),
        ("applied.at", "x", "applied.at: is 'x'"),
        ("attempt.result", "fine", "attempt.result: is 'fine'; it must be one of applied, partial, rejected"),
        ("attempt.message", "x" * 1025, "attempt.message: has 1,025 characters"),
        ("attempt.errors", [1], "attempt.errors[0]: is a number"),
        ("attempt.errors.0.uid", DELETE, "attempt.errors[0].uid: is required"),
        ("attempt.errors", [{}] * 201, "attempt.errors: has 201 items"),
        ("targets", "x", "targets: is a text"),
        ("targets.routes", [""], "targets.routes[0]: is ''; it must be a text of 1 to 253"),
        ("targets.routes", ["r"] * 20_001, "targets.routes: has 20001 items"),
        ("targets.upstreams", "x", "targets.upstreams: is a text, not a list"),
        ("breakers", {}, "breakers: is a mapping, not a list"),
        ("breakers.0.name", DELETE, "breakers[0].name: is required"),
        ("breakers.0.name", "x" * 1025, "breakers[0].name: has 1,025 characters"),
        ("breakers.0.state", "ajar", "breakers[0].state: is 'ajar'; it must be one of closed, open"),
        ("breakers.0.since", None, "breakers[0].since: is empty"),
        ("breakers.0.policies", ["u"] * 9, "breakers[0].policies: has 9 items"),
        ("breakers.0.reason", 1, "breakers[0].reason: is a number"),
        ("transitions.0.number", 0, "transitions[0].number: is 0"),
        ("transitions.0.from", [], "transitions[0].from: is a list"),
        ("transitions.0.at", 1e30, "transitions[0].at: is 1e+30"),
        ("transitions", [{}] * 65, "transitions: has 65 items"),
        ("limitStoreUp", 1, "limitStoreUp: is a number; it must be true, false or null"),
        ("waitSeconds", 61, "waitSeconds: is 61"),
        ("ports", [0], "ports[0]: is 0; it must be a whole number from 1 to 65,535"),
        ("ports", 80, "ports: is a number, not a list"),
        ("portFaults", [{"why": "in use"}], "portFaults[0].port: is required"),
        ("certificates", 3, "certificates: is a number"),
        ("certificates", {"boot": "x" * 129}, "certificates.boot: has 129 characters"),
    ],
)
def test_a_value_outside_its_bounds_is_refused_and_named(path, value, said):
    with pytest.raises(ConfigFaults) as caught:
        decode_request(body_with(path, value))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "body: is no JSON"),
        (b"[]", "body: is a list, not a mapping"),
        (b"[" * 9 + b"]" * 9, "body: is nested deeper than 8"),
        (b" " * (MAX_BODY_BYTES + 1), "body: is larger than 2,097,152 bytes"),
    ],
)
def test_a_body_that_is_no_small_json_object_is_refused(body, said):
    with pytest.raises(ConfigFaults) as caught:
        decode_request(body)
    assert said in str(caught.value)


def test_the_instance_alone_is_a_whole_request():
    body = orjson.dumps({"instance": orjson.loads(encode_request(SyncRequest(INSTANCE)))["instance"]})
    assert decode_request(body) == SyncRequest(INSTANCE)


def test_what_a_newer_gateway_adds_is_ignored():
    document = orjson.loads(encode_request(SyncRequest(INSTANCE)))
    document["instance"]["more"] = document["more"] = {"a": 1}
    assert decode_request(orjson.dumps(document)) == SyncRequest(INSTANCE)


def test_null_says_as_little_as_an_absent_key():
    document = orjson.loads(encode_request(SyncRequest(INSTANCE)))
    document |= {"applied": None, "attempt": None, "targets": None, "limitStoreUp": None}
    assert decode_request(orjson.dumps(document)) == SyncRequest(INSTANCE)

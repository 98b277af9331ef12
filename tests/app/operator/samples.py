"""Policies, pods and calls as the tests of the operator write them: short, with everything else filled in."""

from typing import Any

import yaml

from app.config.sync.messages import (
    Applied,
    ApplyResult,
    Attempt,
    BreakerReport,
    Instance,
    PolicyError,
    SyncRequest,
    Targets,
)
from app.operator.kube.resources import Pod, PolicyObject
from app.operator.sync.fleet import Fleet

LINEAGE = "11111111-2222-3333-4444-555555555555"
OTHER_LINEAGE = "99999999-2222-3333-4444-555555555555"
SPEC: dict[str, Any] = {
    "targetRefs": [{"kind": "Route", "name": "orders"}],
    "circuitBreaker": {"consecutiveFailures": 5},
}
CREATED = "2026-01-01T00:00:00Z"
WALL_S = 1_800_000_000.0


def policy(name: str = "orders", **given: Any) -> PolicyObject:
    """`spec` and `status` may be left out; `namespace` is `shop`, the UID is `uid-NAME`."""
    return PolicyObject(
        namespace=given.get("namespace", "shop"),
        name=name,
        uid=given.get("uid", f"uid-{name}"),
        generation=given.get("generation", 1),
        created=given.get("created", CREATED),
        resource_version=given.get("resource_version", "1"),
        spec=given.get("spec", SPEC),
        status=given.get("status", {}),
    )


def pod(name: str, gateway: str | None = "edge", namespace: str = "shop") -> Pod:
    return Pod(f"uid-{name}", name, namespace, gateway)


def call(name: str, number: int = 1, **given: Any) -> SyncRequest:
    """A call of pod `name`; `applied`: a sequence of LINEAGE; `errors`: messages by policy and generation."""
    applied = given.get("applied", 0)
    lineage = given.get("lineage", LINEAGE)
    errors = tuple(
        PolicyError(f"uid-{policy_name}", generation, message)
        for (policy_name, generation), message in given.get("errors", {}).items()
    )
    attempt = None
    if "rejected" in given:
        attempt = Attempt(lineage, given["rejected"], ApplyResult.REJECTED, given.get("message", "no JSON"))
    elif applied:
        result = ApplyResult.PARTIAL if errors else ApplyResult.APPLIED
        attempt = Attempt(lineage, given.get("attempted", applied), result, "", errors)
    return SyncRequest(
        Instance(
            f"uid-{name}",
            name,
            given.get("namespace", "shop"),
            given.get("boot", "boot-1"),
            number,
            given.get("gateway", "edge"),
            "0.1.0",
        ),
        applied=Applied(lineage, applied, "ab" * 32, WALL_S) if applied else None,
        attempt=attempt,
        targets=Targets(tuple(given.get("routes", ("orders",))), tuple(given.get("upstreams", ("cache",)))),
        breakers=tuple(given.get("breakers", ())),
        transitions=tuple(given.get("transitions", ())),
        limit_store_up=given.get("limit_store_up"),
        wait_s=given.get("wait_s", 0),
    )


def breaker(name: str, state: str = "closed", **given: Any) -> BreakerReport:
    return BreakerReport(
        name,
        state,
        given.get("since", WALL_S),
        given.get("reason"),
        tuple(given.get("policies", ("uid-orders",))),
        *given.get("down", (None, 0)),
    )


def fleet_of(*calls: SyncRequest, ready: tuple[Pod, ...] | None = None) -> Fleet:
    """Gateways that have taken traffic for 1,000 s (the clock stands at 1,000) and called just now."""
    fleet = Fleet()
    callers = tuple(pod(one.instance.pod_name, namespace=one.instance.namespace) for one in calls)
    fleet.require({one.uid: one for one in (callers if ready is None else ready)}, 0.0)
    for one in calls:
        assert fleet.record_call(one, 1_000.0) is not None
    return fleet


def load(path: Any) -> Any:
    """A golden file; values are texts but for whole numbers, as in the gateway's own reader."""
    return typed(yaml.load(path.read_text(), yaml.BaseLoader))  # noqa: S506 - makes texts only


def typed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return int(value) if value.isdigit() else value

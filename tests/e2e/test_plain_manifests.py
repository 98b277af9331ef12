"""`kubectl apply -k k8s/overlays/dev` is all that a cluster needs."""

import pytest

from tests.e2e.cluster import SYNCED_S, eventually, run

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]
NAMESPACE = "tidegate"


def test_the_overlay_for_development_works_alone(space):
    run("kubectl", "apply", "-k", "k8s/overlays/dev")
    for workload in (
        "deployment/tidegate-gateway",
        "deployment/tidegate-cache",
        "deployment/tidegate-operator",
    ):
        space.kubectl("rollout", "status", workload, "--timeout=120s")
    eventually(space.is_synced, "every gateway to sync with the operator", SYNCED_S)
    space.key = "development-key-change-me"
    space.place_tools()
    assert space.ask("/cache/x", X_API_Key="wrong").reason == "key_unknown"
    eventually(
        lambda: (
            space.ask("/cache/x?ttl=60", method="PUT", body="plain").headers["cache-durability"] == "redis"
        ),
        "a write to reach Valkey with the overlay's password",
    )
    space.apply_policy("limits", targetRefs=[{"kind": "Gateway"}], timeout={"request": "5s"})
    space.wait_ready("limits")

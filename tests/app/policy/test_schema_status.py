from typing import Any

from app.policy.schema_status import status_schema


def test_the_status_has_what_the_operator_writes():
    status: Any = status_schema()["properties"]
    assert set(status) == {
        "observedGeneration",
        "conditions",
        "snapshot",
        "gateways",
        "breakers",
        "breakerSummary",
        "ancestors",
    }
    assert status["conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    assert (status["breakers"]["maxItems"], status["gateways"]["properties"]["failing"]["maxItems"]) == (
        16,
        10,
    )

from typing import Any

from app.policy.reference import reference_markdown
from app.policy.schema import spec_schema


def test_the_reference_names_every_field_and_not_the_trap():
    page = reference_markdown()
    fields: Any = spec_schema()["properties"]
    for stanza in ("circuitBreaker", "rateLimit", "timeout", "retry"):
        for name in fields[stanza]["properties"]:
            assert (f"| `{name}" in page) is (name != "true")
    assert "| `openDuration` | duration from 100ms to 1h | `10s` |" in page
    assert "| `failureRate.percent` | 1–100 |" in page

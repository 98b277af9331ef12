"""Texts of configuration files for scenarios (JSON is YAML)."""

import json
from typing import Any

__all__ = ["config_text"]


def config_text(
    *endpoints: str,
    route: dict[str, Any] | None = None,
    upstream: dict[str, Any] | None = None,
    **stanzas: Any,
) -> str:
    """One open route `/` named `main` to the upstream `main`; `stanzas` of a policy for the gateway;
    `route` and `upstream`: more of their keys."""
    content: dict[str, Any] = {
        "upstreams": {"main": {"endpoints": list(endpoints), **(upstream or {})}},
        "routes": [
            {
                "name": "main",
                "match": {"path": {"prefix": "/"}},
                "auth": "none",
                "upstream": "main",
                **(route or {}),
            }
        ],
    }
    if stanzas:
        spec = {"targetRefs": [{"kind": "Gateway"}], **stanzas}
        content["policies"] = [{"name": "defaults", "spec": spec}]
    return json.dumps(content)

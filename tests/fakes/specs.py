"""Specs of policies as their authors write them, and what of them is in force on the built-in route."""

from typing import Any

from app.gateway.process import Gateway

__all__ = ["in_force", "limit", "timeout"]


def limit(requests: int, name: str = "all", **more: Any) -> dict[str, Any]:
    """A limit of all clients together, and `more` stanzas."""
    return {
        "rateLimit": {"rules": [{"name": name, "key": "Global", "requests": requests, "period": "1h"}]},
        **more,
    }


def timeout(text: str) -> dict[str, Any]:
    return {"timeout": {"request": text}}


def in_force(gateway: Gateway) -> tuple[float, str]:
    """The request timeout of the built-in route, and who set it."""
    (settings,) = gateway.context.plans.table.routes
    return settings.timeout.value.request_s, settings.timeout.origin.policy

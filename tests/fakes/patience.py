"""Longer time limits of the client of Redis: a busy machine is no outage."""

import pytest

__all__ = ["NEVER_DOWN_MS", "patient_with_leases", "patient_with_redis"]

NEVER_DOWN_MS = 600_000
"""For a Sentinel that is to name the same primary however slowly it responds."""


def patient_with_redis(monkeypatch: pytest.MonkeyPatch, limit_s: float = 10.0) -> None:
    """Connections made from now on wait `limit_s` for anything; restored by monkeypatch."""
    for bound in ("SOCKET_TIMEOUT_S", "CONNECT_TIMEOUT_S", "TLS_CONNECT_TIMEOUT_S"):
        monkeypatch.setattr(f"app.foundation.redis.connections.{bound}", limit_s)


def patient_with_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases, and the connections beneath them, get 2 s."""
    monkeypatch.setattr("app.limits.redis.LEASE_S", 2.0)
    monkeypatch.setattr("app.limits.shared.WAIT_S", 2.0)
    patient_with_redis(monkeypatch, 2.0)

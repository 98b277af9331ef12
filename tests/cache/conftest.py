"""Fixtures of the cache service's tests."""

import pytest

from tests.fakes.patience import patient_with_redis


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no outage: only tests of the limit itself keep the 0.1 s that Redis gets."""
    if not any(word in request.node.name for word in ("frozen", "in_doubt")):
        patient_with_redis(monkeypatch)

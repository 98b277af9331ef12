import pytest

from app.dataplane.proxy import attempt, attempts, exchange, relay
from tests.fakes.manual_loop import Clock


@pytest.fixture
def clock(monkeypatch):
    """The time as exchanges and their attempts see it."""
    clock = Clock()
    for module in (attempt, attempts, exchange, relay):
        monkeypatch.setattr(module, "now_s", clock)
    return clock

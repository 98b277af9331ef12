import pytest

from app.gateway.config_history import ConfigHistory
from app.gateway.readiness import Readiness
from tests.fakes.proxy import context_of


@pytest.mark.parametrize(
    ("listening", "draining", "waiting", "ready"),
    [
        (True, False, None, True),
        (False, False, None, False),
        (True, True, None, False),
        (True, False, "waiting for a snapshot", False),
    ],
)
async def test_it_is_ready_when_it_listens_and_neither_drains_nor_waits(listening, draining, waiting, ready):
    context = context_of("")
    readiness = Readiness(context, lambda: waiting, ConfigHistory())
    readiness.listening, context.draining = listening, draining
    is_ready, checks = readiness.check()
    assert is_ready is ready
    assert checks == {
        "listener": "listening" if listening else "starting",
        "configuration": waiting or "sequence 1",
        "draining": draining,
    }

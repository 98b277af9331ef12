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


async def test_with_workers_it_is_ready_when_all_of_them_serve():
    serving = (1, 2)
    readiness = Readiness(context_of(""), lambda: None, ConfigHistory(), lambda: serving)
    readiness.listening = True
    is_ready, checks = readiness.check()
    assert (is_ready, checks["workers"]) == (False, "1 of 2 serve")
    serving = (2, 2)
    is_ready, checks = readiness.check()
    assert (is_ready, checks["workers"]) == (True, "2 of 2 serve")


class Ports:
    bound = (20001, 20002)
    faults = {20002: "its old certificate serves on", 20003: "in use"}  # noqa: RUF012 - never changed


async def test_a_port_that_cannot_be_had_is_told_and_keeps_nobody_away():
    readiness = Readiness(context_of(""), lambda: None, ConfigHistory(), None, Ports())
    readiness.listening = True
    is_ready, checks = readiness.check()
    assert (is_ready, checks["listeners"]) == (True, "2 of 3 ports open; 20003: in use")

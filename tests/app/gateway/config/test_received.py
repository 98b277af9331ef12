import asyncio

import pytest

from app.breaker.registry import Breakers
from app.foundation.errors import ConfigFaults
from app.gateway.config.bindings import Bindings
from app.gateway.config.received import ReceivedConfiguration
from app.gateway.workers.change import Change
from app.limits.memory import MemoryLimiter
from app.settings import load_settings
from app.telemetry.counts import Counts
from tests.fakes.gateway_parts import ONE_ROUTE

FILE = "/etc/tidegate/gateway.yaml"


@pytest.fixture
async def bindings():
    bindings = Bindings(asyncio.get_running_loop(), Breakers(), MemoryLimiter(), Counts("test"))
    yield bindings
    bindings.close()


def change(sequence, text=ONE_ROUTE):
    settings = load_settings({"CONFIG_FILE": FILE, "VIA": "off"})
    return Change(sequence, 1_700_000_000.0, settings, {FILE: text.encode()})


async def test_what_was_prepared_is_in_force_when_the_parent_says_so(bindings):
    received = ReceivedConfiguration(bindings)
    received.prepare(change(5))
    assert bindings.upstreams == {}
    assert list(received.bind()) is not None
    taken = received.put_in_force(5)
    assert taken is not None
    settings, prepared = taken
    assert (prepared.plans.table.sequence, settings.via) == (5, False)
    assert list(bindings.upstreams) == ["cache"]
    assert received.put_in_force(5) is None


async def test_another_number_than_the_prepared_one_changes_nothing(bindings):
    received = ReceivedConfiguration(bindings)
    received.prepare(change(5))
    assert received.put_in_force(6) is None
    assert bindings.upstreams == {}


async def test_a_change_with_faults_leaves_nothing_that_waits(bindings):
    received = ReceivedConfiguration(bindings)
    received.prepare(change(5))
    with pytest.raises(ConfigFaults, match="upstreams"):
        received.prepare(change(6, "upstreams: 7"))
    assert list(received.bind()) == []
    assert received.put_in_force(5) is None

from types import SimpleNamespace

import pytest

from app.dataplane.proxy import attempt, attempts, exchange, mirror, relay
from tests.fakes.driven_exchange import Proxy, gateway_text
from tests.fakes.manual_loop import Clock


@pytest.fixture
def clock(monkeypatch):
    """The time as exchanges and their attempts see it."""
    clock = Clock()
    for module in (attempt, attempts, exchange, mirror, relay):
        monkeypatch.setattr(module, "now_s", clock)
    return clock


@pytest.fixture
def proxy(clock, monkeypatch):
    """Makes a context with one route, by the stanzas of its policy. `random`: what every draw gives."""

    def made(
        *stanzas,
        endpoints=("http://127.0.0.1:1",),
        random=0.5,
        route="upstream: one",
        protocol="auto",
        **environment,
    ):
        text = gateway_text(*stanzas, endpoints=endpoints, route=route, protocol=protocol)
        known = Proxy(clock, text, **environment)
        monkeypatch.setattr(known.context, "random", SimpleNamespace(random=lambda: random))
        return known

    return made

import pytest

from app.dataplane.downstream import (
    connection_life,
    http1_connection,
    http2_connection,
    http2_life,
    http2_stream,
)
from app.dataplane.eventloop import timer_wheel
from app.dataplane.proxy import attempt, attempts, exchange, relay
from tests.fakes.manual_loop import Clock


@pytest.fixture
def clock(monkeypatch):
    """The time as connections, exchanges, their attempts and the wheel see it."""
    clock = Clock()
    of_http2 = (http2_connection, http2_life, http2_stream)
    for module in (
        attempt,
        attempts,
        exchange,
        relay,
        connection_life,
        http1_connection,
        timer_wheel,
        *of_http2,
    ):
        monkeypatch.setattr(module, "now_s", clock)
    return clock

from app.breaker.registry import Breakers
from app.foundation.clock import now_s
from app.gateway.monitor.monitor import Monitor
from tests.fakes.gateway_parts import GatewayParts
from tests.fakes.watched import watched_by


def monitor_of(parts: GatewayParts) -> Monitor:
    return Monitor(watched_by(parts), parts.tasks, parts.loop)


def open_cache(breakers: Breakers) -> None:
    breaker = breakers.known("cache")
    assert breaker is not None
    for _ in range(3):
        breaker.fail(breaker.admit(now_s()), now_s(), "status_503")  # type: ignore[arg-type]


async def test_the_start_and_every_transition_are_events(tmp_path):
    parts = GatewayParts(tmp_path)
    monitor_of(parts)
    open_cache(parts.breakers)
    assert parts.kinds == ["gateway_started", "breaker_opened"]
    await parts.close()


async def test_the_first_viewers_hub_knows_what_happened_before(tmp_path):
    parts = GatewayParts(tmp_path)
    monitor = monitor_of(parts)
    open_cache(parts.breakers)
    hub = monitor.hub
    assert monitor.hub is hub
    assert len(hub.feed._transitions) == 1
    assert (len(hub.feed._moves), len(hub.feed._others)) == (1, 1)
    open_again = parts.breakers.known("cache")
    assert open_again is not None
    open_again.pass_time(now_s() + open_again.settings.open_duration_s)
    assert len(hub.feed._transitions) == 2
    monitor.disconnect()
    monitor.stop()
    await parts.close()


async def test_without_viewers_there_is_nothing_to_end(tmp_path):
    parts = GatewayParts(tmp_path)
    monitor = monitor_of(parts)
    monitor.disconnect()
    monitor.stop()
    assert monitor._hub is None
    await parts.close()

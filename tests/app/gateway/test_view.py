from app.gateway.monitor.overrides import Overrides
from app.gateway.readiness import Readiness
from app.gateway.view import GatewayView, TrafficSources
from app.policy.model import OverrideState
from app.telemetry.counts import UpstreamCounts
from app.telemetry.history_sample import NO_TRAFFIC, BreakerMeter
from app.telemetry.reading import Sources
from tests.fakes.gateway_parts import GatewayParts


def view_of(parts: GatewayParts, meters: dict[str, BreakerMeter] | None = None) -> GatewayView:
    overrides = Overrides(parts.breakers, parts.events, parts.loop)
    readiness = Readiness(parts.context, lambda: None, parts.history)
    return GatewayView(
        parts.context,
        parts.breakers,
        overrides,
        readiness,
        parts.counts,
        Sources(),
        TrafficSources(
            lambda: tuple(parts.bindings.upstreams.values()),
            (meters or {}).get,
            lambda: {"rows": [], "total": 0},
            lambda: {"rows": [], "more": 0},
        ),
    )


async def test_it_shows_what_is_in_force(tmp_path):
    parts = GatewayParts(tmp_path, ADMIN_TOKEN="token-1-of-the-tests", POD_NAME="gw-1")
    view = view_of(parts)
    assert view.identity.pod == "gw-1"
    assert view.table() is parts.context.plans.table
    assert view.admin_token == "token-1-of-the-tests"
    assert view.ready()[0] is False
    assert [breaker.name for breaker in view.breakers()] == ["cache"]
    assert view.breaker("cache") is not None
    assert view.breaker("odd") is None
    await parts.close()


async def test_an_override_is_put_on_a_known_breaker_only(tmp_path):
    parts = GatewayParts(tmp_path)
    view = view_of(parts)
    view.override("cache", OverrideState.OPEN, 60.0, "Ada")
    view.override("odd", OverrideState.OPEN, 60.0, "Ada")
    (breaker,) = view.breakers()
    assert breaker.state == "open"
    assert [moved.to_state for moved in view.transitions("cache")] == ["open"]
    assert parts.kinds == ["override_started"]
    await parts.close()


async def test_metrics_are_read_at_once_and_written_later(tmp_path):
    parts = GatewayParts(tmp_path)
    write = view_of(parts).metrics("")
    parts.counts.internal_errors = 7
    content_type, page = write()
    assert content_type.startswith("text/plain")
    assert b"tidegate_internal_errors_total 0" in page
    await parts.close()


async def test_upstreams_are_those_in_force_with_their_endpoints(tmp_path):
    parts = GatewayParts(tmp_path)
    (upstream,) = view_of(parts).upstreams()
    assert (upstream.name, [each.address for each in upstream.endpoints]) == ("cache", ["127.0.0.1:9"])
    await parts.close()


async def test_the_traffic_of_a_breaker_is_that_of_its_meter(tmp_path):
    parts = GatewayParts(tmp_path)
    meter = BreakerMeter(UpstreamCounts("cache"))
    meter.advance(0, 41)
    view = view_of(parts, {"cache": meter})
    assert view.breaker_traffic("cache").rejected_per_s == 4.1
    assert view.breaker_traffic("odd") == NO_TRAFFIC
    assert view.problems() == {"rows": [], "total": 0}
    assert view.shadows() == {"rows": [], "more": 0}
    await parts.close()

from app.foundation.clock import now_s
from app.gateway.monitor.sampling import Sampling
from app.gateway.monitor.state import GatewayState, Suppliers
from app.policy.model import OverrideState
from tests.fakes.gateway_parts import ONE_ROUTE, GatewayParts
from tests.fakes.waiting import until
from tests.fakes.watched import watched_by


class Shown:
    def __init__(self, tmp_path, config: str = ONE_ROUTE) -> None:
        self.parts = parts = GatewayParts(tmp_path, config)
        watched = watched_by(parts)
        self.sampling = Sampling(
            parts.counts, parts.breakers, watched.connections, lambda: parts.context.plans.table
        )
        suppliers = Suppliers(
            lambda: {"ready": True},
            lambda: {"available": False},
            lambda: "cache",
            {"edits": list},
            {"problems": dict},
        )
        self.state = GatewayState(
            parts.context, parts.breakers, parts.limits.limiter, watched.connections, self.sampling, suppliers
        )


async def test_a_first_look_has_all_parts(tmp_path):
    shown = Shown(tmp_path)
    state = shown.state.state(None, sampled=True)
    assert (state.gateway, state.test, state.routes_total) == ({"ready": True}, {"available": False}, 1)
    assert (state.breakers["cache"]["state"], state.breakers["cache"]["demo"]) == ("closed", True)
    assert state.routes["all"]["rps"] == 0.0
    assert state.connections["clients"] == 0
    assert state.panels == {"edits": [], "problems": {}}
    await shown.parts.close()


async def test_between_samples_only_breakers_that_moved_are_made_again(tmp_path):
    shown = Shown(tmp_path)
    first = shown.state.state(None, sampled=True)
    same = shown.state.state(first, sampled=False)
    assert same.breakers["cache"] is first.breakers["cache"]
    assert same.routes is first.routes
    breaker = shown.parts.breakers.known("cache")
    assert breaker is not None
    breaker.override(OverrideState.OPEN, 60.0, "Ada", now_s(), 0.0)
    moved = shown.state.state(same, sampled=False)
    assert moved.breakers["cache"]["state"] == "open"
    await shown.parts.close()


async def test_another_configuration_is_another_state(tmp_path):
    shown = Shown(tmp_path)
    first = shown.state.state(None, sampled=True)
    shown.parts.reloads.changed(str(shown.parts.file), ONE_ROUTE.replace("name: all", "name: every").encode())
    await until(lambda: shown.parts.sequence == 2, "the reload")
    assert set(shown.state.state(first, sampled=False).routes) == {"every"}
    await shown.parts.close()


async def test_the_next_change_by_time_is_the_end_of_an_override(tmp_path):
    shown = Shown(tmp_path)
    now = now_s()
    assert shown.state.next_change_s(now) is None
    breaker = shown.parts.breakers.known("cache")
    assert breaker is not None
    breaker.override(OverrideState.OPEN, 60.0, "Ada", now, 0.0)
    assert shown.state.next_change_s(now) == 60.0
    await shown.parts.close()


async def test_sparks_and_their_last_second_come_from_the_samples(tmp_path):
    shown = Shown(tmp_path)
    shown.sampling.begin()
    assert shown.sampling.take(10)
    shown.sampling.end(100.0)
    assert shown.state.sparks()["cache"]["endsAt"] == 100_000
    assert shown.state.tick() == {"endsAt": 100_000, "breakers": {}}
    assert list(shown.state.history(0)[0].times_ms) == [100_000]
    await shown.parts.close()

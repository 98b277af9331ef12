from app.config.edits import Change, Edit
from app.config.rejection import Rejection
from app.foundation.clock import now_s, wall_s
from app.gateway.monitor.diagnosis import Diagnosis
from app.gateway.monitor.sampling import Sampling
from app.policy.model import OverrideState
from tests.fakes.gateway_parts import ONE_ROUTE, GatewayParts
from tests.fakes.watched import watched_by

LIMITED = (
    ONE_ROUTE
    + """
policies:
  - name: defaults
    spec:
      targetRefs: [{kind: Gateway}]
      circuitBreaker: {consecutiveFailures: 3, slowCalls: {threshold: 1s, percent: 50}}
      rateLimit: {onStoreFailure: Closed, rules: [{name: per-client, key: Client, requests: 18, period: 1m}]}
"""
)


class Looked:
    def __init__(self, tmp_path, config: str = ONE_ROUTE) -> None:
        self.parts = parts = GatewayParts(tmp_path, config)
        watched = watched_by(parts)
        self.sampling = Sampling(
            parts.counts, parts.breakers, watched.connections, lambda: parts.context.plans.table
        )
        self.diagnosis = Diagnosis(watched, self.sampling.sampler)

    def second(self) -> list[tuple[str, str]]:
        self.sampling.begin()
        self.sampling.take(100)
        self.sampling.end(wall_s())
        self.diagnosis.look()
        return [(each.kind, each.subject) for each in self.diagnosis.problems]


async def test_nothing_is_wrong_at_first(tmp_path):
    looked = Looked(tmp_path)
    assert looked.second() == []
    await looked.parts.close()


async def test_a_limit_that_rejects_is_found_with_the_edit_that_cut_it(tmp_path):
    looked = Looked(tmp_path, LIMITED)
    change = Change("Gateway", "rateLimit", "rules.per-client.requests", 1800, 18, "file", "defaults")
    cut = Edit(wall_s(), 2, "gateway.yaml", (change,))
    looked.parts.history.add(cut)
    route = looked.parts.counts.route("all")
    for allowed in range(10):
        route.count(b"GET", 429 if allowed > 3 else 200, "rate_limited" if allowed > 3 else "")
        route.count_decision("per-client", "limited" if allowed > 3 else "allowed")
        route.duration.observe(0.01)
    looked.second()
    assert looked.second() == [("limit", "defaults/per-client")]
    assert looked.diagnosis.problems[0].edit is cut
    await looked.parts.close()


async def test_a_breaker_is_found_while_it_is_held_open_and_no_longer(tmp_path):
    looked = Looked(tmp_path, LIMITED)
    breaker = looked.parts.breakers.known("cache")
    assert breaker is not None
    breaker.override(OverrideState.OPEN, 60.0, "Ada", now_s(), wall_s())
    assert looked.second() == [("breaker", "cache")]
    breaker.override(OverrideState.OPEN, 1.0, "Ada", now_s() - 2.0, wall_s() - 2.0)
    assert looked.second() == [], "its time is over, though no request has noticed"
    await looked.parts.close()


async def test_failures_and_slowness_of_a_closed_breaker_are_found(tmp_path):
    looked = Looked(tmp_path, LIMITED)
    upstream, breaker = looked.parts.counts.upstream("cache"), looked.parts.breakers.known("cache")
    assert breaker is not None
    looked.second()
    for _ in range(10):
        upstream.duration.observe(0.01)
    breaker.failures_total += 2
    looked.second()
    assert [each.kind for each in looked.diagnosis.problems] == ["errors"]
    await looked.parts.close()


async def test_a_rejected_configuration_is_found_until_its_source_is_valid_again(tmp_path):
    looked = Looked(tmp_path)
    looked.parts.history.reject(Rejection(wall_s(), "gateway.yaml", ("line 3: no",)))
    assert looked.second() == [("config_rejected", "gateway.yaml")]
    looked.parts.history.accept("gateway.yaml")
    assert looked.second() == []
    await looked.parts.close()

from app.breaker.values import Permit
from app.gateway.monitor.connections import ConnectionNumbers
from app.gateway.monitor.sampling import Sampling
from tests.fakes.gateway_parts import ONE_ROUTE, GatewayParts

LIMITED = (
    ONE_ROUTE
    + """
policies:
  - name: own
    spec:
      targetRefs: [{kind: Gateway}]
      rateLimit:
        rules:
          - {name: one, key: Global, requests: 9, period: 1h}
          - {name: two, key: Global, requests: 9, period: 1h}
"""
)


def sampling_of(parts: GatewayParts) -> Sampling:
    connections = ConnectionNumbers(int, int, parts.counts, list)
    return Sampling(parts.counts, parts.breakers, connections, lambda: parts.context.plans.table)


def request(parts: GatewayParts, *rules: str) -> None:
    """One that these rules let pass."""
    cells = parts.counts.route("all")
    cells.count(b"GET", 200, "")
    cells.duration.observe(0.01)
    for rule in rules:
        cells.count_decision(rule, "allowed")


def one_second(sampling: Sampling, at_wall_s: float):
    sampling.begin()
    while not sampling.take(1):
        pass
    return sampling.end(at_wall_s)


async def test_a_second_holds_what_was_counted_in_it(tmp_path):
    parts = GatewayParts(tmp_path, LIMITED)
    sampling = sampling_of(parts)
    one_second(sampling, 100.0)
    request(parts, "one")
    point = one_second(sampling, 101.0)[-1]
    assert sampling.at_ms == 101_000
    assert (point.at_ms, point.values["outcome.ok"]) == (101_000, 1)
    assert (point.values["limit.own/one.allowed"], point.values["limit.own/one.limited"]) == (1, 0)
    assert list(sampling.since(100_000)[0].times_ms) == [101_000]
    await parts.close()


async def test_only_so_many_rules_are_charted_and_those_that_go_make_room(tmp_path, monkeypatch):
    monkeypatch.setattr("app.gateway.monitor.sampling.MOST_RULES_CHARTED", 1)
    parts = GatewayParts(tmp_path, LIMITED)
    sampling = sampling_of(parts)
    one_second(sampling, 100.0)
    request(parts, "one", "two")
    point = one_second(sampling, 101.0)[-1]
    assert sorted(name for name in point.values if name.startswith("limit.")) == [
        "limit.own/one.allowed",
        "limit.own/one.limited",
    ]
    await parts.close()


async def test_statuses_of_failure_on_are_failures_of_the_route(tmp_path):
    policy = """
policies:
  - name: own
    spec:
      targetRefs: [{kind: Gateway}]
      circuitBreaker: {failureOn: [429, 5xx], consecutiveFailures: 9}
"""
    parts = GatewayParts(tmp_path, ONE_ROUTE + policy)
    sampling = sampling_of(parts)
    one_second(sampling, 100.0)
    cells = parts.counts.route("all")
    for status in (200, 429, 503):
        cells.count(b"GET", status, "")
        cells.duration.observe(0.01)
    point = one_second(sampling, 101.0)[-1]
    assert (point.values["outcome.ok"], point.values["outcome.upstream_error"]) == (1, 2)
    assert sampling.sampler.routes["all"].failed == 2
    await parts.close()


async def test_failures_of_requests_that_passed_before_a_breaker_opened_are_its_own(tmp_path):
    parts = GatewayParts(tmp_path)
    sampling = sampling_of(parts)
    one_second(sampling, 100.0)
    breaker = parts.breakers.known("cache")
    assert breaker is not None
    in_flight = [breaker.admit(1.0) for _ in range(10)]
    for call in in_flight:
        assert isinstance(call, Permit)
        breaker.fail(call, 2.0, "status_503")
    one_second(sampling, 101.0)
    assert breaker.view(2.0, 2.0).failures_total == 3  # what opened it
    assert sampling.sampler.breakers["cache"].rolling.sums[1] == 10
    await parts.close()

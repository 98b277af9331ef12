from app.breaker.registry import Breakers
from app.dataplane.proxy.retry import RetryBudget
from app.dataplane.proxy.routes import bind
from app.telemetry.counts import Counts
from tests.fakes.plans import plans_of

TEXT = """\
upstreams: {one: {endpoints: ["http://127.0.0.1:9"]}, two: {endpoints: ["http://127.0.0.1:8"]}}
routes:
  - {name: a, match: {path: {prefix: /a}}, upstream: [{name: one, weight: 3}, {name: two}], auth: none,
     rewrite: {prefix: /x, host: in.example}}
  - {name: b, match: {path: {prefix: /b}}, upstream: one, auth: none, rewrite: {path: /fixed}}
policies:
  - name: p
    spec:
      targetRefs: [{kind: Gateway}]
      rateLimit: {rules: [{name: l, key: Client, requests: 2, period: 1s}]}
      timeout: {request: 3s, idle: 4s}
"""


async def test_routes_share_targets_and_the_rules_of_one_policy():
    first, second = plans_of(TEXT).plans
    assert first.targets[0] is second.targets[0]
    assert first.rules is second.rules
    assert (first.weights, second.weights) == ((3, 1), (1,))


ALIKE = """\
upstreams: {one: {endpoints: ["http://127.0.0.1:9"]}, two: {endpoints: ["http://127.0.0.1:8"]}}
routes:
  - {name: a, match: {path: {prefix: /a}}, upstream: [{name: one, weight: 3}, {name: two}], auth: none}
  - {name: b, match: {path: {prefix: /b}}, upstream: [{name: one, weight: 3}, {name: two}], auth: none,
     retry: {attempts: 2}}
"""


async def test_routes_with_the_same_upstreams_share_what_leads_to_them():
    plans = plans_of(ALIKE)
    first, second = plans.plans
    assert first.targets is second.targets
    assert first.weights is second.weights
    assert plans.table.routes[0].breakers is plans.table.routes[1].breakers == ("one", "two")


async def test_a_route_without_retries_has_no_budget_for_them():
    plans = plans_of(ALIKE)
    asked: list[str] = []

    def budget_of(name: str) -> RetryBudget:
        asked.append(name)
        return RetryBudget()

    for plan in plans.plans:
        plan.is_bound = False
    upstreams = {target.upstream.name: target.upstream for target in plans.plans[0].targets}
    breakers = {target.breaker.name: target.breaker for target in plans.plans[0].targets}
    for _ in bind(plans, upstreams, breakers.__getitem__, Counts("test"), budget_of):
        pass
    assert asked == ["b"]


async def test_a_plan_carries_what_the_file_says():
    first, second = plans_of(TEXT).plans
    assert (first.request_s, first.idle_s, first.needs_key) == (3.0, 4.0, False)
    assert (first.prefix, first.forwarding.host, second.forwarding.path) == (b"/a", b"in.example", b"/fixed")
    assert first.rules_for(None).policy_line == b'ratelimit-policy: "l";q=2;w=1\r\n'
    first.rules_for(None).allowed[0].number += 1
    first.rules_for(None).limited["l"].cell.number += 2
    assert first.counts.decisions == {("l", "allowed"): 1, ("l", "limited"): 2}


TIERS = """\
upstreams: {one: {endpoints: ["http://127.0.0.1:9"]}}
routes: [{name: a, match: {path: {prefix: /}}, upstream: one, auth: none}]
policies:
  - name: p
    spec:
      targetRefs: [{kind: Gateway}]
      rateLimit:
        rules:
          - {name: all, key: Client, requests: 2, period: 1s}
          - {name: gold, key: Client, requests: 9, period: 1s, tiers: [gold]}
"""


async def test_the_rules_of_a_tier_are_found_once():
    (route,) = plans_of(TIERS).plans
    assert [rule.name for rule in route.rules_for("gold").rules] == ["gold"]
    assert [rule.name for rule in route.rules_for("silver").rules] == ["all"]
    assert route.rules_for("gold") is route.rules_for("gold")
    in_turn = [route.rules_for(tier) for tier in ("gold", None, "gold", "silver", None)]
    assert [each.rules[0].name for each in in_turn] == ["gold", "all", "gold", "all", "all"]
    assert in_turn[0] is in_turn[2]


async def test_breakers_and_counts_outlive_the_plans():
    counts, breakers = Counts("test"), Breakers()
    before = plans_of(TEXT, counts=counts, breakers=breakers).plans[0]
    after = plans_of(TEXT, counts=counts, breakers=breakers).plans[0]
    assert before is not after
    assert before.counts is after.counts
    assert before.targets[0].breaker is after.targets[0].breaker
    assert before.targets[0].counts is after.targets[0].counts

from app.breaker.registry import Breakers
from app.dataplane.proxy.retry import RetryBudget
from app.dataplane.proxy.routes import SLICE, bind
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


async def test_a_plan_carries_what_the_file_says():
    first, second = plans_of(TEXT).plans
    assert (first.request_s, first.idle_s, first.needs_key) == (3.0, 4.0, False)
    assert (first.prefix, first.host, first.path, second.path) == (b"/a", b"in.example", None, b"/fixed")
    assert first.limits_for(None) == (first.rules, b'ratelimit-policy: "l";q=2;w=1\r\n')


async def test_what_limits_a_tier_is_found_once():
    gold = "{name: g, key: Client, requests: 5, period: 1s, tiers: [gold]}"
    plan = plans_of(TEXT.replace("{name: l,", f"{gold}, {{name: l,")).plans[0]
    assert [rule.name for rule in plan.limits_for("gold")[0]] == ["g"]
    assert [rule.name for rule in plan.limits_for("silver")[0]] == ["l"]
    assert plan.limits_for("gold")[1] == b'ratelimit-policy: "g";q=5;w=1\r\n'
    assert plan.limits_for("gold")[0] is plan.limits_for("gold")[0]


async def test_breakers_and_counts_outlive_the_plans():
    counts, breakers = Counts("test"), Breakers()
    before = plans_of(TEXT, counts=counts, breakers=breakers).plans[0]
    after = plans_of(TEXT, counts=counts, breakers=breakers).plans[0]
    assert before is not after
    assert before.counts is after.counts
    assert before.targets[0].breaker is after.targets[0].breaker
    assert before.targets[0].counts is after.targets[0].counts


async def test_routes_are_bound_a_slice_at_a_time():
    """So that requests run between: no slice takes longer for a larger table."""
    count = 3 * SLICE + 1
    routes = ", ".join(
        f"{{name: r{n}, match: {{path: {{prefix: /p{n}}}}}, upstream: cache}}" for n in range(count)
    )
    plans = plans_of(f"routes: [{routes}]", auth="none", api_key="k")
    counts = Counts("test")
    upstreams = {"cache": plans.plans[0].targets[0].upstream}
    breaker = plans.plans[0].targets[0].breaker
    slices = bind(plans, upstreams, lambda _: breaker, counts, lambda _: RetryBudget())
    bound = [len(counts.routes) for _ in slices]
    assert bound == [SLICE, 2 * SLICE, 3 * SLICE]
    assert len(counts.routes) == count

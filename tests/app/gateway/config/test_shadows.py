from app.foundation.clock import now_s
from tests.fakes.gateway_parts import ONE_ROUTE, GatewayParts
from tests.fakes.waiting import until

SHADOW = """
policies:
  - name: trial
    spec:
      mode: Shadow
      targetRefs: [{kind: Gateway}]
      circuitBreaker: {consecutiveFailures: 1}
      rateLimit: {rules: [{name: all, key: Global, requests: 1, period: 1h}]}
"""


async def test_what_a_shadow_policy_keeps_outlives_the_table(tmp_path):
    parts = GatewayParts(tmp_path, ONE_ROUTE + SHADOW)
    (plan,) = parts.context.plans.plans
    before = plan.targets[0].shadow
    assert before is not None
    assert plan.shadow_limit is not None
    parts.reloads.changed(
        str(parts.file), (ONE_ROUTE + SHADOW.replace("Failures: 1", "Failures: 2")).encode()
    )
    await until(lambda: parts.sequence == 2, "the reload")
    (plan,) = parts.context.plans.plans
    assert plan.targets[0].shadow is not None
    assert plan.targets[0].shadow.breaker is before.breaker
    parts.bindings.shadows.tick(now_s())
    await parts.close()


async def test_a_transition_in_the_shadow_is_counted_and_rejects_nothing(tmp_path, caplog):
    caplog.set_level("INFO", "tidegate.shadow")
    parts = GatewayParts(tmp_path, ONE_ROUTE + SHADOW)
    target = parts.context.plans.plans[0].targets[0]
    assert target.shadow is not None
    breaker = target.shadow.breaker
    breaker.fail(breaker.admit(now_s()), now_s(), "status_503")  # type: ignore[arg-type]
    assert parts.counts.shadow_transitions == {("trial", "Gateway", "open"): 1}
    assert "breaker cache would go closed → open" in caplog.text
    assert target.breaker.view(now_s(), 0.0).state == "closed"
    await parts.close()


async def test_a_policy_that_leaves_shadow_mode_leaves_nothing_behind(tmp_path):
    parts = GatewayParts(tmp_path, ONE_ROUTE + SHADOW)
    parts.counts.count_shadow_rejection("trial", "Gateway", "rate_limited")
    parts.reloads.changed(str(parts.file), ONE_ROUTE.encode())
    await until(lambda: parts.sequence == 2, "the reload")
    (plan,) = parts.context.plans.plans
    assert (plan.targets[0].shadow, plan.shadow_limit) == (None, None)
    assert parts.counts.shadow_rejections == {}
    await parts.close()

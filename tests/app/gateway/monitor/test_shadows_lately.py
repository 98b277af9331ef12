from app.admin.feed.shadows import shadows_shape
from app.gateway.monitor.shadows_lately import ShadowsLately
from tests.fakes.gateway_parts import ONE_ROUTE, GatewayParts
from tests.fakes.watched import watched_by

SHADOW = """
policies:
  - name: trial
    spec:
      targetRefs: [{kind: Gateway}]
      mode: Shadow
      rateLimit: {rules: [{name: all, key: Global, requests: 1, period: 1m}]}
"""
LABEL = ("trial", "Gateway")


async def test_what_shadows_would_have_rejected_is_known_since_when(tmp_path):
    parts = GatewayParts(tmp_path, ONE_ROUTE + SHADOW)
    shadows = ShadowsLately(watched_by(parts))
    shadows.use(parts.context.plans.table, 1_000)
    parts.counts.count_shadow_rejection(*LABEL, "rate_limited")
    parts.counts.count_shadow_transition(*LABEL, "open")
    shadows.look(2_000)
    assert [shadow.policy.name for shadow in shadows.policies] == ["trial"]
    found = shadows.rejected()[LABEL]
    assert (found.since_ms, found.counts) == (1_000, {"rate_limited": 1, "open": 1})
    assert shadows.panel() == shadows_shape(shadows.policies, shadows.rejected(), str(parts.file))
    await parts.close()


async def test_of_no_shadows_there_is_nothing(tmp_path):
    parts = GatewayParts(tmp_path)
    shadows = ShadowsLately(watched_by(parts))
    shadows.use(parts.context.plans.table, 1_000)
    shadows.look(2_000)
    assert (shadows.rejected(), shadows.panel()) == ({}, {"rows": [], "more": 0})
    await parts.close()

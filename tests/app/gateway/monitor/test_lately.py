from app.config.edits import Edit
from app.gateway.monitor.lately import Lately
from app.telemetry.edit_rates import Rates
from app.telemetry.history import History, Tally
from app.telemetry.history_sample import Sampler
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


async def test_each_second_what_shadows_would_have_rejected_is_looked_at(tmp_path):
    parts = GatewayParts(tmp_path, ONE_ROUTE + SHADOW)
    lately = Lately(watched_by(parts), lambda _: (), Sampler(parts.counts))
    lately.look(1_000)
    parts.counts.count_shadow_rejection(*LABEL, "rate_limited")
    parts.counts.count_shadow_transition(*LABEL, "open")
    lately.look(2_000)
    assert [shadow.policy.name for shadow in lately.shadow_policies] == ["trial"]
    found = lately.shadows()[LABEL]
    assert (found.since_ms, found.counts) == (1_000, {"rate_limited": 1, "open": 1})
    await parts.close()


async def test_without_shadows_there_is_nothing(tmp_path):
    parts = GatewayParts(tmp_path)
    lately = Lately(watched_by(parts), lambda _: (), Sampler(parts.counts))
    lately.look(1_000)
    assert lately.shadows() == {}
    await parts.close()


async def test_each_second_the_rates_around_edits_are_looked_at(tmp_path):
    parts, history = GatewayParts(tmp_path), History()
    lately = Lately(watched_by(parts), history.since, Sampler(parts.counts))
    for second in range(1, 120):
        if second == 30:
            parts.history.add(Edit(30.0, 2, "gateway.yaml", ()))
        history.add(second * 1000, Tally({"outcome.ok": 5 if second <= 30 else 1}, {}, *[[0] * 14] * 2))
        lately.look(second * 1000)
    assert lately.edit_rates.of[2] == (Rates(30, (("ok", 5.0),)), Rates(60, (("ok", 1.0),)))
    await parts.close()

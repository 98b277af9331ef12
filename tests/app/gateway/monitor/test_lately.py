from typing import Any

from app.config.edits import Edit
from app.gateway.monitor.lately import Lately
from app.telemetry.edit_rates import Rates
from app.telemetry.history import History, Tally
from app.telemetry.history_sample import Sampler
from tests.fakes.gateway_parts import ONE_ROUTE, GatewayParts
from tests.fakes.waiting import until
from tests.fakes.watched import watched_by

SHADOW = """
policies:
  - name: trial
    spec:
      targetRefs: [{kind: Gateway}]
      mode: Shadow
      rateLimit: {rules: [{name: all, key: Global, requests: 1, period: 1m}]}
"""


async def test_each_second_what_shadows_would_have_rejected_is_looked_at(tmp_path):
    parts = GatewayParts(tmp_path, ONE_ROUTE + SHADOW)
    lately = Lately(watched_by(parts), lambda _: (), Sampler(parts.counts))
    lately.look(1_000)
    parts.counts.count_shadow_rejection("trial", "Gateway", "rate_limited")
    lately.look(2_000)
    rows: Any = lately.shadows_panel()["rows"]
    assert [(row["policy"], row["since"], row["rejected"]) for row in rows] == [
        ("trial", 1_000, {"rate_limited": 1})
    ]
    await parts.close()


async def test_without_shadows_there_is_nothing(tmp_path):
    parts = GatewayParts(tmp_path)
    lately = Lately(watched_by(parts), lambda _: (), Sampler(parts.counts))
    lately.look(1_000)
    assert lately.shadows_panel() == {"rows": [], "more": 0}
    await parts.close()


async def test_shadows_that_an_edit_takes_away_are_shown_no_more(tmp_path):
    parts = GatewayParts(tmp_path, ONE_ROUTE + SHADOW)
    lately = Lately(watched_by(parts), History().since, Sampler(parts.counts))
    lately.look(1_000)
    parts.reloads.changed(str(parts.file), ONE_ROUTE.encode())
    await until(lambda: parts.sequence == 2, "the edit")
    lately.look(2_000)
    assert lately.shadows_panel() == {"rows": [], "more": 0}
    await parts.close()


async def test_each_second_the_rates_around_edits_are_looked_at(tmp_path):
    parts, history = GatewayParts(tmp_path), History()
    lately = Lately(watched_by(parts), history.since, Sampler(parts.counts))
    for second in range(1, 120):
        if second == 30:
            parts.history.add(Edit(30.0, 2, "gateway.yaml", ()))
        history.add(second * 1000, Tally({"outcome.ok": 5 if second <= 30 else 1}, {}, *[[0] * 14] * 2))
        lately.look(second * 1000)
    assert lately.edit_rates[2] == (Rates(30, (("ok", 5.0),)), Rates(60, (("ok", 1.0),)))
    await parts.close()

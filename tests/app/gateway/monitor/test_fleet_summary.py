from threading import get_ident

from app.breaker.registry import Breakers
from app.breaker.values import BreakerState
from app.config.settings_in_force import SettingsInForce, settings_in_force
from app.config.sync.summary import MOST_SUMMARIZED
from app.config.table import Table
from app.gateway.monitor.fleet_summary import FleetSummary, breaker_summaries
from app.policy.model import CircuitBreaker, OverrideState
from tests.app.gateway.monitor.test_sampling import one_second, request, sampling_of
from tests.fakes.gateway_parts import ONE_ROUTE, GatewayParts
from tests.fakes.waiting import until


async def test_it_counts_what_was_sent_what_failed_and_what_was_rejected(tmp_path):
    parts = GatewayParts(tmp_path)
    sampling = sampling_of(parts)
    request(parts)
    cells = parts.counts.route("all")
    for code, reason in ((502, "upstream_connect"), (500, ""), (429, "rate_limited"), (499, "")):
        cells.count(b"GET", code, reason)
        cells.duration.observe(0.02)
    one_second(sampling, 1.0)
    summary = await FleetSummary(parts.context, parts.breakers, sampling.sampler, lambda: True).compose("")
    traffic = summary.traffic
    assert (traffic.rps, traffic.failed_per_s, traffic.rejected_per_s) == (0.5, 0.2, 0.1)
    assert traffic.p99_ms is not None
    assert (summary.sequence, summary.is_ready, summary.is_draining) == (1, True, False)
    assert [one.name for one in summary.breakers] == ["cache"]
    await parts.close()


async def test_settings_are_sent_until_the_operator_holds_them_and_again_after_an_edit(tmp_path):
    parts = GatewayParts(tmp_path)
    maker = FleetSummary(parts.context, parts.breakers, sampling_of(parts).sampler, lambda: False)
    first = await maker.compose("")
    assert first.settings
    assert (await maker.compose(first.settings_digest)).settings == ()
    longer = ONE_ROUTE + (
        "policies: [{name: p, spec: {targetRefs: [{kind: Gateway}], timeout: {request: 7s}}}]\n"
    )
    parts.reloads.changed(str(parts.file), longer.encode())
    await until(lambda: parts.sequence == 2, "the reload")
    second = await maker.compose(first.settings_digest)
    assert second.settings_digest != first.settings_digest
    assert any("7s" in one.value for one in second.settings)
    assert second.is_ready is False
    await parts.close()


def test_what_is_not_closed_comes_first_and_the_rest_is_counted():
    breakers = Breakers(lambda: 100.0)
    for number in range(MOST_SUMMARIZED + 5):
        breakers.get(f"b{number:03}", CircuitBreaker(consecutive_failures=3))
    last = breakers.known("b204")
    assert last is not None
    last.override(OverrideState.OPEN, 60.0, "Ada", 10.0, 100.0)
    summaries = breaker_summaries([one.view(12.0, 102.0) for one in breakers.all()], {}, 102.0)
    assert len(summaries) == MOST_SUMMARIZED
    first = summaries[0]
    assert (first.name, first.state, first.is_forced) == ("b204", BreakerState.OPEN, True)
    assert summaries[1].not_closed_for_s is None


async def test_settings_are_read_beside_the_loop_once_for_each_table(tmp_path, monkeypatch):
    parts = GatewayParts(tmp_path)
    threads: list[int] = []

    def read(table: Table) -> SettingsInForce:
        threads.append(get_ident())
        return settings_in_force(table)

    monkeypatch.setattr("app.gateway.monitor.fleet_summary.settings_in_force", read)
    maker = FleetSummary(parts.context, parts.breakers, sampling_of(parts).sampler, lambda: True)
    assert (await maker.compose("")).settings == (await maker.compose("")).settings
    assert len(threads) == 1
    assert threads[0] != get_ident()
    await parts.close()

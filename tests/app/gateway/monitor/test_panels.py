from app.config.edits import Edit
from app.gateway.monitor.lately import Lately
from app.gateway.monitor.panels import CLIENTS_EVERY_S, suppliers_of_panels
from app.telemetry.history_sample import Sampler
from tests.fakes.gateway_parts import GatewayParts
from tests.fakes.watched import watched_by


def panels_of(parts: GatewayParts):
    watched = watched_by(parts)
    return suppliers_of_panels(watched, Lately(watched, lambda _: (), Sampler(parts.counts)))


async def test_the_panel_of_edits_shows_what_was_applied_since(tmp_path):
    parts = GatewayParts(tmp_path)
    edits = panels_of(parts)["edits"]
    assert edits() == []
    parts.history.add(Edit(1.0, 2, "gateway.yaml", ()))
    (shown,) = edits()
    assert shown == {
        "at": 1000, "sequence": 2, "source": "gateway.yaml", "changes": [], "omitted": 0, "inverse": [],
        "before": None, "after": None,
    }  # fmt: skip
    assert edits() is edits(), "it is made anew only when it has changed"
    await parts.close()


async def test_the_panel_of_clients_is_made_anew_every_few_seconds(tmp_path, monkeypatch):
    now = 100.0
    monkeypatch.setattr("app.gateway.monitor.panels.now_s", lambda: now)
    parts = GatewayParts(tmp_path)
    clients = panels_of(parts)["clients"]
    assert clients() == {"rules": [], "moreRules": 0, "routes": [], "moreRoutes": 0}
    parts.counts.rejected.count("orders", "acme", None)
    assert clients()["routes"] == []
    now += CLIENTS_EVERY_S
    assert clients()["routes"][0]["clients"] == [{"client": "acme", "rejected": 1, "remaining": None}]
    await parts.close()


async def test_a_gateway_without_shadows_has_no_rows_of_them(tmp_path):
    parts = GatewayParts(tmp_path)
    assert panels_of(parts)["shadows"]() == {"rows": [], "more": 0}
    await parts.close()


async def test_the_panel_of_upstreams_shows_where_their_endpoints_are(tmp_path):
    parts = GatewayParts(tmp_path)
    shown = panels_of(parts)["upstreams"]()
    assert isinstance(shown, list)
    assert [each["name"] for each in shown] == sorted(parts.bindings.upstreams)
    assert all(each["unreachable"] is None for each in shown)
    await parts.close()

from app.config.edits import Edit
from app.gateway.monitor.panels import suppliers_of_panels
from tests.fakes.gateway_parts import GatewayParts
from tests.fakes.watched import watched_by


async def test_the_panel_of_edits_shows_what_was_applied_since(tmp_path):
    parts = GatewayParts(tmp_path)
    edits = suppliers_of_panels(watched_by(parts))["edits"]
    assert edits() == []
    parts.history.add(Edit(1.0, 2, "gateway.yaml", ()))
    assert edits() == [{"at": 1000, "sequence": 2, "source": "gateway.yaml", "changes": [], "omitted": 0}]
    await parts.close()


async def test_the_panel_of_upstreams_shows_where_their_endpoints_are(tmp_path):
    parts = GatewayParts(tmp_path)
    shown = suppliers_of_panels(watched_by(parts))["upstreams"]()
    assert isinstance(shown, list)
    assert [each["name"] for each in shown] == sorted(parts.bindings.upstreams)
    assert all(each["unreachable"] is None for each in shown)
    await parts.close()

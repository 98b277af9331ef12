from dataclasses import replace

from app.config.model import HealthCheck, UpstreamName, UpstreamProtocol
from app.config.resource_facts import key_facts, route_facts, upstream_facts
from tests.fakes.admin_view import full_table

TABLE = full_table()
DEFAULT, ORDERS, AWAY = (settings.route for settings in TABLE.routes)


def test_header_values_are_compared_and_not_shown():
    facts = route_facts(ORDERS)
    assert facts["requestHeaders"].shown == ["set Authorization", "remove X-Debug"]
    assert "upstream-secret" in str(facts["requestHeaders"].compared)
    assert facts["match.headers"].shown == ["x-beta", "x-id"]
    assert ("x-beta", "yes", None) in facts["match.headers"].compared  # type: ignore[operator]


def test_what_is_not_set_is_left_out():
    assert sorted(route_facts(AWAY)) == ["auth", "match.path", "redirect"]
    assert sorted(route_facts(DEFAULT)) == ["auth", "match.path", "upstream"]


def test_an_upstream_shows_its_endpoints_as_urls():
    plain, checked = (upstream_facts(TABLE.upstreams[UpstreamName(name)]) for name in ("cache", "canary"))
    assert plain["endpoints"].shown == ["http://localhost:8081", "http://[::1]:8081"]
    assert checked["healthCheck"].shown == "/livez"
    by_grpc = replace(TABLE.upstreams[UpstreamName("canary")], health_check=HealthCheck(grpc_service="a.B"))
    assert upstream_facts(by_grpc)["healthCheck"].shown == "grpc:a.B"


def test_an_upstream_shows_a_protocol_that_the_file_sets():
    cache = TABLE.upstreams[UpstreamName("cache")]
    assert "protocol" not in upstream_facts(cache)
    assert upstream_facts(replace(cache, protocol=UpstreamProtocol.H2))["protocol"].shown == "h2"


def test_a_key_shows_its_tiers_and_never_its_hash():
    assert [key_facts([entry])["tiers"].shown for entry in TABLE.keys] == [["gold"], [None]]

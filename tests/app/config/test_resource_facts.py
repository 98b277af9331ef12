from dataclasses import replace

from app.config.model import (
    CertificateName,
    ClientCertificates,
    Cors,
    HealthCheck,
    Listener,
    ListenerName,
    ListenerProtocol,
    Match,
    Mirror,
    UpstreamName,
    UpstreamProtocol,
    UpstreamTls,
)
from app.config.resource_facts import key_facts, listener_facts, route_facts, upstream_facts
from tests.fakes.admin_view import full_table

TABLE = full_table()
DEFAULT, ORDERS, AWAY = (settings.route for settings in TABLE.routes)


def test_header_values_are_compared_and_not_shown():
    facts = route_facts([ORDERS])
    assert facts["requestHeaders"].shown == ["set Authorization", "remove X-Debug"]
    assert "upstream-secret" in str(facts["requestHeaders"].compared)
    assert facts["match.headers"].shown == ["x-beta", "x-id"]
    assert ("x-beta", "yes", None) in facts["match.headers"].compared  # type: ignore[operator]


def test_what_is_not_set_is_left_out():
    assert sorted(route_facts([AWAY])) == ["auth", "match.path", "redirect"]
    assert sorted(route_facts([DEFAULT])) == ["auth", "match.path", "upstream"]


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


def test_a_route_with_several_matches_shows_each_on_one_line():
    facts = route_facts([ORDERS, replace(ORDERS, match=Match(hosts=("a.b",), path="/x", methods=("GET",)))])
    assert facts["matches"].shown[1] == "GET a.b prefix:/x"  # type: ignore[index]
    assert "match.path" not in facts
    assert "x-beta=" in str(facts["matches"].shown)
    assert "yes" not in str(facts["matches"].shown)


def test_what_a_route_does_besides_is_shown_without_values():
    facts = route_facts(
        [
            replace(
                DEFAULT,
                listeners=(ListenerName("public"),),
                mirrors=(Mirror(UpstreamName("next"), 0.5),),
                cors=Cors(("https://a.b",)),
            )
        ]
    )
    shown = {name: facts[name].shown for name in ("listeners", "mirror", "cors")}
    assert shown == {"listeners": ["public"], "mirror": ["next:0.5"], "cors": ["https://a.b"]}


def test_an_upstream_of_the_cluster_shows_where_its_endpoints_come_from():
    cache = TABLE.upstreams[UpstreamName("cache")]
    tls = UpstreamTls(ca="-----BEGIN", subject_names=("a",), client_certificate=CertificateName("c"))
    facts = upstream_facts(replace(cache, endpoints=(), tls=tls, is_discovered=True))
    assert (facts["discovered"].shown, facts["tls.ca"].shown) == (True, "PEM")
    assert (facts["tls.subjectAltNames"].shown, facts["tls.clientCertificate"].shown) == (["a"], "c")
    assert upstream_facts(replace(cache, endpoints=(), missing="gone"))["missing"].shown == "gone"


def test_a_listener_shows_what_it_takes():
    plain = Listener(ListenerName("public"), 8081)
    assert {name: fact.shown for name, fact in listener_facts(plain).items()} == {
        "port": 8081,
        "protocol": "http",
    }
    secure = replace(
        plain,
        protocol=ListenerProtocol.HTTPS,
        hosts=("a.b",),
        certificates=(CertificateName("c"),),
        client_certificates=ClientCertificates("/ca", is_required=False),
        public_port=443,
    )
    shown = {name: fact.shown for name, fact in listener_facts(secure).items()}
    assert shown == {
        "port": 8081,
        "protocol": "https",
        "hosts": ["a.b"],
        "certificates": ["c"],
        "clientCertificates": "optional",
        "publicPort": 443,
    }
    asked = listener_facts(replace(secure, client_certificates=ClientCertificates("/ca")))
    assert asked["clientCertificates"].shown == "required"
